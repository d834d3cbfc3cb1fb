/** The streams of a connection that have something to send and may not: who goes first when they may (RFC 9218 §10). */
import type { Flushable, FlushTurn } from './flush-turn.ts';
import { FRAME_BYTES } from './protocol.ts';
import type { HttpStream } from './http-stream.ts';

/** Turns that less urgent streams wait for one that was just told to go on: in the first its source wakes up, in the second it is read. */
const YIELDED_TURNS = 2;
/** How often in a row they wait: after that they have their turn, so that nobody starves. */
const MOST_YIELDS = 16;

export class SendQueue implements Flushable {
  private readonly streams = new Set<HttpStream>();
  private readonly turn: FlushTurn;
  /** Whether the other side does not take what is written. */
  private readonly isBehind: () => boolean;
  private isPumping = false;
  /** Whoever is less urgent than this waits. */
  private yieldsTo = Number.POSITIVE_INFINITY;
  private yields = 0;
  private turnsLeft = 0;

  constructor(turn: FlushTurn, isBehind: () => boolean) {
    this.turn = turn;
    this.isBehind = isBehind;
  }

  add(stream: HttpStream): void {
    this.streams.add(stream);
  }

  delete(stream: HttpStream): void {
    this.streams.delete(stream);
  }

  /** Lets each stream send what it may: the most urgent first, those that want to share by turns, the others one after the other. */
  pump(): void {
    if (this.streams.size === 0 || this.isPumping) return;
    this.isPumping = true;
    try {
      if (this.streams.size === 1) this.pumpOnly();
      else this.pumpInOrder();
    } finally {
      this.isPumping = false;
    }
  }

  private pumpOnly(): void {
    for (const only of this.streams) if (only.urgency <= this.yieldsTo) only.pump(Number.POSITIVE_INFINITY);
  }

  private pumpInOrder(): void {
    const ordered = Array.from(this.streams).toSorted((a, b) => a.urgency - b.urgency || a.id - b.id);
    for (let from = 0; from < ordered.length;) {
      const { urgency } = ordered[from];
      if (urgency > this.yieldsTo) return;
      let to = from;
      while (to < ordered.length && ordered[to].urgency === urgency) to++;
      const equals = ordered.slice(from, to);
      for (const stream of equals) if (!stream.isIncremental) stream.pump(Number.POSITIVE_INFINITY);
      let sharing = equals.filter((stream) => stream.isIncremental);
      while (sharing.length > 0) sharing = sharing.filter((stream) => stream.pump(FRAME_BYTES));
      from = to;
      if (from < ordered.length && equals.some((stream) => stream.isRefilling) && this.yield(urgency)) return;
    }
    this.yields = 0;
  }

  /**
   * The window is not for the less urgent because the more urgent have sent all that was there, and get more in a moment.
   * @returns false if the less urgent have waited often enough
   */
  private yield(urgency: number): boolean {
    if (++this.yields > MOST_YIELDS) return false;
    this.yieldsTo = urgency;
    if (this.turnsLeft === 0) this.turn.add(this);
    this.turnsLeft = YIELDED_TURNS;
    return true;
  }

  /** The end of a turn. */
  flush(): void {
    if (--this.turnsLeft > 0) {
      this.turn.add(this);
      return;
    }
    this.yieldsTo = Number.POSITIVE_INFINITY;
    // Else whoever was meant has filled the socket, and when that is empty all are asked again.
    if (!this.isBehind()) this.pump();
  }
}
