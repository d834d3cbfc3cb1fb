import { ByteQueue } from './bytes.ts';
import type { HeadLimits } from './fields.ts';

const EMPTY_LINE = Buffer.from('\r\n');

/** Bytes of a head that comes in pieces, until it is worth parsing them again. */
export class SplitHead extends ByteQueue {
  /** Size at the last attempt to parse it. */
  private parsedAt = 0;

  /** Nothing came but the empty line that old clients send after a body: no request has begun by it. */
  get isBlank(): boolean {
    return this.length === 2 && this.peek().equals(EMPTY_LINE);
  }

  /** Keeps what could not be parsed yet. */
  keep(bytes: Uint8Array, start: number, end: number): void {
    this.append(bytes, start, end);
    this.parsedAt = this.length;
  }

  /** Keeps what nobody has tried to parse. */
  keepUnseen(bytes: Uint8Array, start: number, end: number): void {
    this.append(bytes, start, end);
    this.parsedAt = 0;
  }

  override putBack(taken: Buffer, start: number, end: number): void {
    super.putBack(taken, start, end);
    this.parsedAt = 0;
  }

  /**
   * Adds a piece. A head is parsed again when its end is in sight or its size has doubled: parsing at every read would
   * let a peer that sends single bytes cost the square of its head.
   * @returns whether to parse now
   */
  add(bytes: Uint8Array, start: number, end: number, { head_bytes, line_bytes }: HeadLimits): boolean {
    const searchFrom = Math.max(0, this.length - 3);
    this.append(bytes, start, end);
    if (this.length >= this.parsedAt * 2 || this.length > head_bytes) return true;
    // Its first line may have become too long.
    if (this.length > line_bytes && this.parsedAt <= line_bytes) return true;
    return this.peek().indexOf('\r\n\r\n', searchFrom, 'latin1') >= 0;
  }
}
