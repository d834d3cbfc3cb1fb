/** Where objects come from: one interface over memory, a file, SQLite and etcd. Every implementation passes suite.ts. */
import type { Configuration } from '../config/configuration.ts';
import type { Kind } from '../model/object-set.ts';
import type { Problem } from '../model/problem.ts';

export type StoreType = 'memory' | 'file' | 'embedded' | 'etcd';

export interface ObjectRef {
  readonly kind: Kind;
  /** As in an ObjectSet: credentials are `USER/credentials/ID`, secrets `MANAGER/ID`, plugin metadata the plugin's name. */
  readonly id: string;
}

export type ObjectValue = Readonly<Record<string, unknown>>;

/** One object as it is stored. */
export interface StoredObject extends ObjectRef {
  /** APISIX's key: `/apisix/routes/1`, `/apisix/consumers/jack/credentials/one`; its beginning is the store's prefix. */
  readonly key: string;
  /** Where people find it, for problems: `routes[3]` in a file, the key elsewhere. */
  readonly path: string;
  /**
   * As it was sent, secrets in clear, with `id` (consumers: `username` alone; credentials: without the consumer),
   * `create_time` and `update_time` (seconds); a file's objects as they stand there. Empty if `problem` is set.
   */
  readonly value: ObjectValue;
  /** Revision that created it: the Admin API's `createdIndex`. */
  readonly createdRevision: number;
  /** Revision that changed it last: `modifiedIndex`. */
  readonly modifiedRevision: number;
  /** What keeps the stored text from being read; it counts as an object that is bad. */
  readonly problem?: Problem;
}

/** All objects at one moment. */
export interface StoreState {
  readonly revision: number;
  readonly objects: readonly StoredObject[];
  /** True if the store cannot be reached and this is what was known before. */
  readonly isStale: boolean;
  /** Where objects come from a document: its settings, problems and lines. */
  readonly configuration?: Configuration;
}

/**
 * What must be so for a change to happen: `absent`, `present`, or the `modifiedRevision` that was read. Without one the
 * change happens in any case.
 */
export type Expectation = 'absent' | 'present' | number;

interface Expecting extends ObjectRef {
  readonly expect?: Expectation;
}

/** Replaces or creates the object. `create_time` stays that of its first version unless the value names one. */
export interface Put extends Expecting {
  readonly op: 'put';
  readonly value: ObjectValue;
  /** Seconds until the object vanishes, from 1; without it, it stays, also if it had one before. */
  readonly ttl_s?: number;
}

/** Refused with `not_found` if there is no such object. */
export interface Delete extends Expecting {
  readonly op: 'delete';
}

/** Changes nothing; the transaction fails unless the expectation holds: a reference that must not dangle. */
export interface Check extends ObjectRef {
  readonly op: 'check';
  readonly expect: Expectation;
}

export type Change = Put | Delete | Check;

export interface WriteOptions {
  /**
   * The transaction fails with `conflict` if any object at all was put after this revision: for rules about all objects,
   * such as "nothing refers to it" or "nobody else has this key", that were checked at this revision.
   */
  readonly unchangedSince?: number;
}

/** What became of one change. */
export interface Written {
  /** Null before a creation. */
  readonly before: StoredObject | null;
  /** Null after a deletion. */
  readonly after: StoredObject | null;
}

export interface WriteResult {
  /** The revision that holds all of the changes; the current one if there were only checks. */
  readonly revision: number;
  /** One for each change, in the same order. */
  readonly results: readonly Written[];
}

/** What changed between two revisions: whole transactions; each object once, as it is at `revision`. */
export interface StoreChanges {
  readonly revision: number;
  readonly changed: readonly StoredObject[];
  readonly deleted: readonly ObjectRef[];
}

/**
 * - `live`: what is known is what the store has.
 * - `stale`: the store cannot be reached; what was known last, perhaps from before a restart, is served on.
 * - `waiting`: it could not be reached yet, and nothing is known.
 */
export interface StoreStatus {
  readonly state: 'live' | 'stale' | 'waiting';
  /** Why it is not live; '' if it is. Holds no secrets. */
  readonly reason: string;
  /** Since when, in milliseconds since the epoch. */
  readonly since_ms: number;
}

/** Follows a store. Its members are called one at a time, never during the call of `watch` or `write`. */
export interface Watcher {
  /** Everything anew: at the beginning, and where what happened in between is not known. What it lacks is gone. */
  onState(state: StoreState): void;
  onChanges(changes: StoreChanges): void;
  /** Once at the beginning, then whenever it changes. */
  onStatus?(status: StoreStatus): void;
}

export interface Watch {
  close(): void;
}

export interface Store {
  readonly type: StoreType;
  /** Why writes are refused, for people; '' if they are taken. */
  readonly readOnlyReason: string;
  readonly status: StoreStatus;
  /** The objects of one kind, or all, at one revision. Rejects with a StoreError. */
  readAll(kind?: Kind): Promise<StoreState>;
  /** Rejects with a StoreError; null if there is no such object. */
  get(ref: ObjectRef): Promise<StoredObject | null>;
  /** All or nothing, in one revision; resolves once it is durable. Rejects with a StoreError, nothing changed. */
  write(changes: readonly Change[], options?: WriteOptions): Promise<WriteResult>;
  /**
   * Follows the store until closed: everything first, or, given a revision that the caller knows all of, what changed
   * after it (everything if that is no longer known).
   */
  watch(watcher: Watcher, after?: number): Watch;
  /** Ends every watch; further calls reject with `closed`. */
  close(): Promise<void>;
}

/** What a store is given of the gateway. */
export interface StoreParts {
  /** Milliseconds since the epoch. */
  now_ms(): number;
  /** Runs `callback` once after `delay_ms`; what it returns cancels that. */
  schedule(delay_ms: number, callback: () => void): () => void;
  /** Takes what a watcher threw. */
  onFault(error: unknown): void;
}
