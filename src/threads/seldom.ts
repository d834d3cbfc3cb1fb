/** Things that may happen with every request, and are worth a line now and then. */
export class Seldom {
  private readonly now_ms: () => number;
  private readonly period_ms: number;
  private readonly last = new Map<string, number>();

  /** @param now_ms monotonic @param period_ms between two lines about the same */
  constructor(now_ms: () => number, period_ms: number) {
    this.now_ms = now_ms;
    this.period_ms = period_ms;
  }

  /** @returns whether it is worth a line now */
  isDue(what: string): boolean {
    const now_ms = this.now_ms();
    const last_ms = this.last.get(what);
    if (last_ms !== undefined && now_ms - last_ms < this.period_ms) return false;
    if (this.last.size >= MOST_KNOWN) this.last.clear();
    this.last.set(what, now_ms);
    return true;
  }
}

const MOST_KNOWN = 1_000;
