/** The streams of a connection that have something to send and may not: who goes first when they may (RFC 9218 §10). */
import { FRAME_BYTES } from './protocol.ts';
import type { HttpStream } from './http-stream.ts';

export class SendQueue {
  private readonly streams = new Set<HttpStream>();
  private isPumping = false;

  add(stream: HttpStream): void {
    this.streams.add(stream);
  }

  delete(stream: HttpStream): void {
    this.streams.delete(stream);
  }

  get size(): number {
    return this.streams.size;
  }

  /** Lets each stream send what it may: the most urgent first, those that want to share by turns, the others one after the other. */
  pump(): void {
    if (this.streams.size === 0 || this.isPumping) return;
    this.isPumping = true;
    try {
      if (this.streams.size === 1) for (const only of this.streams) only.pump(Number.POSITIVE_INFINITY);
      else this.pumpInOrder();
    } finally {
      this.isPumping = false;
    }
  }

  private pumpInOrder(): void {
    const ordered = Array.from(this.streams).toSorted((a, b) => a.urgency - b.urgency || a.id - b.id);
    for (let from = 0; from < ordered.length;) {
      let to = from;
      while (to < ordered.length && ordered[to].urgency === ordered[from].urgency) to++;
      const equals = ordered.slice(from, to);
      for (const stream of equals) if (!stream.isIncremental) stream.pump(Number.POSITIVE_INFINITY);
      let sharing = equals.filter((stream) => stream.isIncremental);
      while (sharing.length > 0) sharing = sharing.filter((stream) => stream.pump(FRAME_BYTES));
      from = to;
    }
  }
}
