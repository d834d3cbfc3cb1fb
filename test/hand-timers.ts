/** Timers that fire when a test says so. */
export class HandTimers {
  now_ms = 0;
  private readonly timers = new Set<{ readonly at_ms: number; readonly order: number; readonly fire: () => void }>();
  private count = 0;

  readonly start = (delay_ms: number, fire: () => void): { stop(): void } => {
    const timer = { at_ms: this.now_ms + delay_ms, order: this.count++, fire };
    this.timers.add(timer);
    return { stop: () => this.timers.delete(timer) };
  };

  get pending(): number {
    return this.timers.size;
  }

  pass(duration_ms: number): void {
    const end_ms = this.now_ms + duration_ms;
    for (;;) {
      const [next] = [...this.timers].toSorted((a, b) => a.at_ms - b.at_ms || a.order - b.order);
      if (next === undefined || next.at_ms > end_ms) break;
      this.timers.delete(next);
      this.now_ms = Math.max(this.now_ms, next.at_ms);
      next.fire();
    }
    this.now_ms = Math.max(this.now_ms, end_ms);
  }
}
