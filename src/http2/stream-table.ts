/** The streams of one connection (RFC 9113 §5.1): which there are, which there were, and what their frames may be. */
import { latin1 } from '../http1/bytes.ts';
import { CONTENT_LENGTH } from '../http1/fields.ts';
import type { Frame } from './frame-reader.ts';
import { HeadBlock } from './head-block.ts';
import { type HeaderListLimits, HpackDecoder } from './hpack-decoder.ts';
import { MALFORMED } from './hpack-field.ts';
import type { HttpConnection } from './http-connection.ts';
import type { HttpStream } from './http-stream.ts';
import { MOST_PRIORITY_BYTES, type Priority, priorityOf } from './priority.ts';
import * as h2 from './protocol.ts';

/** Streams that are remembered after they ended, to name what is wrong with a frame for one of them. */
const MOST_PAST = 256;

/** Streams that are remembered after we reset them. Those that end by themselves, many in the same time, must not push them out. */
const MOST_GIVEN_UP = 1_024;

/** Our own SETTINGS_HEADER_TABLE_SIZE: the default. */
const TABLE_BYTES = 4_096;

/** A compressed block may be this much longer than the list that it stands for: strings that do not compress. */
const BLOCK_SLACK = 1_024;

export abstract class StreamTable<S extends HttpStream = HttpStream> {
  protected abstract readonly connection: HttpConnection;
  protected readonly open = new Map<number, S>();
  protected readonly decoder = new HpackDecoder(TABLE_BYTES);
  private readonly block = new HeadBlock();
  private readonly limits: HeaderListLimits;
  /** Ended not long ago, and not by us. */
  protected readonly past = new Set<number>();
  /** Reset by us: what of each may still come, as the peer may not know yet. */
  protected readonly givenUp = new Map<number, number>();
  private unstarted: S[] = [];
  /** The highest id that was used. */
  last = 0;

  constructor(limits: HeaderListLimits) {
    this.limits = limits;
  }

  /** A whole header block came, which the decoder has read. @returns a connection error, `NO_ERROR` for none; likewise below */
  protected abstract onBlock(id: number, isLast: boolean): number;
  /** Whether anybody looks at the fields of a block that comes now. */
  protected abstract isWanted(id: number): boolean;
  /** What a peer may send ahead on a stream. */
  protected abstract get window(): number;
  /** A frame for a stream that is over. @param flow what it takes of the windows */
  protected abstract lateFrame(id: number, flow: number): number;
  /** A reset of one. */
  protected abstract lateReset(id: number): number;
  /** The peer reset a stream that is open. */
  protected abstract onReset(stream: S, code: number): number;
  /** A header list took too many frames, or would be larger than anybody means. */
  protected abstract onFlood(kind: 'continuation_flood' | 'hpack_bomb'): void;
  protected abstract onPriority(stream: number, priority: Priority): number;
  /** What was put off to the end of the read. */
  protected abstract startOne(stream: S): void;

  get count(): number {
    return this.open.size;
  }

  /** The stream whose header block is incomplete, 0 for none. */
  get blockOf(): number {
    return this.block.stream;
  }

  headers(frame: Frame): number {
    const { flags, stream: id, bytes, start } = frame;
    if (id === 0 || id % 2 === 0) return h2.PROTOCOL_ERROR;
    const content = contentEnd(frame);
    if (content < 0) return h2.PROTOCOL_ERROR;
    let from = (flags & h2.PADDED) === 0 ? start : start + 1;
    if ((flags & h2.WITH_PRIORITY) !== 0) {
      if (content - from < 5) return h2.FRAME_SIZE_ERROR;
      if ((bytes.readUInt32BE(from) & 0x7fff_ffff) === id) return h2.PROTOCOL_ERROR;
      from += 5;
    }
    const isLast = (flags & h2.END_STREAM) !== 0;
    if ((flags & h2.END_HEADERS) !== 0) return this.headersDone(id, isLast, bytes.subarray(from, content));
    this.block.begin(id, isLast, bytes.subarray(from, content));
    return h2.NO_ERROR;
  }

  continuation({ flags, stream: id, bytes, start, end }: Frame): number {
    if (this.block.stream === 0) return h2.PROTOCOL_ERROR;
    if (!this.block.add(bytes, start, end, this.limits.head_bytes + BLOCK_SLACK)) {
      this.onFlood('continuation_flood');
      return h2.ENHANCE_YOUR_CALM;
    }
    if ((flags & h2.END_HEADERS) === 0) return h2.NO_ERROR;
    return this.headersDone(id, this.block.isLast, this.block.take());
  }

  private headersDone(id: number, isLast: boolean, block: Buffer): number {
    // Whatever becomes of the stream: both sides' tables must stay the same.
    this.decoder.isWanted = this.isWanted(id);
    if (!this.decoder.decode(block, 0, block.length, this.limits)) {
      if (!this.decoder.isBomb) return h2.COMPRESSION_ERROR;
      this.onFlood('hpack_bomb');
      return h2.ENHANCE_YOUR_CALM;
    }
    return this.onBlock(id, isLast);
  }

  /**
   * §8.1: a second block ends the message, and has no pseudo fields.
   * @returns its fields, each line with its CRLF; null if it is malformed
   */
  protected trailersOf(isLast: boolean): string | null {
    const { fields, isTooLarge } = this.decoder;
    if (!isLast || isTooLarge) return null;
    let text = '';
    for (const { name, role, line } of fields) {
      if (name.startsWith(':') || role === MALFORMED) return null;
      // RFC 9110 §6.5.1: no trailer frames a message, and behind a body in chunks it could only mislead.
      if (role !== CONTENT_LENGTH) text += line;
    }
    return text;
  }

