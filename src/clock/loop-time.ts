/** Time as the deadlines of an event loop should see it: it stands while the loop stands. */

/** What one turn of the loop adds at most: a loop that turns as slowly as that is slow, one that turns later stood still. */
const MOST_MS = 100;

/**
 * What came in while the loop stood still has been looked at by nobody: an answer that lies in the kernel is in time, and an
 * attempt that began after the pause, by a clock that was read before it, has not had its time. So a pause (a machine with too
 * little processor time, a plugin that computes, a collection of garbage) expires nothing by itself; it prolongs what runs.
 */
export class LoopTime {
  private readonly clock_ms: () => number;
  private read_ms: number;
  private lost_ms = 0;

  /** @param clock_ms monotonic */
  constructor(clock_ms: () => number) {
    this.clock_ms = clock_ms;
    this.read_ms = clock_ms();
  }

  /** To be read by the loop's own timer, at every turn of it. */
  now_ms(): number {
    const now_ms = this.clock_ms();
    this.lost_ms += Math.max(0, now_ms - this.read_ms - MOST_MS);
    this.read_ms = now_ms;
    return now_ms - this.lost_ms;
  }
}
