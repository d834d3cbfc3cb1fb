/**
 * Buckets, kept in one number: when the bucket will be as if nothing had come (https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm).
 * Each unit moves that moment on by 1 ÷ rate. A token bucket is the same bucket seen from the other side: its tokens are
 * what still fits in.
 */
import type { BucketDecision, BucketQuery, LeakyDecision, LeakyQuery } from '../sdk/host.ts';
import { EXPIRES } from './slot-memory.ts';

/** Units that rounding may be wrong by: times are sums of thirds. */
const ROUNDING = 1e-6;

/** Takes `cost` tokens of a bucket that holds `capacity` and gets `rate` a second, or none. */
export function tokenBucket(numbers: Float64Array, query: BucketQuery, now_ms: number): BucketDecision {
  const { rate, capacity, cost } = query;
  const full_ms = Math.max(numbers[EXPIRES]!, now_ms);
  const tokens = capacity - ((full_ms - now_ms) * rate) / 1000;
  if (cost > tokens + ROUNDING) {
    const missing = Math.min(cost, capacity) - tokens;
    return { isAllowed: false, remaining: 0, reset_ms: Math.max(0, (missing * 1000) / rate) };
  }
  const left = tokens - cost;
  if (cost > 0) numbers[EXPIRES] = full_ms + (cost * 1000) / rate;
  const remaining = Math.max(0, Math.floor(left + ROUNDING));
  return { isAllowed: true, remaining, reset_ms: remaining > 0 ? 0 : Math.max(0, ((1 - left) * 1000) / rate) };
}

/** Lets one unit in, to leave `delay_ms` later at the bucket's rate, or refuses it where more than `burst` would wait. */
export function leakyBucket(numbers: Float64Array, query: LeakyQuery, now_ms: number): LeakyDecision {
  const { rate, burst } = query;
  const empty_ms = Math.max(numbers[EXPIRES]!, now_ms);
  const delay_ms = empty_ms - now_ms;
  const waiting = (delay_ms * rate) / 1000;
  if (waiting > burst + ROUNDING) return { isAllowed: false, delay_ms: 0, reset_ms: ((waiting - burst) * 1000) / rate };
  numbers[EXPIRES] = empty_ms + 1000 / rate;
  return { isAllowed: true, delay_ms, reset_ms: 0 };
}
