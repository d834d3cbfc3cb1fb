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

const NO_BYTES = Buffer.alloc(0);

export class FrameReader {
  private readonly sink: FrameSink;
  private readonly rest = new ByteQueue();
  /** The same for all frames: they come one after the other. */
  private readonly frame: Frame = { type: 0, flags: 0, stream: 0, bytes: NO_BYTES, start: 0, end: 0 };
  /** Bytes that `rest` has to have before it is worth a look. */
  private wanted = 0;

  constructor(sink: FrameSink) {
    this.sink = sink;
  }

  /** Whether a frame has begun that is not complete, and that is no DATA, whose pace is its stream's business. */
  get isWithinHead(): boolean {
    return this.rest.length > 0 && (this.rest.length < 4 || this.rest.peek()[3] !== DATA);
  }

  read(bytes: Buffer, start: number, end: number): void {
    if (this.rest.length === 0) {
      this.consume(bytes, start, end);
      return;
    }
    this.rest.append(bytes, start, end);
    if (this.rest.length < this.wanted) return;
    const joined = this.rest.take();
    this.consume(joined, 0, joined.length);
  }

  private consume(bytes: Buffer, start: number, end: number): void {
    let at = start;
    while (end - at >= FRAME_HEAD_BYTES) {
      const length = (bytes[at] << 16) | (bytes[at + 1] << 8) | bytes[at + 2];
      if (length > FRAME_BYTES) {
        this.sink.onOversize();
        return;
      }
      const from = at + FRAME_HEAD_BYTES;
      if (end - from < length) return this.keep(bytes, at, end, FRAME_HEAD_BYTES + length);
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
      if (!this.sink.onFrame(frame)) return;
    }
    if (at < end) this.keep(bytes, at, end, FRAME_HEAD_BYTES);
  }

  private keep(bytes: Buffer, start: number, end: number, wanted: number): void {
    this.rest.append(bytes, start, end);
    this.wanted = wanted;
  }
}
