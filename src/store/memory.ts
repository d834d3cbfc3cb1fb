/** Objects in memory: for tests, and for configurations that live as long as the process. */
import type { Kind } from '../model/object-set.ts';
import { Deliveries } from './deliveries.ts';
import { keyOf, nameOf } from './object-key.ts';
import { Replica } from './replica.ts';
import { StoreError } from './store-error.ts';
import type {
  Change,
  ObjectRef,
  Store,
  StoredObject,
  StoreParts,
  StoreState,
  StoreStatus,
  Watch,
  Watcher,
  WriteOptions,
  WriteResult,
} from './store.ts';
import { checkUnchanged, planTransaction, type Step } from './transaction.ts';

/** Timers hold at most 2³¹ ms; a longer wait is taken in parts. */
const MAX_WAIT_ms = 3_600_000;

export class MemoryStore implements Store {
  readonly type = 'memory';
  readonly readOnlyReason = '';
  private readonly parts: StoreParts;
  private readonly replica = new Replica(0, []);
  private readonly expiries_ms = new Map<string, number>();
  private lastPut = 0;
  private readonly deliveries: Deliveries;
  private cancelExpiry: () => void = () => undefined;
  private isClosed = false;

  constructor(parts: StoreParts) {
    this.parts = parts;
    this.deliveries = new Deliveries((revision) => this.replica.since(revision, false), parts);
  }

  get status(): StoreStatus {
    return this.deliveries.status;
  }

  async readAll(kind?: Kind): Promise<StoreState> {
    this.checkOpen();
    return this.replica.state(false, kind);
  }

  async get(ref: ObjectRef): Promise<StoredObject | null> {
    this.checkOpen();
    return this.replica.find(ref);
  }

  async write(changes: readonly Change[], options: WriteOptions = {}): Promise<WriteResult> {
    this.checkOpen();
    checkUnchanged(options.unchangedSince, this.lastPut);
    const steps = planTransaction(changes, (ref) => this.replica.find(ref), Math.floor(this.parts.now_ms() / 1000));
    const current = this.replica.revision;
    if (steps.every(({ value }) => value === undefined)) {
      return { revision: current, results: steps.map(({ before }) => ({ before, after: before })) };
    }
    const revision = current + 1;
    const results = steps.map((step) => ({ before: step.before, after: this.take(step, revision) }));
    this.waitForExpiry();
    this.deliveries.wake();
    return { revision, results };
  }

  watch(watcher: Watcher, after?: number): Watch {
    return this.deliveries.add(watcher, after);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.cancelExpiry();
    this.deliveries.close();
  }

  private checkOpen(): void {
    if (this.isClosed) throw new StoreError('closed', 'the store is closed');
  }

  private take({ ref, before, value, ttl_s }: Step, revision: number): StoredObject | null {
    if (value === undefined) return before;
    const name = nameOf(ref);
    this.expiries_ms.delete(name);
    if (value === null) {
      this.replica.delete(ref, revision);
      return null;
    }
    this.lastPut = revision;
    if (ttl_s !== null) this.expiries_ms.set(name, this.parts.now_ms() + ttl_s * 1000);
    const key = keyOf(ref);
    const object: StoredObject = {
      ...ref,
      key,
      path: key,
      value: structuredClone(value),
      createdRevision: before?.createdRevision ?? revision,
      modifiedRevision: revision,
    };
    this.replica.put(object);
    return object;
  }

  private waitForExpiry(): void {
    this.cancelExpiry();
    if (this.expiries_ms.size === 0) return;
    const wait_ms = Math.max(0, Math.min(...this.expiries_ms.values()) - this.parts.now_ms());
    this.cancelExpiry = this.parts.schedule(Math.min(wait_ms, MAX_WAIT_ms), () => this.expire());
  }

  private expire(): void {
    const now_ms = this.parts.now_ms();
    const revision = this.replica.revision + 1;
    const expired = this.replica
      .list()
      .filter((object) => (this.expiries_ms.get(nameOf(object)) ?? Infinity) <= now_ms);
    for (const { kind, id } of expired) {
      this.expiries_ms.delete(nameOf({ kind, id }));
      this.replica.delete({ kind, id }, revision);
    }
    this.waitForExpiry();
    this.deliveries.wake();
  }
}
