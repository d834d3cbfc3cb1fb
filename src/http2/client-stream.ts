/** One request to a node and its response, on a connection of HTTP/2 (RFC 9113 §8.1): the upstream's side of an exchange. */
import { chunkOf } from '../http1/chunk.ts';
import { ChunkScanner } from '../http1/chunked.ts';
import type { ClientTimeouts, ResponseFault, ResponseFraming, ResponseSink } from '../http1/client-settings.ts';
import { parsed } from '../http1/fields.ts';
import type { OutgoingRequest } from '../http1/messages.ts';
import type { ClientConnection } from './client-connection.ts';
import { STREAM_WINDOW } from './client-settings.ts';
import type { Field } from './hpack-field.ts';
import { HttpStream } from './http-stream.ts';
import { block } from './message-block.ts';
import * as h2 from './protocol.ts';
import { readResponseHead } from './response-head.ts';

/** Interim responses to one request; more of them is an upstream gone wrong. */
const MOST_INTERIM = 16;
const NO_BYTES = Buffer.alloc(0);

export interface StreamOptions {
  /** The request is a HEAD: its response has no body. */
  readonly isHead: boolean;
  readonly timeouts: ClientTimeouts;
}

export class ClientStream extends HttpStream {
  declare readonly connection: ClientConnection;
  readonly isMultiplexed = true;
  private sink: ResponseSink | null;
  private readonly isHead: boolean;
  private readonly timeouts: ClientTimeouts;
  /** The connection had carried other requests before, so that it may have gone stale. */
  isReused: boolean;
  /** Of a request whose body comes in the chunked coding. */
  private chunks: ChunkScanner | null = null;
  private requestTrailers = '';
  private isRequestSent = false;

  hasReceived = false;
  hasHead = false;
  framing: ResponseFraming = 'none';
  /** Of the response, each line with its CRLF; '' without. */
  responseTrailers = '';
  private runs: 'coding' | 'codingWithTrailers' | 'data' = 'data';
  private interim = 0;
  /** Content that Content-Length promises; −1 where nothing is promised. */
  private promised = -1;
  private received = 0;
  private isStarted = false;
  private isResponseComplete = false;
  private isPaused = false;

  constructor(connection: ClientConnection, sink: ResponseSink, { isHead, timeouts }: StreamOptions) {
    super(connection, 0, STREAM_WINDOW);
    this.sink = sink;
    this.isHead = isHead;
    this.timeouts = timeouts;
    this.isReused = connection.requests > 1;
    // What many exchanges send is interleaved: none waits for the others to be through.
    this.isIncremental = true;
  }

  get isConnected(): boolean {
    return this.connection.isConnected;
  }

  get trailers(): string {
    return this.responseTrailers;
  }

  get isReceiving(): boolean {
    return !this.isResponseComplete;
  }

  protected get send_ms(): number {
    return this.timeouts.send_ms;
  }

  /** Until it is connected, only the connection's deadline counts. */
  protected get watchesSending(): boolean {
    return this.connection.isConnected;
  }

  // The request.

  /** Fields behind the body, each line with its CRLF. To be called before the piece of the request that completes it. */
  addTrailers(text: string): void {
    this.requestTrailers = text;
  }

  send(request: OutgoingRequest, bytes: Uint8Array, start: number, end: number, isComplete: boolean): boolean {
    if (this.isClosed) return true;
    if (this.connection.isOver) {
      // It ended between the two calls.
      this.gone(h2.NO_ERROR);
      return true;
    }
    const at = this.connection.begin(this, request);
    this.note(at);
    this.sendWindow = this.connection.initialSendWindow;
    if (block.isChunked) this.chunks = new ChunkScanner('data');
    return this.write(bytes, start, end, isComplete);
  }

  /** @returns false if the upstream is behind */
  write(bytes: Uint8Array, start: number, end: number, isComplete: boolean): boolean {
    if (this.isClosed) return true;
    const isTaken =
      this.chunks === null ? this.writeContent(bytes, start, end) : this.decode(this.chunks, bytes, start, end);
    if (isComplete) this.endMessage(this.requestTrailers);
    return isTaken;
  }

  private decode(chunks: ChunkScanner, bytes: Uint8Array, start: number, end: number): boolean {
    let isTaken = true;
    for (let at = start; at < end && !chunks.isDone;) {
      at = chunks.scan(bytes, at, end);
      if (at < 0) throw new Error('a body in the chunked coding is malformed, though it was checked');
      if (chunks.runEnd > chunks.runStart && !this.writeContent(bytes, chunks.runStart, chunks.runEnd)) isTaken = false;
    }
    return isTaken;
  }

  protected onSent(): void {
    this.isRequestSent = true;
    this.awaitResponse();
  }

  protected onCaughtUp(): void {
    this.awaitResponse();
    this.sink?.onUpstreamWritable();
  }

  /** The connection is there: deadlines begin. */
  onConnected(): void {
    if (this.waitingBytes > 0) this.awaitProgress();
    else this.awaitResponse();
  }

  /** The read timeout runs from the moment the upstream owes us something: not while it has said no more than that we may go on. */
  private awaitResponse(): void {
    const isOwed = this.isRequestSent || this.hasHead;
    if (!isOwed || this.isPaused || this.awaitsProgress || this.isClosed || !this.connection.isConnected) return;
    this.wheel.arm(this, this.timeouts.read_ms);
  }

