/** The streams that a client opened: which requests become one, and which are refused. */
import type { RequestFault } from '../http1/faults.ts';
import { parsed } from '../http1/fields.ts';
import { DEFAULT_PRIORITY, type Priority, priorityOf } from './priority.ts';
import * as h2 from './protocol.ts';
import { type HeadFault, readRequestHead, request } from './request-head.ts';
import type { ServerConnection } from './server-connection.ts';
import { ServerStream } from './server-stream.ts';
import { StreamTable } from './stream-table.ts';

/** What a stream beyond the number that we announced counts for where the client has acknowledged that number (§5.1.2). */
const KNOWN_REFUSED = 5;

/** What a header section beyond its bounds counts for among the streams that end for what was sent: it takes longer to read. */
const TOO_LARGE = 20;

export class ServerStreams extends StreamTable<ServerStream> {
  protected readonly connection: ServerConnection;
  /** The highest id that was not ignored: what GOAWAY says, which must not grow from one to the next (RFC 9113 §6.8). */
  answered = 0;
  /** RFC 9218 §7.1: a priority may come before its stream. */
  private readonly announced = new Map<number, Priority>();

  constructor(connection: ServerConnection) {
    super(connection.settings.limits);
    this.connection = connection;
  }

  protected onBlock(id: number, isLast: boolean): number {
    const { connection } = this;
    const stream = this.open.get(id);
    if (stream !== undefined) return this.trailers(stream, isLast);
    if (id <= this.last) return this.lateFrame(id, 0);
    this.last = id;
    if (!connection.acceptsStreams) return connection.spend('refused_streams') ? h2.NO_ERROR : h2.ENHANCE_YOUR_CALM;
    this.answered = id;
    if (this.open.size >= connection.settings.limits.concurrent_streams) {
      const cost = connection.isAcknowledged ? KNOWN_REFUSED : 1;
      if (!connection.spend('refused_streams', cost)) return h2.ENHANCE_YOUR_CALM;
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
    if (decoder.isTooLarge) {
      if (connection.blame(TOO_LARGE)) handler.onBadStream(stream, 'header_too_large');
      return;
    }
    const text = readRequestHead(decoder.fields, isLast, limits.line_bytes);
    const { fault } = request;
    const isEmptyWithLength = fault === null && isLast && parsed.contentLength > 0;
    if (fault !== null || isEmptyWithLength) {
      if (!connection.blame()) return;
      // §8.1.1: a malformed request is a stream error, which may be answered first.
      if (fault === 'malformed' || isEmptyWithLength) stream.resetAfterAnswer(h2.PROTOCOL_ERROR);
      return handler.onBadStream(stream, fault === null ? 'bad_content_length' : ANSWERS[fault]);
    }
    stream.isConnect = request.isConnect;
    this.prioritise(stream, decoder.fields.find(({ name }) => name === 'priority')?.value);
    const promised = parsed.contentLength;
    stream.begin(handler.onStream(stream, text), promised);
  }

  private prioritise(stream: ServerStream, value: string | undefined): void {
    const announced = this.announced.get(stream.id);
    const { urgency, isIncremental } = announced ?? (value === undefined ? DEFAULT_PRIORITY : priorityOf(value));
    stream.urgency = urgency;
    stream.isIncremental = isIncremental;
    // Also of streams that were left out or refused.
    for (const id of this.announced.keys()) if (id <= stream.id) this.announced.delete(id);
  }

  private trailers(stream: ServerStream, isLast: boolean): number {
    const text = this.trailersOf(isLast);
    if (!stream.isReceiving) this.fail(stream, h2.STREAM_CLOSED);
    // §8.5: a tunnel carries DATA and nothing else.
    else if (text === null || stream.isConnect) this.fail(stream, h2.PROTOCOL_ERROR);
    else stream.endByTrailers(text);
    return h2.NO_ERROR;
  }

  protected isWanted(id: number): boolean {
    if (id <= this.last) return this.open.has(id);
    const { connection } = this;
    return connection.acceptsStreams && this.open.size < connection.settings.limits.concurrent_streams;
  }

  /** What we reset may still have been on its way, as far as its window went. */
  protected lateFrame(id: number, flow: number): number {
    const left = this.givenUp.get(id);
    if (left !== undefined) {
      if (flow > left) return h2.FLOW_CONTROL_ERROR;
      this.givenUp.set(id, left - flow);
      return this.late(flow);
    }
    // §6.8: what comes to streams beyond GOAWAY was on its way when that was sent.
    if (id > this.answered && id % 2 === 1) return this.late(flow);
    return this.past.has(id) ? h2.STREAM_CLOSED : h2.PROTOCOL_ERROR;
  }

  private late(flow: number): number {
    return flow > 0 || this.connection.spend('refused_streams') ? h2.NO_ERROR : h2.ENHANCE_YOUR_CALM;
  }

  protected get window(): number {
    return this.connection.settings.limits.stream_window_bytes;
  }

  protected lateReset(): number {
    return this.connection.spend('refused_streams') ? h2.NO_ERROR : h2.ENHANCE_YOUR_CALM;
  }

  protected onReset(stream: ServerStream): number {
    const { isLingering } = stream;
    stream.gone();
    // It was answered: what the client takes back is the rest of its request.
    if (isLingering) return this.lateReset();
    return this.connection.spend('rapid_reset') ? h2.NO_ERROR : h2.ENHANCE_YOUR_CALM;
  }

  protected onFlood(kind: 'continuation_flood' | 'hpack_bomb'): void {
    this.connection.settings.handler.onAbuse(kind);
  }

  protected onPriority(id: number, { urgency, isIncremental }: Priority): number {
    const stream = this.open.get(id);
    if (stream !== undefined) {
      stream.urgency = urgency;
      stream.isIncremental = isIncremental;
    } else if (id > this.last && this.announced.size < this.connection.settings.limits.concurrent_streams) {
      this.announced.set(id, { urgency, isIncremental });
    }
    return h2.NO_ERROR;
  }

  protected startOne(stream: ServerStream): void {
    stream.handOn();
    stream.startBody();
  }

  /** The client sends nothing more: requests that are incomplete stay so. */
  endReceiving(): void {
    for (const stream of this.open.values()) if (stream.isReceiving) stream.fail('request_incomplete');
  }
}

/** How each fault of a head is answered. */
const ANSWERS: Record<HeadFault, RequestFault> = {
  malformed: 'bad_header',
  bad_target: 'bad_target',
  bad_host: 'bad_host',
  target_too_long: 'target_too_long',
  header_too_large: 'header_too_large',
  expectation_failed: 'expectation_failed',
  bad_content_length: 'bad_content_length',
};
