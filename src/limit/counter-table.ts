/**
 * Counters that all threads share, in bounded memory. A count belongs to its space, key, kind of window and length of
 * window. Nothing but what has expired is ever evicted. When there is no room for a new key, it shares a bucket with
 * all other such keys of the same space, kind and length of window, and limit; `overflowCalls` says how often.
 */
import type { LimitDecision, LimitQuery } from '../sdk/host.ts';
import { BoundedRecords } from './bounded-records.ts';
import type { BoundedSizes, BoundedUse } from './bounded-records.ts';
import { fixedWindow } from './fixed-window.ts';
import type { RecordSpace } from './record-key.ts';
import { NO_ROOM } from './shared-records.ts';
import type { Change } from './shared-records.ts';
import { slidingWindow } from './sliding-window.ts';
import { WINDOW_NUMBERS } from './window-numbers.ts';

export interface CounterSizes {
  /** Keys that are counted apart. Default 1,000,000: 180 MB of memory, of which the system gives as much as is used. */
  readonly maxKeys?: number;
  /** Overflow buckets. Default 16,384. Beyond them a call is refused. */
  readonly maxOverflowBuckets?: number;
}

export interface CounterUse extends Omit<BoundedUse, 'base'> {
  /** Counts to begin with: a key that is new here starts from a copy of what `base` has. It is never changed. */
  readonly base?: CounterTable;
}

/** One space's counters. Keep it: it remembers where its counts are. */
export interface CounterSpace {
  fixedWindow(query: LimitQuery): LimitDecision;
  slidingWindow(query: LimitQuery): LimitDecision;
}

const MAX_KEYS = 1_000_000;
const MAX_OVERFLOW_BUCKETS = 16_384;

export class CounterTable {
  private readonly records: BoundedRecords;

  /** Memory for a table, to be given to all threads. `secret` is 8 random bytes. */
  static allocate(sizes: CounterSizes, secret: Uint8Array): SharedArrayBuffer {
    const { maxKeys = MAX_KEYS, maxOverflowBuckets = MAX_OVERFLOW_BUCKETS } = sizes;
    const bounded: BoundedSizes = { keys: maxKeys, overflow: maxOverflowBuckets, numbers: WINDOW_NUMBERS };
    const memory = new SharedArrayBuffer(BoundedRecords.bytes(bounded));
    BoundedRecords.prepare(memory, 0, bounded, secret);
    return memory;
  }

  constructor(memory: SharedArrayBuffer, use: CounterUse) {
    const { base, ...rest } = use;
    this.records = new BoundedRecords(memory, 0, base === undefined ? rest : { ...rest, base: base.records });
  }

  /** Keys that are counted now, in all threads, and those that have expired but were not swept yet. */
  get keys(): number {
    return this.records.keys.used;
  }

  /** Calls of this thread that an overflow bucket decided, or the lack of one. */
  get overflowCalls(): number {
    return this.records.overflowCalls;
  }

  space(name: string): CounterSpace {
    const fixed = new WindowSpace(this.records, name, 'fixed', fixedWindow);
    const sliding = new WindowSpace(this.records, name, 'sliding', slidingWindow);
    return {
      fixedWindow: (query) => fixed.decide(query),
      slidingWindow: (query) => sliding.decide(query),
    };
  }

  /** Frees keys that have expired, looking at the next `count` slots: for `keys` only, nothing else depends on it. */
  sweep(count: number): void {
    this.records.sweep(count);
  }

  /** Clears the locks that a thread held when it died: to be called once it has ended, from another thread. */
  releaseLocksOf(generation: number): void {
    this.records.releaseLocksOf(generation);
  }
}

/** Lengths of window of a space that are remembered. */
const MAX_REMEMBERED = 64;

class WindowSpace {
  private readonly records: BoundedRecords;
  private readonly name: string;
  private readonly kind: string;
  private readonly change: Change<LimitQuery, LimitDecision>;
  private readonly spaces = new Map<number, RecordSpace>();
  private readonly place: { space: RecordSpace; bucket: number };
  private window_ms = NaN;

  constructor(records: BoundedRecords, name: string, kind: string, change: Change<LimitQuery, LimitDecision>) {
    this.records = records;
    this.name = name;
    this.kind = kind;
    this.change = change;
    this.place = { space: records.space(`${kind} ${name}`), bucket: 0 };
  }

  decide(query: LimitQuery): LimitDecision {
    checkQuery(query);
    const { window_ms } = query;
    if (window_ms !== this.window_ms) this.turnTo(window_ms);
    this.place.bucket = query.limit;
    const decision = this.records.update(this.place, query.key, this.change, query);
    return decision === NO_ROOM ? { isAllowed: false, remaining: 0, reset_ms: window_ms } : decision;
  }

  private turnTo(window_ms: number): void {
    let space = this.spaces.get(window_ms);
    if (space === undefined) {
      // Nothing is lost: counts live in the records.
      if (this.spaces.size >= MAX_REMEMBERED) this.spaces.clear();
      space = this.records.space(`${this.kind} ${window_ms} ${this.name}`);
      this.spaces.set(window_ms, space);
    }
    this.place.space = space;
    this.window_ms = window_ms;
  }
}

function checkQuery({ limit, cost, window_ms }: LimitQuery): void {
  if (!(Number.isSafeInteger(limit) && limit >= 0)) throw new RangeError(`limit ${limit} is no whole number from 0 on`);
  if (!(Number.isSafeInteger(cost) && cost >= 0)) throw new RangeError(`cost ${cost} is no whole number from 0 on`);
  if (!(window_ms > 0 && window_ms < Infinity)) throw new RangeError(`window_ms ${window_ms} is no time above 0`);
}