  data(frame: Frame): number {
    const { flags, stream: id, bytes, start, end } = frame;
    if (id === 0) return h2.PROTOCOL_ERROR;
    const content = contentEnd(frame);
    if (content < 0) return h2.PROTOCOL_ERROR;
    const stream = this.open.get(id);
    if (stream === undefined) {
      if (id > this.last) return h2.PROTOCOL_ERROR;
      this.connection.onTaken(end - start);
      return this.lateFrame(id, end - start);
    }
    if (!stream.isReceiving) {
      this.connection.onTaken(end - start);
      this.fail(stream, h2.STREAM_CLOSED);
      return h2.NO_ERROR;
    }
    const from = (flags & h2.PADDED) === 0 ? start : start + 1;
    if (!stream.data(bytes.subarray(from, content), end - start, (flags & h2.END_STREAM) !== 0))
      this.fail(stream, h2.FLOW_CONTROL_ERROR);
    return h2.NO_ERROR;
  }

  /** A stream error (§5.4.2). */
  protected fail(stream: S, code: number): void {
    this.connection.reset(stream.id, code);
    stream.gone(code);
    this.connection.blame();
  }

  /** §5.1: nobody has opened it. Even ids would be pushed, and nothing is. */
  private isUnopened(id: number): boolean {
    return id > this.last || id % 2 === 0;
  }

  reset({ stream: id, bytes, start, end }: Frame): number {
    if (this.isUnopened(id)) return h2.PROTOCOL_ERROR;
    if (end - start !== 4) return h2.FRAME_SIZE_ERROR;
    const stream = this.open.get(id);
    if (stream !== undefined) return this.onReset(stream, bytes.readUInt32BE(start));
    return this.lateReset(id);
  }

  /** §5.3: the scheme of RFC 7540 is gone; its frames are checked and ignored. */
  priority({ stream: id, bytes, start, end }: Frame): number {
    if (id === 0) return h2.PROTOCOL_ERROR;
    const isSelf = end - start === 5 && (bytes.readUInt32BE(start) & 0x7fff_ffff) === id;
    if (end - start === 5 && !isSelf) return h2.NO_ERROR;
    const stream = this.open.get(id);
    const code = isSelf ? h2.PROTOCOL_ERROR : h2.FRAME_SIZE_ERROR;
    // §6.4: a stream that nobody opened cannot be reset.
    if (this.isUnopened(id)) return code;
    if (stream !== undefined) this.fail(stream, code);
    else {
      this.connection.reset(id, code);
      this.connection.blame();
    }
    return h2.NO_ERROR;
  }

  /** RFC 9218 §7.1. */
  priorityUpdate({ stream: id, bytes, start, end }: Frame): number {
    if (id !== 0) return h2.PROTOCOL_ERROR;
    if (end - start < 4) return h2.FRAME_SIZE_ERROR;
    const target = bytes.readUInt32BE(start) & 0x7fff_ffff;
    if (target === 0 || target % 2 === 0) return h2.PROTOCOL_ERROR;
    return this.onPriority(
      target,
      priorityOf(latin1(bytes, start + 4, Math.min(end, start + 4 + MOST_PRIORITY_BYTES))),
    );
  }

  windowUpdate(id: number, more: number): number {
    const stream = this.open.get(id);
    if (stream === undefined) return this.isUnopened(id) ? h2.PROTOCOL_ERROR : h2.NO_ERROR;
    if (more === 0 || stream.sendWindow + more > h2.MOST_WINDOW) {
      this.fail(stream, more === 0 ? h2.PROTOCOL_ERROR : h2.FLOW_CONTROL_ERROR);
      return h2.NO_ERROR;
    }
    stream.sendWindow += more;
    stream.pump(Number.POSITIVE_INFINITY);
    return h2.NO_ERROR;
  }

  /** @returns false if a window would become too large */
  adjustWindows(difference: number): boolean {
    if (difference === 0) return true;
    for (const stream of this.open.values()) {
      stream.sendWindow += difference;
      if (stream.sendWindow > h2.MOST_WINDOW) return false;
    }
    return true;
  }

  /** The stream starts with what comes in the same read, or without anything. */
  startLater(stream: S): void {
    this.unstarted.push(stream);
  }

  startWaiting(): void {
    if (this.unstarted.length === 0) return;
    const { unstarted } = this;
    this.unstarted = [];
    for (const stream of unstarted) this.startOne(stream);
  }

  noteReset(id: number): void {
    this.givenUp.set(id, this.window);
    forgetOldest(this.givenUp, MOST_GIVEN_UP);
  }

  forget({ id }: HttpStream): void {
    if (!this.open.delete(id) || this.givenUp.has(id)) return;
    this.past.add(id);
    forgetOldest(this.past, MOST_PAST);
  }

  /** The connection is over. */
  endAll(): void {
    for (const stream of this.open.values()) stream.gone(h2.NO_ERROR);
  }
}

function forgetOldest(ids: Set<number> | Map<number, number>, most: number): void {
  if (ids.size <= most) return;
  for (const oldest of ids.keys()) {
    ids.delete(oldest);
    break;
  }
}

/** @returns the end of the content of a frame that may be padded (§6.1), −1 if the padding is longer than the frame */
function contentEnd({ flags, bytes, start, end }: Frame): number {
  if ((flags & h2.PADDED) === 0) return end;
  if (start === end) return -1;
  const content = end - bytes[start];
  return content > start ? content : -1;
}
