/**
 * Objects in one SQLite file: durable before a write is accepted, never half applied, readable by several processes at once.
 * Secrets are encrypted. What another process writes is seen within a fraction of a second.
 */
import type { Kind } from '../model/object-set.ts';
import { Deliveries } from './deliveries.ts';
import { EmbeddedDatabase, type Row } from './embedded-database.ts';
import { CipherError, type FieldCipher } from './field-cipher.ts';
import { keyOf, nameOf } from './object-key.ts';
import { storeErrorOf } from './sqlite-error.ts';
import { StoreError } from './store-error.ts';
import type {
  Change,
  ObjectRef,
  ObjectValue,
  Store,
  StoreChanges,
  StoredObject,
  StoreParts,
  StoreState,
  StoreStatus,
  Watch,
  Watcher,
  Written,
  WriteOptions,
  WriteResult,
} from './store.ts';
import { checkShape, checkUnchanged, planTransaction, type Step } from './transaction.ts';

/** How soon the writes of another process, of a successor during an upgrade, are seen. */
const POLL_ms = 100;
/** Timers hold at most 2³¹ ms; a longer wait is taken in parts. */
const MAX_WAIT_ms = 3_600_000;

export interface EmbeddedOptions {
  /** The file; it is made, with mode 600, if there is none. */
  readonly path: string;
  /** The file grows no larger. */
  readonly max_bytes: number;
  readonly cipher: FieldCipher;
  /** Names the key that `cipher` seals with: with another one than before, all secrets are sealed anew. */
  readonly keyId: string;
  /** The keys that `cipher` opens with. */
  readonly knownKeyIds: readonly string[];
}

export class EmbeddedStore implements Store {
  readonly type = 'embedded';
  readonly readOnlyReason: string;
  private readonly options: EmbeddedOptions;
  private readonly parts: StoreParts;
  private readonly database: EmbeddedDatabase;
  private readonly deliveries: Deliveries;
  private dataVersion: number;
  private isClosed = false;
  private cancelPoll: () => void = () => undefined;
  private cancelExpiry: () => void = () => undefined;

  /** Opens the file; throws a StoreError if it cannot be used. */
  constructor(options: EmbeddedOptions, parts: StoreParts) {
    this.options = options;
    this.parts = parts;
    this.database = this.guarded(() => new EmbeddedDatabase(options));
    try {
      this.guarded(() => this.takeKey());
      this.dataVersion = this.guarded(() => this.database.dataVersion);
    } catch (error) {
      this.database.close();
      throw error;
    }
    this.readOnlyReason = this.database.isReadOnly ? `${options.path} may not be written` : '';
    this.deliveries = new Deliveries((revision) => this.since(revision), parts);
    this.poll();
    this.waitForExpiry();
  }

  get status(): StoreStatus {
    return this.deliveries.status;
  }

  async readAll(kind?: Kind): Promise<StoreState> {
    return this.guarded(() => this.database.reading(() => this.state(kind)));
  }

  async get(ref: ObjectRef): Promise<StoredObject | null> {
    return this.guarded(() => this.find(ref));
  }

  async write(changes: readonly Change[], { unchangedSince }: WriteOptions = {}): Promise<WriteResult> {
    this.checkOpen();
    if (this.readOnlyReason !== '') throw new StoreError('read_only', `${this.readOnlyReason}: nothing was changed`);
    checkShape(changes);
    const now_s = Math.floor(this.parts.now_ms() / 1000);
    const result = this.guarded(() =>
      this.database.transaction(() => {
        checkUnchanged(unchangedSince, Number(this.database.meta('last_put')));
        return this.carryOut(planTransaction(changes, (ref) => this.find(ref), now_s));
      }),
    );
    this.waitForExpiry();
    this.deliveries.wake();
    return result;
  }

  watch(watcher: Watcher, after?: number): Watch {
    return this.deliveries.add(watcher, after);
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    this.cancelPoll();
    this.cancelExpiry();
    this.deliveries.close();
    this.database.close();
  }

  private checkOpen(): void {
    if (this.isClosed) throw new StoreError('closed', 'the store is closed');
  }

  private guarded<T>(run: () => T): T {
    this.checkOpen();
    try {
      return run();
    } catch (error) {
      throw storeErrorOf(error, this.options.path);
    }
  }

  /** Sees to it that what is stored can be read, and is sealed with the key that is the first now. */
  private takeKey(): void {
    const { keyId, knownKeyIds, path } = this.options;
    const before = String(this.database.meta('key_id'));
    if (before === keyId) return;
    if (before !== '' && !knownKeyIds.includes(before)) {
      const message = `${path} is encrypted with the key "${before}", which is not among those configured (${knownKeyIds.join(', ')})`;
      throw new StoreError('unavailable', message);
    }
    if (this.database.isReadOnly) return;
    this.database.transaction(() => {
      for (const row of this.database.rows()) {
        const { value, problem } = this.stored(row);
        if (problem === undefined) this.database.rewrite({ ...row, value: this.sealed(row, value) });
      }
      this.database.setMeta('key_id', keyId);
    });
  }

