/**
 * A window that begins with the first unit of a key and ends `window_ms` later; the next one begins with the next unit
 * after that. At most `limit` units fit into one; across an end, twice as many can come close together.
 */
import type { LimitDecision, LimitQuery } from '../sdk/host.ts';
import { CURRENT, EXPIRES_MS, ROW } from './window-cells.ts';
import type { WindowCells } from './window-cells.ts';

/** Decides on the count in a slot, −1 for a key that has none, and consumes the units if it allows them. */
export function fixedWindow(cells: WindowCells, slot: number, query: LimitQuery, now_ms: number): LimitDecision {
  const { limit, cost, window_ms } = query;
  const { rows } = cells;
  const row = slot * ROW;
  const isLive = slot >= 0 && rows[row + EXPIRES_MS]! > now_ms;
  const used = isLive ? rows[row + CURRENT]! : 0;
  const reset_ms = isLive ? rows[row + EXPIRES_MS]! - now_ms : window_ms;
  // Not used + cost > limit: that sum may be rounded.
  if (cost > limit - used) return { isAllowed: false, remaining: 0, reset_ms };
  if (cost > 0 && slot >= 0) {
    rows[row + CURRENT] = used + cost;
    if (!isLive) rows[row + EXPIRES_MS] = now_ms + window_ms;
  }
  return { isAllowed: true, remaining: limit - used - cost, reset_ms };
}
