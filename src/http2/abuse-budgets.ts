/** What a client may do how often: generous for any real one, and far below what would hurt. */
import { Budget } from './budget.ts';

export class AbuseBudgets {
  /** Streams that the client resets before they are answered (CVE-2023-44487). */
  readonly resets: Budget;
  readonly settings: Budget;
  readonly pings: Budget;
  readonly priorities: Budget;
  /** Frames that carry nothing: DATA and CONTINUATION without payload, unknown types. */
  readonly empty: Budget;
  /** Each frame of ours gives the right to one more. */
  readonly windowUpdates: Budget;
  /** Streams beyond the number that we announced, and frames on streams that are closed. */
  readonly refused: Budget;

  constructor(now_ms: number) {
    this.resets = new Budget(200, 20, now_ms);
    this.settings = new Budget(20, 2, now_ms);
    this.pings = new Budget(100, 10, now_ms);
    this.priorities = new Budget(500, 100, now_ms);
    this.empty = new Budget(100, 10, now_ms);
    this.windowUpdates = new Budget(2_000, 500, now_ms);
    this.refused = new Budget(1_000, 100, now_ms);
  }
}
