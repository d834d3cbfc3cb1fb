/**
 * Counters in bounded memory. A count belongs to its space, key, kind of window and length of window. Each call looks at
 * a few slots for counts that have expired; nothing else is ever evicted. When all slots hold live counts, new keys
 * share one bucket for each (space, kind and length of window, limit), and `overflowCalls` says how often: under a flood
 * of keys the known ones keep their counts, and the unknown ones are limited together, never let through uncounted.
 */
import type { LimitDecision, LimitQuery } from '../sdk/host.ts';
import { boundedKey, detached, reservedKey } from './bounded-key.ts';
import type { Digest } from './bounded-key.ts';
import { Cells } from './cells.ts';
import type { Region } from './cells.ts';
import { fixedWindow } from './fixed-window.ts';
import { KeyIndex } from './key-index.ts';
import { slidingWindow } from './sliding-window.ts';
import { EXPIRES_MS, ROW } from './window-cells.ts';

export interface CounterTableOptions {
  /** Monotonic. */
  readonly now_ms: () => number;
  readonly digest: Digest;
  /** Keys that are counted apart. Default 1,000,000: about 170 MB if all are in use, 40 MB of it reserved at once but taken only as used. */
  readonly maxKeys?: number;
  /** Overflow buckets. Default 16,384. Beyond them a call is refused. */
  readonly maxOverflowBuckets?: number;
  /** Counts to begin with: a key that is new here starts from a copy of what `base` has. It is never changed. */
  readonly base?: CounterTable;
}

/** One space's counters. Keep it: it remembers where its counts are. */
export interface CounterSpace {
  fixedWindow(query: LimitQuery): LimitDecision;
  slidingWindow(query: LimitQuery): LimitDecision;
}

type Kind = 'fixed' | 'sliding';

/** The counts of one space with one kind and length of window. */
interface Table {
  readonly name: string;
  readonly kind: Kind;
  readonly window_ms: number;
  readonly index: KeyIndex;
  /** Its last count has expired: it is out of the dictionary. */
  isDropped: boolean;
}

const MAX_KEYS = 1_000_000;
const MAX_OVERFLOW_BUCKETS = 16_384;
/** Slots looked at in each call, for each new key, and once more before a new key goes without one. */
const SWEPT_PER_CALL = 1;
const SWEPT_PER_KEY = 20;
const SWEPT_WHEN_FULL = 64;

export class CounterTable {
  readonly #now_ms: () => number;
  readonly #digest: Digest;
  readonly #cells: Cells<Table>;
  readonly #base: CounterTable | null;
  readonly #tables = new Map<string, Table>();
  readonly #onFreed = (key: string, table: Table): void => this.#forget(key, table);
  #latest_ms = -Infinity;
  #overflowCalls = 0;

  constructor(options: CounterTableOptions) {
    const { now_ms, digest, base, maxKeys = MAX_KEYS, maxOverflowBuckets = MAX_OVERFLOW_BUCKETS } = options;
    this.#now_ms = now_ms;
    this.#digest = digest;
    this.#cells = new Cells(maxKeys, maxOverflowBuckets);
    this.#base = base ?? null;
  }

  /** Keys that are counted now, and those that have expired but were not swept yet. */
  get keys(): number {
    return this.#cells.keys.used;
  }

  /** Calls since the start that an overflow bucket decided, or the lack of one. */
  get overflowCalls(): number {
    return this.#overflowCalls;
  }

  space(name: string): CounterSpace {
    let fixed: Table | undefined;
    let sliding: Table | undefined;
    return {
      fixedWindow: (query) => {
        if (!isCurrent(fixed, query)) fixed = this.#tables.get(tableName(name, 'fixed', query.window_ms));
        return this.#decide(name, 'fixed', fixed, query);
      },
      slidingWindow: (query) => {
        if (!isCurrent(sliding, query)) sliding = this.#tables.get(tableName(name, 'sliding', query.window_ms));
        return this.#decide(name, 'sliding', sliding, query);
      },
    };
  }

