/**
 * The breaker that APISIX documents, as a pure function over a record of four numbers. Each time the failures reach their
 * number, everything is refused for twice as long as the time before: 2 s, 4 s, 8 s, up to a bound. Then requests pass
 * again, and the next failures are counted from 0. Enough healthy answers in a row end it.
 */

/** Positions in the record. */
const FAILURES = 0;
const SUCCESSES = 1;
/** Times that it broke since it was healthy. */
const BREAKS = 2;
const BROKEN_UNTIL_MS = 3;
export const BREAKER_NUMBERS = 4;

export interface BreakerSettings {
  readonly failures: number;
  readonly successes: number;
  readonly max_ms: number;
}

/** What an answer of the upstream changed: how long it is broken from now, in ms; `healthy` where it was not; else 0. */
export type BreakerChange = number | 'healthy';

/** How long requests are still refused, in ms; 0 lets them pass. */
export function brokenFor(record: ArrayLike<number>, now_ms: number): number {
  return Math.max(0, record[BROKEN_UNTIL_MS]! - now_ms);
}

/**
 * Takes one answer into account. What comes while requests are refused was asked before: it says nothing about whether
 * waiting helped.
 */
export function noteAnswer(
  record: Float64Array,
  isHealthy: boolean,
  now_ms: number,
  settings: BreakerSettings,
): BreakerChange {
  if (brokenFor(record, now_ms) > 0) return 0;
  return isHealthy ? noteSuccess(record, settings) : noteFailure(record, now_ms, settings);
}

function noteFailure(record: Float64Array, now_ms: number, { failures, max_ms }: BreakerSettings): number {
  record[SUCCESSES] = 0;
  record[FAILURES]!++;
  if (record[FAILURES]! < failures) return 0;
  record[FAILURES] = 0;
  record[BREAKS]!++;
  const broken_ms = Math.min(max_ms, 1000 * 2 ** record[BREAKS]!);
  record[BROKEN_UNTIL_MS] = now_ms + broken_ms;
  return broken_ms;
}

function noteSuccess(record: Float64Array, { successes }: BreakerSettings): BreakerChange {
  // An untouched record stays one: it takes no room.
  if (record[FAILURES] === 0 && record[BREAKS] === 0) return 0;
  record[SUCCESSES]!++;
  if (record[SUCCESSES]! < successes) return 0;
  const wasBroken = record[BREAKS]! > 0;
  record.fill(0);
  return wasBroken ? 'healthy' : 0;
}