  pause(): void {
    if (this.isPaused) return;
    this.isPaused = true;
    if (!this.awaitsProgress) this.wheel.disarm(this);
  }

  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.awaitResponse();
    this.credit();
  }

  // The response.

  /** A header block before the body. @returns false if it is malformed */
  takeHead(fields: readonly Field[], isLast: boolean): boolean {
    const { sink } = this;
    const head = readResponseHead(fields, this.isHead);
    this.hasReceived = true;
    if (head === '' || sink === null) return false;
    const { status, contentLength, chunked } = parsed;
    if (status < 200) {
      // RFC 9113 §8.6: HTTP/2 knows no 101.
      if (isLast || status === 101 || ++this.interim > MOST_INTERIM) return false;
      this.awaitResponse();
      sink.onResponseInterim(status, head);
      return true;
    }
    this.hasHead = true;
    const isBodiless = this.isHead || status === 204 || status === 304;
    if (isBodiless) this.promised = 0;
    else this.promised = contentLength;
    if (isLast && this.promised > 0) return false;
    if (isBodiless) this.framing = 'none';
    else this.framing = chunked ? 'chunked' : 'length';
    this.awaitResponse();
    this.runs = sink.onResponseHead(status, head);
    if (this.sink !== sink) return true;
    if (isLast) this.complete();
    else this.connection.startLater(this);
    return true;
  }

  /** No body came along with the head. */
  startBody(): void {
    if (!this.isStarted) this.deliver(NO_BYTES);
  }

  protected take(content: Buffer, isLast: boolean): void {
    this.received += content.length;
    const isLong = this.promised >= 0 && this.received > this.promised;
    if (!this.hasHead || isLong || (isLast && this.promised > this.received)) {
      this.isResponseComplete = isLast;
      this.connection.reset(this.id, h2.PROTOCOL_ERROR);
      this.gone(h2.PROTOCOL_ERROR);
      return;
    }
    if (isLast) {
      this.complete(content);
      return;
    }
    this.awaitResponse();
    if (content.length > 0) this.deliver(this.framed(content, false));
    if (!this.isPaused) this.credit();
  }

  endByTrailers(text: string): void {
    this.handOn();
    if (this.sink === null) return;
    if (this.promised > this.received) {
      this.connection.reset(this.id, h2.PROTOCOL_ERROR);
      this.gone(h2.PROTOCOL_ERROR);
      return;
    }
    this.responseTrailers = text;
    this.complete();
  }

  /** Before its sink hears of it the stream is over: the sink may want another one in the very same call. */
  private complete(content: Buffer = NO_BYTES): void {
    const { sink } = this;
    const piece = this.framed(content, true);
    this.sink = null;
    this.isResponseComplete = true;
    // An answer that does not wait for the request: nobody needs the rest of it.
    this.connection.noteAnswered();
    if (this.isRequestSent) this.closed();
    else this.close(h2.CANCEL);
    if (this.isStarted) sink?.onResponseBody(piece, 0, piece.length, true);
    else {
      this.isStarted = true;
      sink?.onResponseStart(piece, 0, piece.length, true);
    }
  }

  private framed(content: Buffer, isLast: boolean): Buffer {
    if (this.runs === 'data' || this.framing !== 'chunked') return content;
    return chunkOf(content, isLast, this.runs === 'codingWithTrailers' ? this.responseTrailers : '');
  }

  private deliver(piece: Buffer): void {
    const { sink } = this;
    if (this.isStarted) sink?.onResponseBody(piece, 0, piece.length, false);
    else {
      this.isStarted = true;
      sink?.onResponseStart(piece, 0, piece.length, false);
    }
  }

  // The end.

  /** Gives the request up; the sink hears no more. */
  abort(): void {
    this.sink = null;
    if (this.id > 0) this.close(h2.CANCEL);
    else this.closed();
  }

  /** There is no 101 in HTTP/2, and a connection is never that of one exchange. */
  release(): never {
    throw new Error('a stream of HTTP/2 cannot be taken over');
  }

  /** @param code of an error of the stream that is the node's fault, `NO_ERROR` where the connection ended */
  gone(code: number): void {
    this.fail(code === h2.NO_ERROR ? this.connection.endFault : 'malformed');
  }

  /** The node reset the stream. @param isUnseen it says that it did not look at the request (§8.7) */
  refused(isUnseen: boolean): void {
    // Who says so is there, and no stale connection.
    this.isReused = false;
    this.fail(isUnseen && !this.hasReceived ? 'unprocessed' : 'reset');
  }

  private fail(fault: ResponseFault): void {
    const { sink } = this;
    this.sink = null;
    this.closed();
    sink?.onResponseFault(fault);
  }

  onDeadline(): void {
    if (this.awaitsProgress && !this.hasStalled()) return;
    const fault = this.waitingBytes > 0 ? 'send_timeout' : 'read_timeout';
    const { sink } = this;
    this.sink = null;
    this.close(h2.CANCEL);
    this.connection.suspect();
    sink?.onResponseFault(fault);
  }
}
