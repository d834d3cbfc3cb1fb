/** Cuts what comes from the peer into frames (RFC 9113 §4.1), whole ones only. */
import { ByteQueue } from '../http1/bytes.ts';
import { DATA, FRAME_BYTES, FRAME_HEAD_BYTES } from './protocol.ts';

/** A frame, and where its payload stands: valid during the call only. */
export interface Frame {
  type: number;
  flags: number;
  stream: number;
  bytes: Buffer;
  start: number;
  end: number;
}

export interface FrameSink {
  /** @returns false if the connection is over */
  onFrame(frame: Frame): boolean;
  /** A frame larger than was allowed. */
  onOversize(): void;
}

/** Frames that are looked at in one turn of the event loop: the rest of a read waits for the next one, so that others get theirs. */
const MOST_FRAMES = 512;

const NO_BYTES = Buffer.alloc(0);

export class FrameReader {
  private readonly sink: FrameSink;
  private readonly rest = new ByteQueue();
  /** The same for all frames: they come one after the other. */
  private readonly frame: Frame = { type: 0, flags: 0, stream: 0, bytes: NO_BYTES, start: 0, end: 0 };
  /** Bytes that `rest` has to have before it is worth a look. */
  private wanted = 0;
  /** Whether frames that came whole wait for `readOn`. */
  hasMore = false;
  /** Whether more stands behind the frame that is being looked at. */
  hasFurther = false;

  constructor(sink: FrameSink) {
    this.sink = sink;
  }

  /** Whether a frame has begun that is not complete, and that is no DATA, whose pace is its stream's business. */
  get isWithinHead(): boolean {
    return !this.hasMore && this.rest.length > 0 && (this.rest.length < 4 || this.rest.peek()[3] !== DATA);
  }

  read(bytes: Buffer, start: number, end: number): void {
    if (this.rest.length === 0) {
      this.consume(bytes, start, end);
      return;
    }
    this.rest.append(bytes, start, end);
    if (!this.hasMore && this.rest.length >= this.wanted) this.readOn();
  }

  /** Goes on where `read` left off. */
  readOn(): void {
    this.hasMore = false;
    const joined = this.rest.take();
    this.consume(joined, 0, joined.length);
  }

  /** Nothing that came is looked at any more. */
  drop(): void {
    this.hasMore = false;
    this.rest.take();
  }

  private consume(bytes: Buffer, start: number, end: number): void {
    let at = start;
    for (let frames = 0; end - at >= FRAME_HEAD_BYTES; frames++) {
      const length = (bytes[at] << 16) | (bytes[at + 1] << 8) | bytes[at + 2];
      if (length > FRAME_BYTES) {
        this.sink.onOversize();
        return;
      }
      const from = at + FRAME_HEAD_BYTES;
      if (end - from < length) return this.keep(bytes, at, end, FRAME_HEAD_BYTES + length);
      if (frames === MOST_FRAMES) {
        this.hasMore = true;
        return this.keep(bytes, at, end, 0);
      }
      // §4.1: the reserved bit is ignored.
      const stream = ((bytes[at + 5] & 0x7f) << 24) | (bytes[at + 6] << 16) | (bytes[at + 7] << 8) | bytes[at + 8];
      at = from + length;
      const { frame } = this;
      frame.type = bytes[from - 6];
      frame.flags = bytes[from - 5];
      frame.stream = stream;
      frame.bytes = bytes;
      frame.start = from;
      frame.end = at;
      this.hasFurther = at < end;
      if (!this.sink.onFrame(frame)) return;
    }
    if (at < end) this.keep(bytes, at, end, FRAME_HEAD_BYTES);
  }

  private keep(bytes: Buffer, start: number, end: number, wanted: number): void {
    this.rest.append(bytes, start, end);
    this.wanted = wanted;
  }
}
