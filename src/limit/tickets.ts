/** Which places each thread has taken, in memory that outlives it: what it held can be freed when it has died. */

export interface TicketSizes {
  /** Threads that can live at the same time. */
  readonly threads: number;
  /** Places that one thread can hold at the same time. */
  readonly places: number;
}

const HEADER_WORDS = 16;

export class Tickets {
  /** Whether the ticket that was given back last was for an overflow record. */
  wasInOverflow = false;
  private readonly words: Int32Array;
  private readonly threads: number;
  private readonly places: number;
  private readonly first: number;
  /** Tickets of this thread that were given back. */
  private readonly free: number[] = [];
  private touched = 0;

  /** A multiple of 64. */
  static bytes({ threads, places }: TicketSizes): number {
    return Math.ceil((HEADER_WORDS + threads * places) / 16) * 64;
  }

  /** Prepares the beginning of memory, once, before any thread uses it. */
  static prepare(memory: SharedArrayBuffer, { threads, places }: TicketSizes): void {
    new Int32Array(memory, 0, 2).set([threads, places]);
  }

  static sizes(memory: SharedArrayBuffer): TicketSizes {
    const [threads = 0, places = 0] = new Int32Array(memory, 0, 2);
    return { threads, places };
  }

  constructor(memory: SharedArrayBuffer, generation: number) {
    const sizes = Tickets.sizes(memory);
    this.threads = sizes.threads;
    this.places = sizes.places;
    this.words = new Int32Array(memory, 0, Tickets.bytes(sizes) / 4);
    this.first = this.firstOf(generation);
  }

  get isFull(): boolean {
    return this.free.length === 0 && this.touched === this.places;
  }

  /** For a place in a slot. There must be one left. */
  issue(slot: number, isInOverflow: boolean): number {
    const ticket = this.free.pop() ?? this.touched++;
    Atomics.store(this.words, this.first + ticket, isInOverflow ? -(slot + 1) : slot + 1);
    return ticket;
  }

  /** @returns the slot */
  giveBack(ticket: number): number {
    const held = Atomics.exchange(this.words, this.first + ticket, 0);
    this.free.push(ticket);
    this.wasInOverflow = held < 0;
    return Math.abs(held) - 1;
  }

  /** Takes all tickets from a thread that has ended. */
  takeAll(generation: number, take: (slot: number, isInOverflow: boolean) => void): void {
    const first = this.firstOf(generation);
    for (let at = first; at < first + this.places; at++) {
      const held = Atomics.exchange(this.words, at, 0);
      if (held !== 0) take(Math.abs(held) - 1, held < 0);
    }
  }

  private firstOf(generation: number): number {
    return HEADER_WORDS + (generation % this.threads) * this.places;
  }
}
