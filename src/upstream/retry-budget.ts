/**
 * A bound on the share of further attempts in what an upstream is sent: where everything fails, retries multiply the load
 * of what is overloaded already. Each request pays a part of a retry in, each retry takes a whole one out, and what is
 * not used fades with time. So of what an upstream gets in the long run, retries are at most the share, plus a few a second.
 */

export interface RetryBudgetSettings {
  /** Retries for each hundred requests. */
  readonly budget_percent: number;
  /** Retries a second that are there whatever the traffic: an upstream that hardly gets requests has its retries too. */
  readonly budget_min_per_second: number;
}

/** What is known of one upstream. */
export interface RetryBalance {
  /** Retries that may follow at once. */
  balance: number;
  /** Requests up to the last look. */
  requests: number;
  at_ms: number;
}

/** In this time an unused balance loses all but 1/e of its worth; at an even rate it is worth what came in in that time. */
export const BUDGET_WINDOW_MS = 10_000;

/**
 * Brings a balance up to date. Requests are taken to have come evenly since the last look: then the number of looks
 * changes nothing.
 */
export function refill(
  balance: RetryBalance,
  requests: number,
  now_ms: number,
  { budget_percent, budget_min_per_second }: RetryBudgetSettings,
): void {
  const share = budget_percent / 100;
  const elapsed_ms = Math.max(0, now_ms - balance.at_ms);
  const fresh = Math.max(0, requests - balance.requests) * share;
  const kept = Math.exp(-elapsed_ms / BUDGET_WINDOW_MS);
  // ∫ rate · e^(−(elapsed − t)/window) dt over the time since the last look.
  const faded = elapsed_ms === 0 ? 1 : ((1 - kept) * BUDGET_WINDOW_MS) / elapsed_ms;
  const minimum = (budget_min_per_second * BUDGET_WINDOW_MS * (1 - kept)) / 1000;
  balance.balance = balance.balance * kept + fresh * faded + minimum;
  balance.requests = requests;
  balance.at_ms = Math.max(balance.at_ms, now_ms);
}

/** The budget of one upstream in one worker. */
export class RetryBudget {
  private readonly settings: RetryBudgetSettings;
  private readonly state: RetryBalance;
  /** Picks that were no request of their own. */
  private repeated = 0;

  /** Begins with what an upstream without traffic has; an edited upstream goes on with what it had. */
  constructor(settings: RetryBudgetSettings, now_ms: number, previous?: RetryBudget) {
    this.settings = settings;
    const minimum = (settings.budget_min_per_second * BUDGET_WINDOW_MS) / 1000;
    this.state = { balance: previous?.state.balance ?? minimum, requests: 0, at_ms: previous?.state.at_ms ?? now_ms };
  }

  /**
   * Takes one retry out. @returns false if there is none left
   * @param picks of nodes for the upstream so far, repeated ones included
   */
  take(picks: number, now_ms: number): boolean {
    refill(this.state, picks - this.repeated, now_ms, this.settings);
    if (this.state.balance < 1) return false;
    this.state.balance--;
    return true;
  }

  /** A node was picked for something else than the first attempt of a request. */
  noteRepeated(): void {
    this.repeated++;
  }
}
