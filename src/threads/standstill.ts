/** Decides whether a thread hangs: whether its loop has stood still although it could have gone round. */
import { readFileSync } from 'node:fs';

/** What the system knows of a thread. */
export interface ThreadTimes {
  /** On a core, since it began. */
  readonly ran_ms: number;
  /** Ready to run while others had all cores; counted when that is over. */
  readonly waited_ms: number;
  /** Whether it is running now, or ready to. */
  readonly isReady: boolean;
}

export interface StandstillOptions {
  /** How long it may stand still. */
  readonly stall_ms: number;
  /** Null if they are not known. Only asked for while a beat is missing. */
  readonly times: () => ThreadTimes | null;
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
  /** At the last look, while a beat was missing. */
  private before: ThreadTimes | null = null;
  private isMissing = false;
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
    const { before, isMissing } = this;
    const times = this.options.times();
    this.before = times;
    this.isMissing = true;
    if (!isMissing) return 0;
    this.stood_ms += stood(past_ms, before, times);
    return this.stood_ms >= this.options.stall_ms ? this.stood_ms : 0;
  }

  /** The thread goes on, or has not begun. */
  forget(): void {
    this.isMissing = false;
    this.stood_ms = 0;
  }
}

/** How much of the time between two looks counts. */
function stood(past_ms: number, before: ThreadTimes | null, times: ThreadTimes | null): number {
  if (before === null || times === null) {
    // Nobody tells why: what held up the look may have held up the thread as long.
    return past_ms > MOST_BETWEEN_LOOKS_MS ? 0 : past_ms;
  }
  const ran_ms = times.ran_ms - before.ran_ms;
  // How long one that is ready now has waited is not told before it runs.
  if (times.isReady) return ran_ms;
  const blocked_ms = Math.min(past_ms, MOST_BETWEEN_LOOKS_MS) - ran_ms - (times.waited_ms - before.waited_ms);
  return ran_ms + Math.max(0, blocked_ms);
}

/**
 * Of a thread of this process, by Linux's own account: `schedstat` has the two times, in nanoseconds
 * (Documentation/scheduler/sched-stats.rst), `stat` the state (proc_pid_stat(5)). Null elsewhere, and where the thread is not
 * known.
 * @param id the system's; 0 for none
 */
export function threadTimes(id: number): ThreadTimes | null {
  if (id === 0) return null;
  try {
    const [ran_ns, waited_ns] = readFileSync(`/proc/self/task/${id}/schedstat`, 'latin1').split(' ').map(Number);
    const stat = readFileSync(`/proc/self/task/${id}/stat`, 'latin1');
    // The name before it may have anything in it, parentheses too.
    const state = stat.charAt(stat.lastIndexOf(')') + 2);
    return { ran_ms: (ran_ns ?? 0) / 1e6, waited_ms: (waited_ns ?? 0) / 1e6, isReady: state === 'R' };
  } catch {
    return null;
  }
}
