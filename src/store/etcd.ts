/**
 * Objects in etcd (v3), laid out as APISIX does it, so that both may share them. Reads and writes go to etcd; watches are
 * served from a replica, which outlives etcd's absence and, in a local file, the gateway's own restart.
 */
import type { Kind } from '../model/object-set.ts';
import { Deliveries, type Since } from './deliveries.ts';
import { EtcdClient, type EtcdClientOptions } from './etcd-client.ts';
import { EtcdFollower } from './etcd-follower.ts';
import { encode, numberOf, rangeEnd, type RangeResponse, type TxnResponse } from './etcd-messages.ts';
import { entryOf, EtcdObjects, readPrefix } from './etcd-objects.ts';
import { readSnapshot, writeSnapshot } from './etcd-snapshot.ts';
import type { FieldCipher } from './field-cipher.ts';
import { nameOf } from './object-key.ts';
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
import { checkShape, checkUnchanged, planTransaction, type Step } from './transaction.ts';

/** How often a write is tried anew because others wrote the same objects in between. */
const MAX_ATTEMPTS = 10;
/** How long changes are collected before the snapshot is written, and how much longer for each object: it is written whole. */
const SNAPSHOT_DELAY_ms = 1_000;
const SNAPSHOT_DELAY_ms_PER_OBJECT = 0.2;

export interface EtcdOptions extends EtcdClientOptions {
  /** What keys begin with, without a slash at the end: `/apisix`. */
  readonly prefix: string;
  readonly cipher: FieldCipher;
  /** The local file with the last good state; null keeps none. */
  readonly snapshot: string | null;
  /** How often etcd is asked whether it is still there: what vanished without a word is noticed that late. */
  readonly health_ms: number;
  /** Whether it is watched; without, only reads and writes are possible. */
  readonly isFollowed: boolean;
}

export class EtcdStore implements Store {
  readonly type = 'etcd';
  readonly readOnlyReason = '';
  private readonly options: EtcdOptions;
  private readonly parts: StoreParts;
  private readonly client: EtcdClient;
  private readonly objects: EtcdObjects;
  private readonly deliveries: Deliveries;
  private readonly follower: EtcdFollower;
  private isClosed = false;
  private isSnapshotDue = false;
  private cancelSnapshot: () => void = () => undefined;

  private constructor(options: EtcdOptions, parts: StoreParts) {
    this.options = options;
    this.parts = parts;
    this.client = new EtcdClient(options);
    this.objects = new EtcdObjects(options.prefix, options.cipher);
    const since: Since = (revision) => {
      const { replica, isStale } = this.follower;
      // Who has written knows a revision that the watch is still to bring.
      if (replica === null || (revision ?? 0) > replica.revision) return null;
      return replica.since(revision, isStale);
    };
    this.deliveries = new Deliveries(since, parts, { state: 'waiting', reason: 'etcd was not reached yet' });
    const known = options.snapshot === null ? null : readSnapshot(options.snapshot, options.prefix, parts.onFault);
    this.follower = new EtcdFollower({
      client: this.client,
      objects: this.objects,
      parts,
      health_ms: options.health_ms,
      known,
      onStatus: (state, reason) => this.deliveries.report(state, reason),
      onChange: (isAnother) => this.noteChange(isAnother),
    });
  }

  /**
   * Resolves once etcd was read, or could not be reached: then the store begins with the local snapshot, or waits, and says
   * so in its status.
   */
  static async open(options: EtcdOptions, parts: StoreParts): Promise<EtcdStore> {
    const store = new EtcdStore(options, parts);
    if (options.isFollowed) await store.follower.start();
    return store;
  }

  get status(): StoreStatus {
    return this.deliveries.status;
  }

  async readAll(kind?: Kind): Promise<StoreState> {
    this.checkOpen();
    const folder = kind === undefined ? '' : `${kind === 'credentials' ? 'consumers' : kind}/`;
    const { revision, entries } = await readPrefix(this.client, `${this.options.prefix}/${folder}`);
    this.checkOpen();
    const found = entries.flatMap((entry) => this.objects.read(entry) ?? []);
    const objects = kind === undefined ? found : found.filter((object) => object.kind === kind);
    return { revision, objects, isStale: false };
  }

  async get(ref: ObjectRef): Promise<StoredObject | null> {
    this.checkOpen();
    const { kvs = [] } = await this.client.read<RangeResponse>('/v3/kv/range', { key: this.keyOf(ref) });
    this.checkOpen();
    return kvs[0] === undefined ? null : this.objects.read(entryOf(kvs[0]));
  }

  async write(changes: readonly Change[], options: WriteOptions = {}): Promise<WriteResult> {
    this.checkOpen();
    checkShape(changes);
    for (let attempt = 1; ; attempt++) {
      const current = await this.readTouched(changes);
      this.checkOpen();
      const now_s = Math.floor(this.parts.now_ms() / 1000);
      const steps = planTransaction(changes, (ref) => current.get(nameOf(ref)) ?? null, now_s);
      const result = await this.commit(steps, options);
      if (result !== null) return result;
      if (options.unchangedSince !== undefined) await this.checkUnchanged(options.unchangedSince);
      if (attempt === MAX_ATTEMPTS)
        throw new StoreError('conflict', 'others write the same objects all the time: try again');
    }
  }

