/** What stores are given in tests: a clock that a test sets forward. Not part of the gateway. */
import type { StoreParts } from './store.ts';

export class VirtualParts implements StoreParts {
  private time_ms = 1_750_000_000_500;
  private timers: { readonly due_ms: number; readonly callback: () => void }[] = [];
  readonly faults: unknown[] = [];

  now_ms(): number {
    return this.time_ms;
  }

  schedule(delay_ms: number, callback: () => void): () => void {
    const timer = { due_ms: this.time_ms + delay_ms, callback };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((one) => one !== timer);
    };
  }

  onFault(error: unknown): void {
    this.faults.push(error);
  }

  /** Timers that are set. */
  get waiting(): number {
    return this.timers.length;
  }

  /** Sets the clock forward, stopping at each timer that is due. */
  pass(ms: number): void {
    const until_ms = this.time_ms + ms;
    for (;;) {
      const due = this.timers.filter(({ due_ms }) => due_ms <= until_ms).toSorted((a, b) => a.due_ms - b.due_ms)[0];
      if (due === undefined) break;
      this.timers = this.timers.filter((one) => one !== due);
      this.time_ms = Math.max(this.time_ms, due.due_ms);
      due.callback();
    }
    this.time_ms = until_ms;
  }
}