  private carryOut(steps: readonly Step[]): WriteResult {
    const current = Number(this.database.meta('revision'));
    if (steps.every(({ value }) => value === undefined)) {
      return { revision: current, results: steps.map(({ before }) => ({ before, after: before })) };
    }
    const revision = current + 1;
    this.database.setMeta('revision', revision);
    if (steps.some(({ value }) => value !== undefined && value !== null)) this.database.setMeta('last_put', revision);
    return { revision, results: steps.map((step) => this.take(step, revision)) };
  }

  private take({ ref, before, value, ttl_s }: Step, revision: number): Written {
    if (value === undefined) return { before, after: before };
    if (value === null) {
      this.database.delete(ref, revision);
      return { before, after: null };
    }
    const created = before?.createdRevision ?? revision;
    const row: Row = { ...ref, value: this.sealed(ref, value), created, modified: revision };
    this.database.put(row, ttl_s === null ? null : this.parts.now_ms() + ttl_s * 1000);
    return { before, after: this.stored(row) };
  }

  private sealed(ref: ObjectRef, value: ObjectValue): string {
    return JSON.stringify(this.options.cipher.seal(ref, value));
  }

  private find(ref: ObjectRef): StoredObject | null {
    const row = this.database.find(ref);
    return row === null ? null : this.stored(row);
  }

  private stored(row: Row): StoredObject {
    const { kind, id, value, created, modified } = row;
    const key = keyOf(row);
    const object = { kind, id, key, path: key, createdRevision: created, modifiedRevision: modified };
    try {
      return { ...object, value: this.options.cipher.open(row, JSON.parse(value) as ObjectValue) };
    } catch (error) {
      if (!(error instanceof CipherError) && !(error instanceof SyntaxError)) throw error;
      const message = error instanceof CipherError ? error.message : `the text of ${nameOf(row)} is not valid JSON`;
      return { ...object, value: {}, problem: { path: key, code: 'unreadable', message } };
    }
  }

  private state(kind?: Kind): StoreState {
    const objects = this.database.rows(kind).map((row) => this.stored(row));
    return { revision: Number(this.database.meta('revision')), objects, isStale: false };
  }

  private since(after: number | undefined): StoreChanges | StoreState | null {
    try {
      const news = this.database.reading(() => this.newsAfter(after));
      this.deliveries.report('live', '');
      return news;
    } catch (error) {
      // What was told before stays in force; the next poll tries again.
      this.deliveries.report('stale', storeErrorOf(error, this.options.path).message);
      return null;
    }
  }

  private newsAfter(after: number | undefined): StoreChanges | StoreState | null {
    const revision = Number(this.database.meta('revision'));
    if (revision === after) return null;
    if (after === undefined || after > revision || after < Number(this.database.meta('forgotten'))) return this.state();
    const changed = this.database.rowsSince(after).map((row) => this.stored(row));
    return { revision, changed, deleted: this.database.deletionsSince(after) };
  }

  private poll(): void {
    this.cancelPoll = this.parts.schedule(POLL_ms, () => {
      this.look();
      this.poll();
    });
  }

  private look(): void {
    try {
      const { dataVersion } = this.database;
      if (dataVersion === this.dataVersion && this.status.state === 'live') return;
      this.dataVersion = dataVersion;
      this.waitForExpiry();
      this.deliveries.wake();
    } catch (error) {
      this.deliveries.report('stale', storeErrorOf(error, this.options.path).message);
    }
  }

  private waitForExpiry(): void {
    this.cancelExpiry();
    const next_ms = this.nextExpiry_ms();
    if (next_ms === null) return;
    const wait_ms = Math.max(0, next_ms - this.parts.now_ms());
    this.cancelExpiry = this.parts.schedule(Math.min(wait_ms, MAX_WAIT_ms), () => this.expire());
  }

  /** Never throws: it is asked after writes that are accepted already. */
  private nextExpiry_ms(): number | null {
    try {
      return this.database.isReadOnly ? null : this.database.nextExpiry_ms();
    } catch (error) {
      this.deliveries.report('stale', storeErrorOf(error, this.options.path).message);
      return null;
    }
  }

  private expire(): void {
    try {
      this.database.transaction(() => {
        const refs = this.database.expired(this.parts.now_ms());
        if (refs.length === 0) return;
        const revision = Number(this.database.meta('revision')) + 1;
        this.database.setMeta('revision', revision);
        for (const { kind, id } of refs) this.database.delete({ kind, id }, revision);
      });
      this.waitForExpiry();
      this.deliveries.wake();
    } catch (error) {
      this.parts.onFault(storeErrorOf(error, this.options.path));
      this.cancelExpiry = this.parts.schedule(POLL_ms, () => this.expire());
    }
  }
}
