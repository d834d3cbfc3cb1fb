/**
 * Counters that all threads share, in bounded memory. A count belongs to its space, key, kind of window and length of
 * window. Nothing but what has expired is ever evicted. When there is no room for a new key, it shares a bucket with
 * all other such keys of the same space, kind and length of window, and limit; `overflowCalls` says how often.
 */
import type { BucketDecision, BucketQuery, LeakyDecision, LeakyQuery, LimitDecision, LimitQuery } from '../sdk/host.ts';
import { BoundedRecords } from './bounded-records.ts';
import type { BoundedSizes, BoundedUse } from './bounded-records.ts';
import { leakyBucket, tokenBucket } from './buckets.ts';
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
  tokenBucket(query: BucketQuery): BucketDecision;
  leakyBucket(query: LeakyQuery): LeakyDecision;
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
    const { records } = this;
    const fixed = new CountSpace(records, name, 'fixed', fixedWindow);
    const sliding = new CountSpace(records, name, 'sliding', slidingWindow);
    const tokens = new CountSpace(records, name, 'tokens', tokenBucket);
    const leaky = new CountSpace(records, name, 'leaky', leakyBucket);
    return {
      fixedWindow(query) {
        checkWindow(query);
        return fixed.decide(query.window_ms, query.limit, query) ?? refusedFor(query.window_ms);
      },
      slidingWindow(query) {
        checkWindow(query);
        return sliding.decide(query.window_ms, query.limit, query) ?? refusedFor(query.window_ms);
      },
      tokenBucket(query) {
        checkBucket(query);
        return tokens.decide(query.rate, query.capacity, query) ?? refusedFor(1000 / query.rate);
      },
      leakyBucket(query) {
        checkLeaky(query);
        return leaky.decide(query.rate, query.burst, query) ?? { ...refusedFor(1000 / query.rate), delay_ms: 0 };
      },
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

const refusedFor = (reset_ms: number): LimitDecision => ({ isAllowed: false, remaining: 0, reset_ms });

/** Lengths of window, or rates, of a space that are remembered. */
const MAX_REMEMBERED = 64;

/** What one space counts in one way. */
class CountSpace<Q extends { readonly key: string }, D> {
  private readonly records: BoundedRecords;
  private readonly name: string;
  private readonly kind: string;
  private readonly change: Change<Q, D>;
  private readonly spaces = new Map<number, RecordSpace>();
  private readonly place: { space: RecordSpace; bucket: number };
  private pace = NaN;

  constructor(records: BoundedRecords, name: string, kind: string, change: Change<Q, D>) {
    this.records = records;
    this.name = name;
    this.kind = kind;
    this.change = change;
    this.place = { space: records.space(`${kind} ${name}`), bucket: 0 };
  }

  /**
   * Null if there is no room.
   *
   * @param pace counts with different ones are different counts
   * @param limit new keys with the same one share a count when there is no room
   */
  decide(pace: number, limit: number, query: Q): D | null {
    if (pace !== this.pace) this.turnTo(pace);
    this.place.bucket = limit;
    const decision = this.records.update(this.place, query.key, this.change, query);
    return decision === NO_ROOM ? null : decision;
  }

  private turnTo(pace: number): void {
    let space = this.spaces.get(pace);
    if (space === undefined) {
      // Nothing is lost: counts live in the records.
      if (this.spaces.size >= MAX_REMEMBERED) this.spaces.clear();
      space = this.records.space(`${this.kind} ${pace} ${this.name}`);
      this.spaces.set(pace, space);
    }
    this.place.space = space;
    this.pace = pace;
  }
}

function checkWindow({ limit, cost, window_ms }: LimitQuery): void {
  checkWhole('limit', limit);
  checkWhole('cost', cost);
  if (!(window_ms > 0 && window_ms < Infinity)) throw new RangeError(`window_ms ${window_ms} is no time above 0`);
}

function checkBucket({ rate, capacity, cost }: BucketQuery): void {
  checkRate(rate);
  checkWhole('cost', cost);
  if (!(capacity >= 1 && capacity < Infinity)) throw new RangeError(`capacity ${capacity} is no number from 1 on`);
}

function checkLeaky({ rate, burst }: LeakyQuery): void {
  checkRate(rate);
  if (!(burst >= 0 && burst < Infinity)) throw new RangeError(`burst ${burst} is no number from 0 on`);
}

function checkRate(rate: number): void {
  if (!(rate > 0 && rate < Infinity)) throw new RangeError(`rate ${rate} is no number above 0`);
}

function checkWhole(name: string, value: number): void {
  if (!(Number.isSafeInteger(value) && value >= 0))
    throw new RangeError(`${name} ${value} is no whole number from 0 on`);
}