  watch(watcher: Watcher, after?: number): Watch {
    if (!this.options.isFollowed) throw new TypeError('the store was opened without following it');
    return this.deliveries.add(watcher, after);
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    this.deliveries.close();
    this.follower.close();
    this.client.close();
    this.cancelSnapshot();
    if (this.isSnapshotDue) this.saveSnapshot();
  }

  private checkOpen(): void {
    if (this.isClosed) throw new StoreError('closed', 'the store is closed');
  }

  private keyOf(ref: ObjectRef): string {
    return encode(this.objects.keyOf(ref));
  }

  /** All objects that a transaction names, at one revision. */
  private async readTouched(changes: readonly Change[]): Promise<Map<string, StoredObject>> {
    const success = changes.map((change) => ({ request_range: { key: this.keyOf(change) } }));
    const { responses = [] } = await this.client.read<TxnResponse>('/v3/kv/txn', { success });
    const objects = responses.flatMap(({ response_range }) =>
      (response_range?.kvs ?? []).flatMap((kv) => this.objects.read(entryOf(kv)) ?? []),
    );
    return new Map(objects.map((object) => [nameOf(object), object]));
  }

  /** Null if what the steps were planned on is not so any more. */
  private async commit(steps: readonly Step[], { unchangedSince }: WriteOptions): Promise<WriteResult | null> {
    const compare: object[] = steps.map(({ ref, before }) => ({
      key: this.keyOf(ref),
      target: 'MOD',
      result: 'EQUAL',
      mod_revision: String(before?.modifiedRevision ?? 0),
    }));
    if (unchangedSince !== undefined) {
      const start = `${this.options.prefix}/`;
      const mod_revision = String(unchangedSince + 1);
      compare.push({ key: encode(start), range_end: rangeEnd(start), target: 'MOD', result: 'LESS', mod_revision });
    }
    const leases = await this.grantLeases(steps);
    const success = steps.flatMap((step) => this.operationOf(step, leases));
    const response = await this.client.write<TxnResponse>('/v3/kv/txn', { compare, success });
    if (response.succeeded !== true) {
      await this.revokeLeases(leases);
      return null;
    }
    const revision = numberOf(response.header?.revision);
    return { revision, results: steps.map((step) => ({ before: step.before, after: this.after(step, revision) })) };
  }

  private operationOf({ ref, value, ttl_s }: Step, leases: ReadonlyMap<number, string>): object[] {
    const key = this.keyOf(ref);
    if (value === undefined) return [];
    if (value === null) return [{ request_delete_range: { key } }];
    const lease = ttl_s === null ? {} : { lease: leases.get(ttl_s) };
    return [{ request_put: { key, value: encode(this.objects.write(ref, value)), ...lease } }];
  }

  private after({ ref, before, value }: Step, revision: number): StoredObject | null {
    if (value === undefined) return before;
    if (value === null) return null;
    const key = this.objects.keyOf(ref);
    const createdRevision = before?.createdRevision ?? revision;
    return { ...ref, key, path: key, value, createdRevision, modifiedRevision: revision };
  }

  private async grantLeases(steps: readonly Step[]): Promise<Map<number, string>> {
    const leases = new Map<number, string>();
    for (const { ttl_s } of steps) {
      if (ttl_s === null || leases.has(ttl_s)) continue;
      const { ID } = await this.client.read<{ ID?: string }>('/v3/lease/grant', { TTL: String(ttl_s), ID: '0' });
      leases.set(ttl_s, ID ?? '');
    }
    return leases;
  }

  /** They would end by themselves: a failure does not matter. */
  private async revokeLeases(leases: ReadonlyMap<number, string>): Promise<void> {
    for (const ID of leases.values()) await this.client.read('/v3/lease/revoke', { ID }).catch(() => undefined);
  }

  private async checkUnchanged(since: number): Promise<void> {
    const start = `${this.options.prefix}/`;
    const { kvs = [] } = await this.client.read<RangeResponse>('/v3/kv/range', {
      key: encode(start),
      range_end: rangeEnd(start),
      sort_target: 'MOD',
      sort_order: 'DESCEND',
      limit: '1',
      keys_only: true,
    });
    checkUnchanged(since, numberOf(kvs[0]?.mod_revision));
  }

  private noteChange(isAnother: boolean): void {
    if (isAnother) this.deliveries.restart();
    else this.deliveries.wake();
    if (this.isSnapshotDue || this.options.snapshot === null || this.isClosed) return;
    this.isSnapshotDue = true;
    const objects = this.follower.replica?.list().length ?? 0;
    const delay_ms = SNAPSHOT_DELAY_ms + SNAPSHOT_DELAY_ms_PER_OBJECT * objects;
    this.cancelSnapshot = this.parts.schedule(Math.ceil(delay_ms), () => this.saveSnapshot());
  }

  private saveSnapshot(): void {
    this.isSnapshotDue = false;
    const { snapshot, prefix } = this.options;
    const { state } = this.follower;
    if (snapshot !== null && state !== null) writeSnapshot(snapshot, prefix, state, this.parts.onFault);
  }
}
