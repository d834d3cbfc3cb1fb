/** One request and its response on an HTTP/2 connection (RFC 9113 §5): the client's side of an exchange. */
import { TimedEntry } from '../clock/timer-wheel.ts';
import { ByteQueue, writeLatin1 } from '../http1/bytes.ts';
import type { RequestFault } from '../http1/faults.ts';
import type { OutgoingResponse } from '../http1/messages.ts';
import type { RequestSink } from '../http1/server-settings.ts';
import { CANCEL, INTERNAL_ERROR, NO_ERROR, PROTOCOL_ERROR } from './protocol.ts';
import type { ServerConnection } from './server-connection.ts';

const LAST_CHUNK = Buffer.from('0\r\n\r\n');
const NO_BYTES = Buffer.alloc(0);

export class ServerStream extends TimedEntry {
  readonly connection: ServerConnection;
  readonly id: number;
  /** What the client lets us send. */
  sendWindow: number;
  /** RFC 9218 §4: 0 is the most urgent. */
  urgency = 3;
  isIncremental = false;

  private sink: RequestSink | null = null;
  private isChunked = false;
  /** Content that Content-Length promises and that has not come; −1 where nothing is promised. */
  private promised = -1;
  private received = 0;
  private isRequestComplete: boolean;
  private isStarted = false;
  private isBodyPaused = false;
  /** Received and not yet allowed again: to the stream, to the connection. */
  private owed = 0;
  /** What the client may still send. */
  private receiveWindow: number;

  private isHeadSent = false;
  private isAnswered = false;
  private isClosed = false;
  private resetCode = NO_ERROR;
  private waiting: ByteQueue | null = null;
  /** The response ends with what is waiting. */
  private endsAfterWaiting = false;
  private trailers = '';
  private isClientBehind = false;
  /** The last frame of this stream, as long as it can still be changed. */
  private lastFrameAt = 0;
  private lastFrameGeneration = -1;
  private progress = 0;
  private lastProgress = 0;

  /** @param isComplete the request has no body */
  constructor(connection: ServerConnection, id: number, isComplete: boolean) {
    super();
    this.connection = connection;
    this.id = id;
    this.isRequestComplete = isComplete;
    this.sendWindow = connection.initialSendWindow;
    this.receiveWindow = connection.settings.limits.stream_window_bytes;
  }

  get remoteAddress(): string {
    return this.connection.remoteAddress;
  }

  get localPort(): number {
    return this.connection.localPort;
  }

  /** What follows is framed as HTTP/1.1 has it. */
  get minorVersion(): number {
    return 1;
  }

  get isMultiplexed(): boolean {
    return true;
  }

  get memo(): unknown {
    return this.connection.memo;
  }

  set memo(value: unknown) {
    this.connection.memo = value;
  }

  /** Bytes that wait until the client lets us send them. */
  get waitingBytes(): number {
    return this.waiting?.length ?? 0;
  }

  // The request.

  /** The head is there. @param promised by Content-Length, −1 without */
  begin(sink: RequestSink, promised: number): void {
    if (this.isAnswered || this.isClosed) return;
    const isComplete = this.isRequestComplete;
    this.sink = sink;
    this.promised = promised;
    this.isChunked = !isComplete && promised < 0;
    const { limits, timeouts, wheel } = this.connection.settings;
    if (limits.body_bytes > 0 && promised > limits.body_bytes) return this.fail('body_too_large');
    if (isComplete) {
      this.isStarted = true;
      sink.onRequestStart(NO_BYTES, 0, 0, true);
      return;
    }
    wheel.arm(this, timeouts.body_ms);
    // A small body comes along with its head as a rule: the sink gets both at once.
    this.connection.startLater(this);
  }

  /** No body came along with the head. */
  startBody(): void {
    if (this.isStarted || this.sink === null) return;
    this.isStarted = true;
    this.sink.onRequestStart(NO_BYTES, 0, 0, false);
  }

  /** Part of the body. @param flow what the frame takes of the windows, its padding included. @returns false: the client sent more than it may */
  data(content: Buffer, flow: number, isLast: boolean): boolean {
    this.receiveWindow -= flow;
    if (this.receiveWindow < 0) return false;
    this.owed += flow;
    this.received += content.length;
    if (this.sink === null) this.credit();
    else this.take(content, isLast);
    return true;
  }

