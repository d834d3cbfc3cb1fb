/** What was sent of a request body so far, as long as it may have to be sent again. */
import { ByteQueue } from '../http1/bytes.ts';

/** A longer body is not kept: the request it belongs to cannot be sent again. */
export const REPLAYED_BODY_BYTES = 65_536;

export class RequestCopy {
  private readonly queue = new ByteQueue();
  /** Whether everything that came is still here. */
  isWhole = true;

  get length(): number {
    return this.queue.length;
  }

  add(bytes: Uint8Array, start: number, end: number): void {
    if (this.isWhole && end > start) this.queue.append(bytes, start, end);
  }

  /** Gives the copy up. */
  drop(): void {
    this.isWhole = false;
    this.queue.take();
  }

  bytes(): Buffer {
    return this.queue.peek();
  }
}
