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
import { CURRENT, EXPIRES_MS, PREVIOUS, ROW, START_MS } from './window-cells.ts';
import type { WindowCells } from './window-cells.ts';

/** Decides on the count in a slot, −1 for a key that has none, and consumes the units if it allows them. */
export function slidingWindow(cells: WindowCells, slot: number, query: LimitQuery, now_ms: number): LimitDecision {
  const { limit, cost, window_ms } = query;
  const { rows } = cells;
  const row = slot * ROW;
  if (slot < 0 || rows[row + EXPIRES_MS]! <= now_ms) return begin(cells, slot, query, now_ms);
  if (now_ms - rows[row + START_MS]! >= window_ms) {
    rows[row + START_MS] = rows[row + START_MS]! + window_ms;
    rows[row + PREVIOUS] = rows[row + CURRENT]!;
    rows[row + CURRENT] = 0;
  }
  const elapsed_ms = now_ms - rows[row + START_MS]!;
  const previous = rows[row + PREVIOUS]!;
  const current = rows[row + CURRENT]!;
  const room = limit - current - (previous * (window_ms - elapsed_ms)) / window_ms;
  const state = { previous, current, elapsed_ms, window_ms };
  if (cost > limit) return { isAllowed: false, remaining: 0, reset_ms: rows[row + EXPIRES_MS]! - now_ms };
  if (cost > room) return { isAllowed: false, remaining: 0, reset_ms: untilRoom(state, limit - cost) };
  if (cost > 0) {
    rows[row + CURRENT] = state.current = current + cost;
    rows[row + EXPIRES_MS] = rows[row + START_MS]! + 2 * window_ms;
  }
  const remaining = Math.max(0, Math.floor(room - cost));
  return { isAllowed: true, remaining, reset_ms: remaining > 0 || limit < 1 ? 0 : untilRoom(state, limit - 1) };
}

function begin(cells: WindowCells, slot: number, query: LimitQuery, now_ms: number): LimitDecision {
  const { limit, cost, window_ms } = query;
  const { rows } = cells;
  const row = slot * ROW;
  if (cost > limit) return { isAllowed: false, remaining: 0, reset_ms: window_ms };
  if (cost > 0 && slot >= 0) {
    rows[row + START_MS] = now_ms;
    rows[row + PREVIOUS] = 0;
    rows[row + CURRENT] = cost;
    rows[row + EXPIRES_MS] = now_ms + 2 * window_ms;
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
