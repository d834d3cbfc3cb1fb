/** Times as people write them. */

/** Milliseconds, or a number and its unit: `250ms`, `61s`, `1.5m`, `2h`, `1d`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** Beyond it, adding milliseconds to the wall clock would not be exact any more. */
const MOST_MS = 100 * 365 * 86_400_000;

export const DURATION_REMEDY = 'write milliseconds, or a number and its unit: 250ms, 61s, 5m, 2h, 1d';

/** @returns null for what is none */
export function readDuration(value: unknown): number | null {
  const found = typeof value === 'string' ? /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(value) : null;
  const time_ms = found === null ? value : Number(found[1]) * (UNITS[found[2] ?? ''] ?? NaN);
  return typeof time_ms === 'number' && time_ms >= 0 && time_ms <= MOST_MS ? time_ms : null;
}

/** In milliseconds. Throws TypeError for what is no duration. */
export function milliseconds(duration: Duration): number {
  const time_ms = readDuration(duration);
  if (time_ms === null) throw new TypeError(`${JSON.stringify(duration)} is no duration: ${DURATION_REMEDY}`);
  return time_ms;
}
