/**
 * What the clients of one worker make it hold for them: what of responses waits for their windows and sockets, and what of
 * requests has not been taken by anybody. Each of them is bounded by itself, but many of them together are not.
 */
import type { Flushable, FlushTurn } from './flush-turn.ts';

export interface Holder {
  /** Held for it now. */
  readonly heldBytes: number;
  /** Lets go of all of it, by ending the connection. */
  endForHolding(): void;
}

export class HeldBytes implements Flushable {
  private readonly most: number;
  private readonly turn: FlushTurn;
  private readonly holders = new Set<Holder>();
  private isScheduled = false;
  /** Of all holders together. */
  total = 0;

  /**
   * @param most bytes of all together, 0 for no bound
   * @param turn whatever is under way is not ended in the middle of it
   */
  constructor(most: number, turn: FlushTurn) {
    this.most = most === 0 ? Number.POSITIVE_INFINITY : most;
    this.turn = turn;
  }

  add(holder: Holder): void {
    this.holders.add(holder);
  }

  delete(holder: Holder): void {
    this.holders.delete(holder);
  }

  /** @param bytes more than before, or fewer */
  change(bytes: number): void {
    this.total += bytes;
    if (this.total <= this.most || this.isScheduled) return;
    this.isScheduled = true;
    this.turn.add(this);
  }

  /** Ends whoever has most, until the rest is within the bound. */
  flush(): void {
    this.isScheduled = false;
    while (this.total > this.most) {
      let largest: Holder | null = null;
      for (const holder of this.holders) if (largest === null || holder.heldBytes > largest.heldBytes) largest = holder;
      if (largest === null || largest.heldBytes === 0) return;
      const before = this.total;
      largest.endForHolding();
      // Whoever does not let go is not asked again.
      if (this.total >= before) this.holders.delete(largest);
    }
  }
}
