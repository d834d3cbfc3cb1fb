/** The streams of one connection (RFC 9113 §5.1): which there are, which there were, and what their frames may be. */
import { parsed } from '../http1/fields.ts';
import type { Frame } from './frame-reader.ts';
import { HeadBlock } from './head-block.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import { MALFORMED } from './hpack-field.ts';
import { DEFAULT_PRIORITY, type Priority, priorityOf } from './priority.ts';
import * as h2 from './protocol.ts';
import { latin1 } from '../http1/bytes.ts';
import { type HeadFault, readRequestHead, request } from './request-head.ts';
import type { RequestFault } from '../http1/faults.ts';
import type { ServerConnection } from './server-connection.ts';
import { ServerStream } from './server-stream.ts';

/** Ids of closed streams that are remembered, to tell late frames from wrong ones. */
const REMEMBERED = 256;

/** Our own SETTINGS_HEADER_TABLE_SIZE: the default. */
const TABLE_BYTES = 4_096;

/** A compressed block may be this much longer than the list that it stands for: strings that do not compress. */
const BLOCK_SLACK = 1_024;

export class Streams {
  private readonly connection: ServerConnection;
  private readonly open = new Map<number, ServerStream>();
  private readonly decoder = new HpackDecoder(TABLE_BYTES);
  private readonly block = new HeadBlock();
  /** Closed by either side, not long ago; true where we reset it and the client may not know yet. */
  private readonly past = new Map<number, boolean>();
  private unstarted: ServerStream[] = [];
  /** RFC 9218 §7.1: a priority may come before its stream. */
  private readonly announced = new Map<number, Priority>();
  /** The highest id that the client used. */
  last = 0;

  constructor(connection: ServerConnection) {
    this.connection = connection;
  }

  get count(): number {
    return this.open.size;
  }

  /** The stream whose header block is incomplete, 0 for none. */
  get blockOf(): number {
    return this.block.stream;
  }

