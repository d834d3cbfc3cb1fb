/** Objects in memory: for tests, and for configurations that live as long as the process. */
import type { Kind } from '../model/object-set.ts';
import { Deliveries } from './deliveries.ts';
import { keyOf, nameOf } from './object-key.ts';
import { StoreError } from './store-error.ts';
import type {
  Change,
  ObjectRef,
  Store,
  StoreChanges,
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

/** Deletions that are remembered for watches that resume; those that know less get everything. */
const DELETIONS_KEPT = 10_000;
/** Timers hold at most 2³¹ ms; a longer wait is taken in parts. */
const MAX_WAIT_ms = 3_600_000;

export class MemoryStore implements Store {
  readonly type = 'memory';
  readonly readOnlyReason = '';
  private readonly parts: StoreParts;
  private readonly objects = new Map<string, Kept>();
  /** When each deleted object was deleted, oldest first. */
  private readonly deletions = new Map<string, { readonly ref: ObjectRef; readonly revision: number }>();
  /** Deletions up to this revision are forgotten. */
  private forgotten = 0;
  private revision = 0;
  private lastPut = 0;
  private readonly deliveries: Deliveries;
  private cancelExpiry: () => void = () => undefined;
  private isClosed = false;

  constructor(parts: StoreParts) {
    this.parts = parts;
    this.deliveries = new Deliveries((revision) => this.since(revision), parts);
  }

  get status(): StoreStatus {
    return this.deliveries.status;
  }

  async readAll(kind?: Kind): Promise<StoreState> {
    this.checkOpen();
    return this.state(kind);
  }

  async get(ref: ObjectRef): Promise<StoredObject | null> {
    this.checkOpen();
    return this.find(ref);
  }

  async write(changes: readonly Change[], options: WriteOptions = {}): Promise<WriteResult> {
    this.checkOpen();
    checkUnchanged(options.unchangedSince, this.lastPut);
    const steps = planTransaction(changes, (ref) => this.find(ref), Math.floor(this.parts.now_ms() / 1000));
    if (steps.every(({ value }) => value === undefined)) {
      return { revision: this.revision, results: steps.map(({ before }) => ({ before, after: before })) };
    }
    this.revision++;
    const results = steps.map((step) => ({ before: step.before, after: this.take(step) }));
    this.waitForExpiry();
    this.deliveries.wake();
    return { revision: this.revision, results };
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

  private find(ref: ObjectRef): StoredObject | null {
    return this.objects.get(nameOf(ref))?.object ?? null;
  }

  private take({ ref, before, value, ttl_s }: Step): StoredObject | null {
    if (value === undefined) return before;
    const name = nameOf(ref);
    if (value === null) {
      this.objects.delete(name);
      this.deletions.delete(name);
      this.deletions.set(name, { ref, revision: this.revision });
      this.forget();
      return null;
    }
    this.deletions.delete(name);
    this.lastPut = this.revision;
    const key = keyOf(ref);
    const object: StoredObject = {
      ...ref,
      key,
      path: key,
      value: structuredClone(value),
      createdRevision: before?.createdRevision ?? this.revision,
      modifiedRevision: this.revision,
    };
    this.objects.set(name, { object, expiresAt_ms: ttl_s === null ? null : this.parts.now_ms() + ttl_s * 1000 });
    return object;
  }

  private forget(): void {
    for (const [name, { revision }] of this.deletions) {
      if (this.deletions.size <= DELETIONS_KEPT) return;
      this.deletions.delete(name);
      this.forgotten = revision;
    }
  }

  private state(kind?: Kind): StoreState {
    const all = Array.from(this.objects.values(), ({ object }) => object);
    const objects = kind === undefined ? all : all.filter((object) => object.kind === kind);
    return { revision: this.revision, objects, isStale: false };
  }

  private since(revision: number | undefined): StoreChanges | StoreState | null {
    if (revision === this.revision) return null;
    if (revision === undefined || revision > this.revision || revision < this.forgotten) return this.state();
    const changed = this.state().objects.filter(({ modifiedRevision }) => modifiedRevision > revision);
    const deleted = Array.from(this.deletions.values()).filter((deletion) => deletion.revision > revision);
    return { revision: this.revision, changed, deleted: deleted.map(({ ref }) => ref) };
  }

  private waitForExpiry(): void {
    this.cancelExpiry();
    const due = Array.from(this.objects.values()).flatMap(({ expiresAt_ms }) => expiresAt_ms ?? []);
    if (due.length === 0) return;
    const wait_ms = Math.max(0, Math.min(...due) - this.parts.now_ms());
    this.cancelExpiry = this.parts.schedule(Math.min(wait_ms, MAX_WAIT_ms), () => this.expire());
  }

  private expire(): void {
    const now_ms = this.parts.now_ms();
    const expired = Array.from(this.objects.values()).filter(
      ({ expiresAt_ms }) => (expiresAt_ms ?? Infinity) <= now_ms,
    );
    if (expired.length > 0) this.revision++;
    for (const { object } of expired) {
      this.take({ ref: { kind: object.kind, id: object.id }, before: object, value: null, ttl_s: null });
    }
    this.waitForExpiry();
    this.deliveries.wake();
  }
}

interface Kept {
  readonly object: StoredObject;
  readonly expiresAt_ms: number | null;
}
