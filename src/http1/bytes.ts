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

const EMPTY: Buffer = Buffer.alloc(0);

/** Bytes that wait for something, in memory that grows by doubling: appending single bytes stays linear. */
export class ByteQueue {
  private memory = EMPTY;
  length = 0;

  append(bytes: Uint8Array, start: number, end: number): void {
    const needed = this.length + end - start;
    if (needed > this.memory.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.memory.length * 2, 256));
      this.memory.copy(grown, 0, 0, this.length);
      this.memory = grown;
    }
    this.memory.set(bytes.subarray(start, end), this.length);
    this.length = needed;
  }

  /** What is queued, valid until the next `append` or `take`. */
  peek(): Buffer {
    return this.memory.subarray(0, this.length);
  }

  /** Empties the queue and gives away its memory. */
  take(): Buffer {
    const taken = this.memory.subarray(0, this.length);
    this.memory = EMPTY;
    this.length = 0;
    return taken;
  }
}
