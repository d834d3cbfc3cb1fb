/**
 * A count over about the last `window_ms`, kept in two numbers:
 *
 *     count(t) = previous × (window_ms − elapsed) ÷ window_ms + current
 *
 * `current` are the units of the window that runs, `elapsed` ms old; `previous` those of the one before it, taken as
 * spread evenly. Windows are aligned to each key's own first unit, not to the clock: so no two keys turn at the same
 * moment, nothing depends on when the process started, and the first window of a key is exact. A key without units in
 * two windows begins anew. Values are doubles: a count is exact to a relative error of 2⁻⁵².
 */
import type { LimitDecision, LimitQuery } from '../sdk/host.ts';
import { CURRENT, EXPIRES, PREVIOUS, START } from './window-numbers.ts';

/** Decides on a count, and consumes the units if it allows them. */
export function slidingWindow(numbers: Float64Array, query: LimitQuery, now_ms: number): LimitDecision {
  const { limit, cost, window_ms } = query;
  if (numbers[EXPIRES]! <= now_ms) return begin(numbers, query, now_ms);
  let start_ms = numbers[START]!;
  let previous = numbers[PREVIOUS]!;
  let current = numbers[CURRENT]!;
  if (now_ms - start_ms >= window_ms) {
    start_ms += window_ms;
    previous = current;
    current = 0;
  }
  // Another thread's clock may be a little ahead of this one's.
  const elapsed_ms = Math.max(0, now_ms - start_ms);
  const room = limit - current - (previous * (window_ms - elapsed_ms)) / window_ms;
  const state = { previous, current, elapsed_ms, window_ms };
  if (cost > limit) return { isAllowed: false, remaining: 0, reset_ms: numbers[EXPIRES]! - now_ms };
  if (cost > room) return { isAllowed: false, remaining: 0, reset_ms: untilRoom(state, limit - cost) };
  if (cost > 0) {
    state.current = current + cost;
    numbers[START] = start_ms;
    numbers[PREVIOUS] = previous;
    numbers[CURRENT] = state.current;
    numbers[EXPIRES] = start_ms + 2 * window_ms;
  }
  const remaining = Math.max(0, Math.floor(room - cost));
  return { isAllowed: true, remaining, reset_ms: remaining > 0 || limit < 1 ? 0 : untilRoom(state, limit - 1) };
}

function begin(numbers: Float64Array, query: LimitQuery, now_ms: number): LimitDecision {
  const { limit, cost, window_ms } = query;
  if (cost > limit) return { isAllowed: false, remaining: 0, reset_ms: window_ms };
  if (cost > 0) {
    numbers[START] = now_ms;
    numbers[PREVIOUS] = 0;
    numbers[CURRENT] = cost;
    numbers[EXPIRES] = now_ms + 2 * window_ms;
  }
  const state = { previous: 0, current: cost, elapsed_ms: 0, window_ms };
  const remaining = limit - cost;
  return { isAllowed: true, remaining, reset_ms: remaining > 0 || limit < 1 ? 0 : untilRoom(state, limit - 1) };
}

interface State {
  previous: number;
  current: number;
  elapsed_ms: number;
  window_ms: number;
}

/** How long until the count has fallen to `most`, if nothing is added. */
function untilRoom({ previous, current, elapsed_ms, window_ms }: State, most: number): number {
  if (current <= most) {
    const share = previous > 0 ? (most - current) / previous : 1;
    return Math.max(0, window_ms - share * window_ms - elapsed_ms);
  }
  // Only in the next window does the present one's count begin to fall.
  return window_ms - elapsed_ms + window_ms * (1 - most / current);
}