  private take(content: Buffer, isLast: boolean): void {
    const { limits, timeouts, wheel } = this.connection.settings;
    if (limits.body_bytes > 0 && this.received > limits.body_bytes) return this.fail('body_too_large');
    const isShort = isLast && this.promised >= 0 && this.received !== this.promised;
    if (isShort || (this.promised >= 0 && this.received > this.promised)) {
      // RFC 9113 §8.1.1.
      this.resetAfterAnswer(PROTOCOL_ERROR);
      return this.fail('bad_content_length');
    }
    this.isRequestComplete = isLast;
    if (isLast) wheel.disarm(this);
    else wheel.arm(this, timeouts.body_ms);
    if (this.isChunked) this.takeChunk(content, isLast);
    else this.pass(content, 0, content.length, isLast);
    if (!this.isBodyPaused) this.credit();
  }

  private takeChunk(content: Buffer, isLast: boolean): void {
    const { length } = content;
    const head = length === 0 ? '' : `${length.toString(16)}\r\n`;
    const size = head.length + (length === 0 ? 0 : length + 2) + (isLast ? LAST_CHUNK.length : 0);
    if (size === 0) return;
    const chunk = Buffer.allocUnsafe(size);
    let at = head === '' ? 0 : writeLatin1(chunk, head, 0);
    if (length > 0) {
      at += content.copy(chunk, at);
      chunk[at++] = 13;
      chunk[at++] = 10;
    }
    if (isLast) LAST_CHUNK.copy(chunk, at);
    this.pass(chunk, 0, size, isLast);
  }

  private pass(bytes: Buffer, start: number, end: number, isLast: boolean): void {
    const { sink } = this;
    if (this.isStarted) sink?.onRequestBody(bytes, start, end, isLast);
    else {
      this.isStarted = true;
      sink?.onRequestStart(bytes, start, end, isLast);
    }
  }

  /** The client ended the body with trailers, which go no further. */
  endByTrailers(): void {
    if (this.sink !== null) this.take(NO_BYTES, true);
    this.isRequestComplete = true;
  }

  /** Lets the client send again what it has sent. */
  private credit(): void {
    const { owed, connection } = this;
    if (owed === 0) return;
    // Half a window at a time: one frame per piece of the body would cost as much as the body.
    if (!this.isRequestComplete && !this.isClosed && owed * 2 < connection.settings.limits.stream_window_bytes) return;
    this.owed = 0;
    connection.credit(owed);
    if (this.isRequestComplete || this.isClosed) return;
    this.receiveWindow += owed;
    connection.allow(this.id, owed);
  }

  /** The stream is going to be reset with this code once it is answered. */
  resetAfterAnswer(code: number): void {
    this.resetCode = code;
  }

  get isReceiving(): boolean {
    return !this.isRequestComplete;
  }

  /** Ends the request by a fault that can be answered. */
  fail(fault: RequestFault): void {
    const { sink } = this;
    this.connection.settings.wheel.disarm(this);
    if (sink === null) this.close(this.resetCode === NO_ERROR ? CANCEL : this.resetCode);
    else sink.onRequestFault(fault);
  }

  // The response.

  closeAfterAnswer(): void {}

  discardBody(): void {}

  respondInterim(text: string): void {
    if (this.isClosed || this.isHeadSent) return;
    this.connection.outflow.writeInterim(this.id, Number(text.slice(9, 12)), text);
  }

  respond(response: OutgoingResponse, bytes: Uint8Array, start: number, end: number): boolean {
    if (this.isClosed) return true;
    this.isHeadSent = true;
    this.note(this.connection.outflow.writeHead(this.id, response));
    return end === start || this.write(bytes, start, end);
  }

