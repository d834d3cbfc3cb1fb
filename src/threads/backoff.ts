/** How long to wait before what failed is tried again: at once the first time, then twice as long each time, up to a bound. */

export interface BackoffOptions {
  readonly first_ms: number;
  readonly most_ms: number;
}

export class Backoff {
  private readonly options: BackoffOptions;
  private failures = 0;
  private last_ms = Number.NEGATIVE_INFINITY;

  constructor(options: BackoffOptions) {
    this.options = options;
  }

  /** To be called for each failure. A failure long after the one before counts as the first. */
  next_ms(now_ms: number): number {
    const { first_ms, most_ms } = this.options;
    if (now_ms - this.last_ms > 2 * most_ms) this.failures = 0;
    this.last_ms = now_ms;
    const delay_ms = this.failures === 0 ? 0 : Math.min(most_ms, first_ms * 2 ** (this.failures - 1));
    this.failures++;
    return delay_ms;
  }

  /** It works again. */
  reset(): void {
    this.failures = 0;
  }
}