  /** @returns a connection error, `NO_ERROR` for none; likewise below */
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
    const { handler, limits } = this.connection.settings;
    if (!this.block.add(bytes, start, end, limits.head_bytes + BLOCK_SLACK)) {
      handler.onAbuse('continuation_flood');
      return h2.ENHANCE_YOUR_CALM;
    }
    if ((flags & h2.END_HEADERS) === 0) return h2.NO_ERROR;
    return this.headersDone(id, this.block.isLast, this.block.take());
  }

  private headersDone(id: number, isLast: boolean, block: Buffer): number {
    const { decoder, connection } = this;
    // Whatever becomes of the stream: both sides' tables must stay the same.
    if (!decoder.decode(block, 0, block.length, connection.settings.limits)) return h2.COMPRESSION_ERROR;
    const stream = this.open.get(id);
    if (stream !== undefined) return this.trailers(stream, isLast);
    if (id <= this.last) return this.lateFrame(id);
    this.last = id;
    if (!connection.acceptsStreams) return h2.NO_ERROR;
    if (this.open.size >= connection.settings.limits.concurrent_streams) {
      if (!connection.spend('refused_streams')) return h2.ENHANCE_YOUR_CALM;
      connection.reset(id, h2.REFUSED_STREAM);
      return h2.NO_ERROR;
    }
    this.begin(id, isLast);
    return h2.NO_ERROR;
  }

  private begin(id: number, isLast: boolean): void {
    const { connection, decoder } = this;
    const { handler, limits } = connection.settings;
    const stream = new ServerStream(connection, id, isLast);
    this.open.set(id, stream);
    if (decoder.isTooLarge) return handler.onBadStream(stream, 'header_too_large');
    const text = readRequestHead(decoder.fields, isLast, limits.line_bytes);
    const { fault } = request;
    const isEmptyWithLength = fault === null && isLast && parsed.contentLength > 0;
    if (fault !== null || isEmptyWithLength) {
      // §8.1.1: a malformed request is a stream error, which may be answered first.
      if (fault === 'malformed' || isEmptyWithLength) stream.resetAfterAnswer(h2.PROTOCOL_ERROR);
      return handler.onBadStream(stream, fault === null ? 'bad_content_length' : ANSWERS[fault]);
    }
    this.prioritise(stream, decoder.fields.find(({ name }) => name === 'priority')?.value);
    const promised = parsed.contentLength;
    stream.begin(handler.onStream(stream, text), promised);
  }

  private prioritise(stream: ServerStream, value: string | undefined): void {
    const announced = this.announced.get(stream.id);
    this.announced.delete(stream.id);
    const { urgency, isIncremental } = announced ?? (value === undefined ? DEFAULT_PRIORITY : priorityOf(value));
    stream.urgency = urgency;
    stream.isIncremental = isIncremental;
  }

  /** §8.1: a second block ends the request, and has no pseudo fields. */
  private trailers(stream: ServerStream, isLast: boolean): number {
    if (!stream.isReceiving) {
      this.connection.reset(stream.id, h2.STREAM_CLOSED);
      stream.gone();
      return h2.NO_ERROR;
    }
    const isMalformed = this.decoder.fields.some(({ name, role }) => name.startsWith(':') || role === MALFORMED);
    if (isLast && !isMalformed) stream.endByTrailers();
    else {
      this.connection.reset(stream.id, h2.PROTOCOL_ERROR);
      stream.gone();
    }
    return h2.NO_ERROR;
  }

  /** A frame for a stream that is over. */
  private lateFrame(id: number): number {
    const isOurs = this.past.get(id);
    if (isOurs === undefined) return h2.PROTOCOL_ERROR;
    if (isOurs) return this.connection.spend('refused_streams') ? h2.NO_ERROR : h2.ENHANCE_YOUR_CALM;
    return h2.STREAM_CLOSED;
  }

  data(frame: Frame): number {
    const { flags, stream: id, bytes, start, end } = frame;
    if (id === 0) return h2.PROTOCOL_ERROR;
    const content = contentEnd(frame);
    if (content < 0) return h2.PROTOCOL_ERROR;
    const stream = this.open.get(id);
    if (stream === undefined) {
      if (id > this.last) return h2.PROTOCOL_ERROR;
      this.connection.credit(end - start);
      return this.lateFrame(id);
    }
    if (!stream.isReceiving) {
      this.connection.credit(end - start);
      this.connection.reset(id, h2.STREAM_CLOSED);
      stream.gone();
      return h2.NO_ERROR;
    }
    const from = (flags & h2.PADDED) === 0 ? start : start + 1;
    if (!stream.data(bytes.subarray(from, content), end - start, (flags & h2.END_STREAM) !== 0)) {
      this.connection.reset(id, h2.FLOW_CONTROL_ERROR);
      stream.gone();
    }
    return h2.NO_ERROR;
  }

  reset(id: number, length: number): number {
    if (id === 0 || id > this.last) return h2.PROTOCOL_ERROR;
    if (length !== 4) return h2.FRAME_SIZE_ERROR;
    const stream = this.open.get(id);
    if (stream === undefined) return this.connection.spend('refused_streams') ? h2.NO_ERROR : h2.ENHANCE_YOUR_CALM;
    stream.gone();
    return this.connection.spend('rapid_reset') ? h2.NO_ERROR : h2.ENHANCE_YOUR_CALM;
  }

  /** §5.3: the scheme of RFC 7540 is gone; its frames are checked and ignored. */
  priority({ stream: id, bytes, start, end }: Frame): number {
    if (id === 0) return h2.PROTOCOL_ERROR;
    const isSelf = end - start === 5 && (bytes.readUInt32BE(start) & 0x7fff_ffff) === id;
    if (end - start === 5 && !isSelf) return h2.NO_ERROR;
    const stream = this.open.get(id);
    this.connection.reset(id, isSelf ? h2.PROTOCOL_ERROR : h2.FRAME_SIZE_ERROR);
    stream?.gone();
    return h2.NO_ERROR;
  }

  /** RFC 9218 §7.1. */
  priorityUpdate({ stream: id, bytes, start, end }: Frame): number {
    if (id !== 0) return h2.PROTOCOL_ERROR;
    if (end - start < 4) return h2.FRAME_SIZE_ERROR;
    const target = bytes.readUInt32BE(start) & 0x7fff_ffff;
    if (target === 0 || target % 2 === 0) return h2.PROTOCOL_ERROR;
    const priority = priorityOf(latin1(bytes, start + 4, end));
    const stream = this.open.get(target);
    if (stream !== undefined) {
      stream.urgency = priority.urgency;
      stream.isIncremental = priority.isIncremental;
    } else if (target > this.last && this.announced.size < this.connection.settings.limits.concurrent_streams) {
      this.announced.set(target, priority);
    }
    return h2.NO_ERROR;
  }

  windowUpdate(id: number, more: number): number {
    const stream = this.open.get(id);
    if (stream === undefined) return id > this.last ? h2.PROTOCOL_ERROR : h2.NO_ERROR;
    if (more === 0 || stream.sendWindow + more > h2.MOST_WINDOW) {
      this.connection.reset(id, more === 0 ? h2.PROTOCOL_ERROR : h2.FLOW_CONTROL_ERROR);
      stream.gone();
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

  /** The stream's request starts with what comes in the same read, or without anything. */
  startLater(stream: ServerStream): void {
    this.unstarted.push(stream);
  }

  startWaiting(): void {
    if (this.unstarted.length === 0) return;
    const { unstarted } = this;
    this.unstarted = [];
    for (const stream of unstarted) stream.startBody();
  }

  noteReset(id: number): void {
    this.remember(id, true);
  }

  forget(stream: ServerStream): void {
    if (!this.open.delete(stream.id)) return;
    if (!this.past.has(stream.id)) this.remember(stream.id, false);
  }

  private remember(id: number, isOurs: boolean): void {
    this.past.set(id, isOurs);
    if (this.past.size <= REMEMBERED) return;
    for (const oldest of this.past.keys()) {
      this.past.delete(oldest);
      break;
    }
  }

  /** The client sends nothing more: requests that are incomplete stay so. */
  endReceiving(): void {
    for (const stream of this.open.values()) if (stream.isReceiving) stream.fail('request_incomplete');
  }

  endAll(): void {
    for (const stream of this.open.values()) stream.gone();
  }
}

/** How each fault of a head is answered. */
const ANSWERS: Record<HeadFault, RequestFault> = {
  malformed: 'bad_header',
  bad_target: 'bad_target',
  bad_host: 'bad_host',
  target_too_long: 'target_too_long',
  expectation_failed: 'expectation_failed',
  bad_content_length: 'bad_content_length',
};

/** @returns the end of the content of a frame that may be padded (§6.1), −1 if the padding is longer than the frame */
function contentEnd({ flags, bytes, start, end }: Frame): number {
  if ((flags & h2.PADDED) === 0) return end;
  if (start === end) return -1;
  const content = end - bytes[start];
  return content > start ? content : -1;
}