  write(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.isClosed || end === start) return true;
    let at = start;
    if (this.waitingBytes === 0) at += this.send(bytes, start, end);
    if (at === end && !this.connection.outflow.isBehind) return true;
    if (at < end) {
      this.waiting ??= new ByteQueue();
      this.waiting.append(bytes, at, end);
    }
    this.connection.await(this);
    this.awaitProgress();
    this.isClientBehind = true;
    return false;
  }

  /** @returns how much of it the windows let through */
  private send(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end) {
      const length = Math.min(end - at, this.sendWindow, this.connection.outflow.sendable);
      if (length <= 0) break;
      this.note(this.connection.outflow.writeData(this.id, bytes, at, at + length));
      this.sendWindow -= length;
      at += length;
    }
    this.progress += at - start;
    return at - start;
  }

  /** Sends what waits, at most so much of it. @returns whether anything went */
  pump(most: number): boolean {
    const { waiting } = this;
    if (waiting === null || waiting.length === 0) return this.caughtUp();
    const bytes = waiting.take();
    const sent = this.send(bytes, 0, Math.min(bytes.length, most));
    if (sent < bytes.length) waiting.putBack(bytes, sent, bytes.length);
    else this.caughtUp();
    return sent > 0;
  }

  get isBlocked(): boolean {
    return this.sendWindow <= 0 && this.waitingBytes > 0;
  }

  private caughtUp(): boolean {
    this.connection.settle(this);
    this.stopWaiting();
    if (this.endsAfterWaiting) this.finish();
    else if (this.isClientBehind) {
      this.isClientBehind = false;
      this.sink?.onClientWritable();
    }
    return false;
  }

  private awaitProgress(): void {
    if (this.isRequestComplete && this.expiresAt === 0) {
      this.lastProgress = this.progress;
      this.connection.settings.wheel.arm(this, this.connection.settings.timeouts.send_ms);
    }
  }

  private stopWaiting(): void {
    if (this.isRequestComplete) this.connection.settings.wheel.disarm(this);
  }

  end(trailers = ''): void {
    this.isAnswered = true;
    this.trailers = trailers;
    this.sink = null;
    if (this.isClosed) return;
    if (this.waitingBytes > 0) this.endsAfterWaiting = true;
    else this.finish();
  }

  private finish(): void {
    if (this.isClosed) return;
    if (this.trailers !== '') this.connection.outflow.writeTrailers(this.id, this.trailers);
    else this.connection.outflow.endStream(this.id, this.lastFrameAt, this.lastFrameGeneration);
    // RFC 9113 §8.1: who has the whole answer need not send the rest of the request.
    const code = this.resetCode;
    if (!this.isRequestComplete || code !== NO_ERROR) this.connection.reset(this.id, code);
    this.closed();
  }

  /** Cuts the exchange off: what was sent cannot be taken for complete. */
  abort(_reset: boolean): void {
    this.sink = null;
    this.close(this.resetCode === NO_ERROR ? INTERNAL_ERROR : this.resetCode);
  }

  pauseBody(): void {
    if (!this.isRequestComplete) this.connection.settings.wheel.disarm(this);
    this.isBodyPaused = true;
  }

  resumeBody(): void {
    if (!this.isBodyPaused) return;
    this.isBodyPaused = false;
    const { wheel, timeouts } = this.connection.settings;
    if (!this.isRequestComplete && !this.isClosed) wheel.arm(this, timeouts.body_ms);
    this.credit();
  }

  /** Resets the stream. */
  close(code: number): void {
    if (this.isClosed) return;
    this.connection.reset(this.id, code);
    this.closed();
  }

  /** The client reset the stream, or its connection is gone. */
  gone(): void {
    const { sink } = this;
    this.sink = null;
    this.closed();
    sink?.onClientGone();
  }

  private note(frameAt: number): void {
    this.lastFrameAt = frameAt;
    this.lastFrameGeneration = this.connection.outflow.generation;
  }

  private closed(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.waiting = null;
    this.connection.settings.wheel.remove(this);
    this.credit();
    this.connection.forget(this);
  }

  onDeadline(): void {
    if (!this.isRequestComplete) {
      this.fail('request_timeout');
      return;
    }
    if (this.waitingBytes === 0) return;
    if (this.progress !== this.lastProgress) this.awaitProgress();
    else this.connection.onStalledWindow(this);
  }
}
