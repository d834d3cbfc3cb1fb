/** A header block that comes in several frames (RFC 9113 §4.3), within bounds. */
import { ByteQueue } from '../http1/bytes.ts';

/** CONTINUATION frames for one block; a client has no reason for more than a few. */
const MOST_FRAMES = 32;

export class HeadBlock {
  /** The stream whose block is incomplete, 0 if none is. */
  stream = 0;
  isLast = false;
  private readonly parts = new ByteQueue();
  private frames = 0;

  begin(stream: number, isLast: boolean, part: Buffer): void {
    this.stream = stream;
    this.isLast = isLast;
    this.frames = 0;
    this.parts.append(part, 0, part.length);
  }

  /** @returns false if the block is beyond its bounds */
  add(bytes: Buffer, start: number, end: number, mostBytes: number): boolean {
    if (++this.frames > MOST_FRAMES || this.parts.length + end - start > mostBytes) return false;
    this.parts.append(bytes, start, end);
    return true;
  }

  take(): Buffer {
    this.stream = 0;
    return this.parts.take();
  }
}
