/** Decides whether a thread hangs: whether its loop has stood still although it could have gone round. */
import { readFileSync } from 'node:fs';

export interface StandstillOptions {
  /** How long it may stand still. */
  readonly stall_ms: number;
  /**
   * How long the thread has waited for a core since it began, while others had them all; null if that is not known. Only
   * read while a beat is missing.
   */
  readonly waited_ms: () => number | null;
}

/** A look that comes later than this was held up itself, or the machine slept: what else it found counts for no more. */
const MOST_BETWEEN_LOOKS_MS = 1_000;

/**
 * Time counts only while the thread ran or waited for something of its own (a lock, a file): not while it was ready to run and
 * got no core. A thread on a busy machine is late, and what it is replaced by would be as late.
 */
export class Standstill {
  private readonly options: StandstillOptions;
  private beats = 0;
  private looked_ms: number;
  /** At the last look; null while nothing was missing. */
  private waited_ms: number | null = null;
  private stood_ms = 0;

  constructor(now_ms: number, options: StandstillOptions) {
    this.options = options;
    this.looked_ms = now_ms;
  }

  /**
   * To be called twice a second or so.
   * @param beats counts the turns of the thread's loop
   * @returns for how long it hangs; 0 while it does not
   */
  look(now_ms: number, beats: number): number {
    const past_ms = now_ms - this.looked_ms;
    this.looked_ms = now_ms;
    if (beats !== this.beats) {
      this.beats = beats;
      this.forget();
      return 0;
    }
    const waited_ms = this.options.waited_ms();
    const before_ms = this.waited_ms;
    this.waited_ms = waited_ms ?? 0;
    if (before_ms === null) return 0;
    const starved_ms = waited_ms === null ? 0 : waited_ms - before_ms;
    // Of a late look that cannot tell why, nothing counts: the thread may have been held up as long.
    if (waited_ms === null && past_ms > MOST_BETWEEN_LOOKS_MS) return 0;
    this.stood_ms += Math.max(0, Math.min(past_ms, MOST_BETWEEN_LOOKS_MS) - starved_ms);
    return this.stood_ms >= this.options.stall_ms ? this.stood_ms : 0;
  }

  /** The thread goes on, or has not begun. */
  forget(): void {
    this.waited_ms = null;
    this.stood_ms = 0;
  }
}

/**
 * How long a thread of this process has waited for a core, by Linux's own account: the second number of `schedstat`, in
 * nanoseconds (Documentation/scheduler/sched-stats.rst). Null elsewhere, and where the thread is not known.
 * @param id the system's; 0 for none
 */
export function waitedForCore_ms(id: number): number | null {
  if (id === 0) return null;
  try {
    const [, waited_ns] = readFileSync(`/proc/self/task/${id}/schedstat`, 'latin1').split(' ');
    return Number(waited_ns) / 1e6;
  } catch {
    return null;
  }
}
