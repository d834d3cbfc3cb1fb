/** Numbers of threads: in log and metrics, and by which each has its part of the common memory. */
import { canLiveTogether } from '../limit/shared-limits.ts';

export const MAIN = 0;
export const CONTROL = 1;

export class ThreadNumbers {
  private next = CONTROL + 1;

  /** One that nobody had, and that shares no part of the common memory with a worker that lives, with main or control. */
  take(workers: readonly number[]): number {
    for (;;) {
      const thread = this.next++;
      if ([MAIN, CONTROL, ...workers].every((other) => canLiveTogether(thread, other))) return thread;
    }
  }
}