  #decide(space: string, kind: Kind, table: Table | undefined, query: LimitQuery): LimitDecision {
    checkQuery(query);
    const now_ms = this.#now();
    const cells = this.#cells;
    cells.sweep(cells.keys, SWEPT_PER_CALL, now_ms, this.#onFreed);
    const key = boundedKey(query.key, this.#digest);
    let slot = table === undefined ? -1 : table.index.get(key);
    if (slot < 0) slot = this.#slotOf(tableName(space, kind, query.window_ms), { kind, key, query, now_ms });
    if (slot === NO_BUCKET) return { isAllowed: false, remaining: 0, reset_ms: query.window_ms };
    return kind === 'fixed' ? fixedWindow(cells, slot, query, now_ms) : slidingWindow(cells, slot, query, now_ms);
  }

  /** A slot for a key that has none, −1 if the call needs none, or NO_BUCKET. */
  #slotOf(name: string, call: Call): number {
    const { key, query, now_ms } = call;
    const { keys, overflow } = this.#cells;
    this.#cells.sweep(keys, SWEPT_PER_KEY, now_ms, this.#onFreed);
    if (keys.isFull) this.#cells.sweep(keys, SWEPT_WHEN_FULL, now_ms, this.#onFreed);
    const copied = this.#copyOfBase(name, key, call);
    if (copied >= 0) return copied;
    // A call that consumes nothing leaves nothing behind.
    const isClaimed = query.cost > 0 && query.cost <= query.limit;
    if (!keys.isFull && (this.#base === null || !this.#base.#cells.keys.isFull)) {
      return isClaimed ? this.#add(name, key, call, keys) : -1;
    }
    this.#overflowCalls++;
    this.#cells.sweep(overflow, SWEPT_PER_KEY, now_ms, this.#onFreed);
    const bucket = reservedKey(String(query.limit));
    const known = this.#tables.get(name)?.index.get(bucket) ?? -1;
    if (known >= 0) return known;
    const copiedBucket = this.#copyOfBase(name, bucket, call);
    if (copiedBucket >= 0 || !isClaimed) return copiedBucket;
    return this.#add(name, bucket, call, overflow);
  }

  #add(name: string, key: string, { kind, query }: Call, region: Region): number {
    let table = this.#tables.get(name);
    if (table === undefined) {
      if (region.isFull) return NO_BUCKET;
      table = { name, kind, window_ms: query.window_ms, index: new KeyIndex(), isDropped: false };
      this.#tables.set(name, table);
    }
    const kept = detached(key);
    const slot = this.#cells.claim(region, kept, table);
    if (slot < 0) return NO_BUCKET;
    table.index.add(kept, slot);
    return slot;
  }

  /** Takes over a live count of the base, −1 if it has none. */
  #copyOfBase(name: string, key: string, call: Call): number {
    const base = this.#base;
    const from = base === null ? -1 : (base.#tables.get(name)?.index.get(key) ?? -1);
    if (base === null || from < 0 || base.#cells.rows[from * ROW + EXPIRES_MS]! <= call.now_ms) return -1;
    const { keys, overflow } = this.#cells;
    const slot = this.#add(name, key, call, from < base.#cells.keys.capacity ? keys : overflow);
    if (slot >= 0) this.#cells.copy(base.#cells, from, slot);
    return slot;
  }

  #forget(key: string, table: Table): void {
    table.index.delete(key);
    if (table.index.size > 0) return;
    table.isDropped = true;
    this.#tables.delete(table.name);
  }

  /** A clock that went back would bring expired counts to life. */
  #now(): number {
    const now_ms = this.#now_ms();
    if (now_ms > this.#latest_ms) this.#latest_ms = now_ms;
    return this.#latest_ms;
  }
}

/** No slot is free, not even for an overflow bucket. */
const NO_BUCKET = -2;

interface Call {
  readonly kind: Kind;
  readonly key: string;
  readonly query: LimitQuery;
  readonly now_ms: number;
}

function isCurrent(table: Table | undefined, query: LimitQuery): boolean {
  return table !== undefined && !table.isDropped && table.window_ms === query.window_ms;
}

const tableName = (space: string, kind: Kind, window_ms: number): string => `${kind} ${window_ms} ${space}`;

function checkQuery({ limit, cost, window_ms }: LimitQuery): void {
  if (!(Number.isSafeInteger(limit) && limit >= 0)) throw new RangeError(`limit ${limit} is no whole number from 0 on`);
  if (!(Number.isSafeInteger(cost) && cost >= 0)) throw new RangeError(`cost ${cost} is no whole number from 0 on`);
  if (!(window_ms > 0 && window_ms < Infinity)) throw new RangeError(`window_ms ${window_ms} is no time above 0`);
}
