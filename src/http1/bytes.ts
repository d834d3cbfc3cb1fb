/** Text of one character per byte, read from and written to memory. */

/** Two methods that every Buffer has and the type declarations leave out; `toString` and `write` cost twice as much. */
interface Latin1Buffer extends Buffer {
  latin1Slice(start: number, end: number): string;
  latin1Write(text: string, offset: number): number;
}

export function latin1(bytes: Uint8Array, start: number, end: number): string {
  return (bytes as Latin1Buffer).latin1Slice(start, end);
}

/** Writes `text` at `offset`. @returns the number of bytes written */
export function writeLatin1(bytes: Buffer, text: string, offset: number): number {
  return (bytes as Latin1Buffer).latin1Write(text, offset);
}

/**
 * The same text in one piece. A string that was put together is kept as its parts, and every write copies part by part:
 * worth its cost for text that is written often.
 */
export function flat(text: string): string {
  return latin1(Buffer.from(text, 'latin1'), 0, text.length);
}

const EMPTY: Buffer = Buffer.alloc(0);

/**
 * Bytes that wait for something, in memory that grows by doubling: appending single bytes stays linear. So does taking
 * little by little: what is left over of `take` is put back without being copied.
 */
export class ByteQueue {
  private memory = EMPTY;
  private first = 0;
  private last = 0;

  get length(): number {
    return this.last - this.first;
  }

  append(bytes: Uint8Array, start: number, end: number): void {
    if (this.last + end - start > this.memory.length) this.makeRoom(end - start);
    this.memory.set(bytes.subarray(start, end), this.last);
    this.last += end - start;
  }

  private makeRoom(more: number): void {
    const { memory, first, last, length } = this;
    // Moving up is worth its cost only where at least as much memory comes free.
    const isHalfFree = first >= length && length + more <= memory.length;
    const target = isHalfFree ? memory : Buffer.allocUnsafeSlow(Math.max(length + more, memory.length * 2, 256));
    memory.copy(target, 0, first, last);
    this.memory = target;
    this.first = 0;
    this.last = length;
  }

  /** What is queued, valid until the next `append` or `take`. */
  peek(): Buffer {
    return this.memory.subarray(this.first, this.last);
  }

  /** Empties the queue and gives away its memory. */
  take(): Buffer {
    const taken = this.peek();
    this.memory = EMPTY;
    this.first = this.last = 0;
    return taken;
  }

  /** Makes the rest of what `take` gave the content of the queue, which must be empty. `taken` is given away by this. */
  putBack(taken: Buffer, start: number, end: number): void {
    this.memory = taken;
    this.first = start;
    this.last = end;
  }
}
