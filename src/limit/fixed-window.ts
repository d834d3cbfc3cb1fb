/**
 * A window that begins with the first unit of a key and ends `window_ms` later; the next one begins with the next unit
 * after that. At most `limit` units fit into one; across an end, twice as many can come close together.
 */
import type { LimitDecision, LimitQuery } from '../sdk/host.ts';
import { CURRENT, EXPIRES } from './window-numbers.ts';

/** Decides on a count, and consumes the units if it allows them. */
export function fixedWindow(numbers: Float64Array, query: LimitQuery, now_ms: number): LimitDecision {
  const { limit, cost, window_ms } = query;
  const isLive = numbers[EXPIRES]! > now_ms;
  const used = isLive ? numbers[CURRENT]! : 0;
  const reset_ms = isLive ? numbers[EXPIRES]! - now_ms : window_ms;
  // Not used + cost > limit: that sum may be rounded.
  if (cost > limit - used) return { isAllowed: false, remaining: 0, reset_ms };
  if (cost > 0) {
    numbers[CURRENT] = used + cost;
    if (!isLive) numbers[EXPIRES] = now_ms + window_ms;
  }
  return { isAllowed: true, remaining: limit - used - cost, reset_ms };
}
