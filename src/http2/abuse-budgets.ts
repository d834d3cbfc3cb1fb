/** What a client may do how often: generous for any real one, and far below what would hurt. */
import { Budget } from './budget.ts';

const BUDGETS = {
  /** Streams that the client resets (CVE-2023-44487). */
  rapid_reset: [200, 20],
  /** Streams that we have to reset for what the client sent: malformed requests, frames out of place (CVE-2025-8671). */
  stream_errors: [200, 20],
  settings_flood: [20, 2],
  /** Each frame of content that we send gives the right to one more: who estimates the bandwidth pings while it receives. */
  ping_flood: [100, 10],
  priority_flood: [500, 100],
  /** Frames that carry nothing: DATA and CONTINUATION without payload, acknowledgements, GOAWAY, unknown types. */
  empty_frames: [100, 10],
  /** Of those that do not give back what was taken. Each frame of content that we send gives the right to two more. */
  window_updates: [2_000, 500],
  /** Streams beyond the number that we announced, and frames on streams that are closed. */
  refused_streams: [500, 100],
} as const;

export type Budgeted = keyof typeof BUDGETS;

export class AbuseBudgets {
  private readonly now_ms: number;
  /** Made when they are needed: most clients never touch most of them. */
  private readonly budgets = new Map<Budgeted, Budget>();

  constructor(now_ms: number) {
    this.now_ms = now_ms;
  }

  /** A frame of content went out: the peer may react. */
  noteSent(): void {
    this.of('window_updates').refund(2);
    // Made by the first PING.
    this.budgets.get('ping_flood')?.refund(1);
  }

  of(kind: Budgeted): Budget {
    let budget = this.budgets.get(kind);
    if (budget === undefined) {
      const [most, perSecond] = BUDGETS[kind];
      budget = new Budget(most, perSecond, this.now_ms);
      this.budgets.set(kind, budget);
    }
    return budget;
  }
}
