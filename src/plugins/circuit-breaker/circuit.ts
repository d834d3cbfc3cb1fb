/**
 * The circuit of one node, as pure functions over a record of seven numbers. Closed: all may pass, and what becomes of them
 * is counted. Open: nobody may pass, for a time that doubles with each opening in a row. Half-open: a few probes may; enough
 * good ones in a row close it, a bad one opens it again.
 *
 * Counts fade instead of being kept by the second: a call that ended `t` ago counts e^(−t/window). At an even rate that
 * weighs as much as the last window does, and it takes two numbers instead of a list.
 */

/** Positions in the record. */
const CALLS = 0;
const FAILED = 1;
const SLOW = 2;
/** When the counts were last faded. */
const FADED_MS = 3;
/** Closed: failures in a row. Half-open: good probes in a row. */
const STREAK = 4;
/** Openings since it was last closed: 0 is closed. */
const OPENINGS = 5;
const OPEN_UNTIL_MS = 6;
export const CIRCUIT_NUMBERS = 7;

export interface CircuitSettings {
  readonly window_ms: number;
  /** Calls that the window must hold before shares mean anything. */
  readonly min_calls: number;
  readonly failure_percent: number;
  readonly slow_percent: number;
  /** 0 for none. */
  readonly consecutive_failures: number;
  readonly open_ms: number;
  readonly max_open_ms: number;
  readonly half_open_successes: number;
}

export type CircuitState = 'closed' | 'open' | 'half_open';

/** What a call was, as bits. */
export const CALL_FAILED = 1;
export const CALL_SLOW = 2;
export const CALL_PROBE = 4;
/** It failed after it had been counted: its answer broke off. */
export const CALL_BROKEN = 8;

export function stateOf(record: ArrayLike<number>, now_ms: number): CircuitState {
  if (record[OPENINGS] === 0) return 'closed';
  return record[OPEN_UNTIL_MS]! > now_ms ? 'open' : 'half_open';
}

/** How long it stays open, in ms; 0 unless it is. */
export function openFor(record: ArrayLike<number>, now_ms: number): number {
  return record[OPENINGS] === 0 ? 0 : Math.max(0, record[OPEN_UNTIL_MS]! - now_ms);
}

/**
 * Takes the end of one call into account. @param call its bits @returns the state that it brought about, null for no change
 */
export function noteCall(
  record: Float64Array,
  call: number,
  now_ms: number,
  settings: CircuitSettings,
): 'open' | 'closed' | null {
  const isProbe = (call & CALL_PROBE) !== 0;
  const state = stateOf(record, now_ms);
  // A call that began while the circuit was closed says nothing about what came since; a probe's time may be over, too.
  if (state === 'closed') return isProbe ? null : noteClosed(record, call, now_ms, settings);
  if (state === 'open' || !isProbe) return null;
  const isGood = (call & (CALL_FAILED | CALL_SLOW)) === 0;
  if (!isGood) return open(record, now_ms, settings);
  record[STREAK]!++;
  if (record[STREAK]! < settings.half_open_successes) return null;
  record.fill(0);
  return 'closed';
}

function noteClosed(record: Float64Array, call: number, now_ms: number, settings: CircuitSettings): 'open' | null {
  fade(record, now_ms, settings.window_ms);
  const isBroken = (call & CALL_BROKEN) !== 0;
  const hasFailed = isBroken || (call & CALL_FAILED) !== 0;
  if (!isBroken) record[CALLS]!++;
  if (hasFailed) record[FAILED]!++;
  if ((call & CALL_SLOW) !== 0) record[SLOW]!++;
  record[STREAK] = hasFailed ? record[STREAK]! + 1 : 0;
  return isTooMuch(record, settings) ? open(record, now_ms, settings) : null;
}

function fade(record: Float64Array, now_ms: number, window_ms: number): void {
  const elapsed_ms = now_ms - record[FADED_MS]!;
  // A thread whose clock is behind adds its call; it does not fade the others backwards.
  if (elapsed_ms <= 0) return;
  const kept = Math.exp(-elapsed_ms / window_ms);
  record[CALLS]! *= kept;
  record[FAILED]! *= kept;
  record[SLOW]! *= kept;
  record[FADED_MS] = now_ms;
}

/** The calls that came a moment ago have faded by a hair: half a call is no reason to wait for one more. */
const HALF_A_CALL = 0.5;
/** Of what adding up fractions does to a share. */
const ROUNDING = 1e-9;

function isTooMuch(record: Float64Array, settings: CircuitSettings): boolean {
  const { consecutive_failures, min_calls, failure_percent, slow_percent } = settings;
  if (consecutive_failures > 0 && record[STREAK]! >= consecutive_failures) return true;
  const calls = record[CALLS]!;
  if (calls < min_calls - HALF_A_CALL) return false;
  const isOver = (count: number, percent: number): boolean => count > 0 && count * 100 >= calls * (percent - ROUNDING);
  return isOver(record[FAILED]!, failure_percent) || isOver(record[SLOW]!, slow_percent);
}

function open(record: Float64Array, now_ms: number, { open_ms, max_open_ms }: CircuitSettings): 'open' {
  const openings = record[OPENINGS]! + 1;
  record.fill(0);
  record[OPENINGS] = openings;
  record[OPEN_UNTIL_MS] = now_ms + Math.min(max_open_ms, open_ms * 2 ** (openings - 1));
  return 'open';
}
