/**
 * How often a client may do what costs it less than us: so many at once, and so many a second after that. Time is read off
 * the timer wheel, whose resolution is fine enough for this.
 */
export class Budget {
  private readonly most: number;
  private readonly perSecond: number;
  private left: number;
  private at_ms: number;

  constructor(most: number, perSecond: number, now_ms: number) {
    this.most = this.left = most;
    this.perSecond = perSecond;
    this.at_ms = now_ms;
  }

  /** @returns false if it is used up */
  spend(now_ms: number, cost = 1): boolean {
    if (now_ms > this.at_ms) {
      this.left = Math.min(this.most, this.left + ((now_ms - this.at_ms) * this.perSecond) / 1000);
      this.at_ms = now_ms;
    }
    this.left -= cost;
    return this.left >= 0;
  }

  /** What we did ourselves gives the client the right to react. */
  refund(amount: number): void {
    this.left = Math.min(this.most, this.left + amount);
  }
}
