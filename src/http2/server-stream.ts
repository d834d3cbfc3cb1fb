/** One request and its response on an HTTP/2 connection (RFC 9113 §5): the client's side of an exchange. */
import { chunkOf } from '../http1/chunk.ts';
import type { RequestFault } from '../http1/faults.ts';
import { type OutgoingResponse, responseText } from '../http1/messages.ts';
import type { RequestSink } from '../http1/server-settings.ts';
import type { TunnelSide } from '../http1/tunnel-side.ts';
import { HttpStream } from './http-stream.ts';
import { CANCEL, INTERNAL_ERROR, NO_ERROR, PROTOCOL_ERROR } from './protocol.ts';
import type { ServerConnection } from './server-connection.ts';
import { StreamEnd } from './stream-end.ts';

const NO_BYTES = Buffer.alloc(0);

const LENGTH = /\r\ncontent-length:/i;

/** Who has its answer, may send and does not for so long, has stopped. */
const MOST_QUIET_MS = 500;

export class ServerStream extends HttpStream {
  declare readonly connection: ServerConnection;
  private sink: RequestSink | null = null;
  private isChunked = false;
  /** Content that Content-Length promises and that has not come; −1 where nothing is promised. */
  private promised = -1;
  private received = 0;
  private isRequestComplete: boolean;
  private isStarted = false;
  private isBodyPaused = false;
  /** Fields that came behind the request's body, each line with its CRLF; '' without. */
  requestTrailers = '';

  private isHeadSent = false;
  /** The response began ahead of the end of its request, and says how long it is. */
  private isSized = false;
  private isAnswered = false;
  private isSent = false;
  private resetCode = NO_ERROR;
  /** Until then the rest of the request is taken and dropped; 0 as long as there is no answer. */
  private lingersUntil_ms = 0;
  /** The request asks for a tunnel (RFC 8441): what follows its head is no body. */
  isConnect = false;
  private tunnel: StreamEnd | null = null;

  /** @param isComplete the request has no body */
  constructor(connection: ServerConnection, id: number, isComplete: boolean) {
    super(connection, id, connection.settings.limits.stream_window_bytes);
    this.isRequestComplete = isComplete;
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

  protected get send_ms(): number {
    return this.connection.settings.timeouts.send_ms;
  }

  protected get watchesSending(): boolean {
    return true;
  }

  get isReceiving(): boolean {
    return !this.isRequestComplete;
  }

  // The request.

  /** The head is there. @param promised by Content-Length, −1 without */
  begin(sink: RequestSink, promised: number): void {
    if (this.isAnswered || this.isClosed) return;
    const isComplete = this.isRequestComplete;
    this.sink = sink;
    if (this.isConnect) this.tunnel = new StreamEnd(this, isComplete);
    if (isComplete || this.isConnect) {
      // What is reset in the same read costs no upstream anything.
      this.connection.startLater(this);
      return;
    }
    this.promised = promised;
    this.isChunked = promised < 0;
    const { limits } = this.connection.settings;
    if (limits.body_bytes > 0 && promised > limits.body_bytes) return this.fail('body_too_large');
    this.awaitBody();
    // A small body comes along with its head as a rule: the sink gets both at once.
    this.connection.startLater(this);
  }

  /**
   * The deadline is that of the body, unless the client lets its response wait. Once there is a response, both sides speak when they
   * like (gRPC): how long that may be quiet is a matter of the upstream's time to answer.
   */
  private awaitBody(): void {
    if (!this.awaitsProgress && !this.isHeadSent) this.wheel.arm(this, this.connection.settings.timeouts.body_ms);
  }

  private stopAwaitingBody(): void {
    if (!this.awaitsProgress) this.wheel.disarm(this);
  }

  /** Everything of the read was looked at, and no body came along with the head. */
  startBody(): void {
    if (this.isStarted || this.sink === null) return;
    this.isStarted = true;
    this.sink.onRequestStart(NO_BYTES, 0, 0, this.isRequestComplete || this.isConnect);
  }

  protected take(content: Buffer, isLast: boolean): void {
    this.received += content.length;
    if (this.tunnel !== null) {
      this.isRequestComplete = isLast;
      this.takeTunnelled(this.tunnel, content);
    } else if (this.sink === null) this.drop(isLast);
    else this.takeBody(content, isLast);
  }

  private takeTunnelled(tunnel: StreamEnd, content: Buffer): void {
    tunnel.take(content, this.isRequestComplete);
    if (!tunnel.isPaused) this.credit();
    this.endIfThrough();
  }

  private takeBody(content: Buffer, isLast: boolean): void {
    const { limits } = this.connection.settings;
    if (limits.body_bytes > 0 && this.received > limits.body_bytes) return this.fail('body_too_large');
    const isShort = isLast && this.promised >= 0 && this.received !== this.promised;
    if (isShort || (this.promised >= 0 && this.received > this.promised)) {
      // RFC 9113 §8.1.1.
      if (!this.connection.blame()) return;
      this.resetAfterAnswer(PROTOCOL_ERROR);
      return this.fail('bad_content_length');
    }
    this.isRequestComplete = isLast;
    if (isLast) this.stopAwaitingBody();
    else this.awaitBody();
    const piece = this.isChunked ? chunkOf(content, isLast) : content;
    if (piece.length > 0 || isLast) this.pass(piece, isLast);
    if (!this.isBodyPaused) this.credit();
  }

  private pass(bytes: Buffer, isLast: boolean): void {
    const { sink } = this;
    if (this.isStarted) sink?.onRequestBody(bytes, 0, bytes.length, isLast);
    else {
      this.isStarted = true;
      sink?.onRequestStart(bytes, 0, bytes.length, isLast);
    }
  }

  /** The client ended the body with trailers. */
  endByTrailers(text: string): void {
    this.handOn();
    this.requestTrailers = text;
    if (this.sink !== null) this.takeBody(NO_BYTES, true);
    this.isRequestComplete = true;
    if (this.isLingering) this.closed();
  }

  /** The stream is going to be reset with this code once it is answered. */
  resetAfterAnswer(code: number): void {
    this.resetCode = code;
  }

  /** Ends the request by a fault that can be answered. */
  fail(fault: RequestFault): void {
    const { sink } = this;
    if (this.tunnel !== null && sink === null) {
      this.isRequestComplete = true;
      this.takeTunnelled(this.tunnel, NO_BYTES);
      return;
    }
    this.stopAwaitingBody();
    if (this.isLingering) this.close(NO_ERROR);
    else if (sink === null) this.close(this.resetCode === NO_ERROR ? CANCEL : this.resetCode);
    else sink.onRequestFault(fault);
  }

  pauseBody(): void {
    if (this.isLingering) return;
    if (!this.isRequestComplete) this.stopAwaitingBody();
    this.isBodyPaused = true;
  }

  resumeBody(): void {
    if (!this.isBodyPaused || this.isLingering) return;
    this.isBodyPaused = false;
    if (!this.isRequestComplete && !this.isClosed && !this.isConnect) this.awaitBody();
    this.credit();
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
    // RFC 8441 §5: the client would take it for its tunnel.
    if (this.isConnect && response.status < 300) {
      this.close(CANCEL);
      return true;
    }
    this.writeHead(response);
    return end === start || this.write(bytes, start, end);
  }

  write(bytes: Uint8Array, start: number, end: number): boolean {
    return this.writeContent(bytes, start, end);
  }

  private writeHead(response: OutgoingResponse): void {
    if (!this.isRequestComplete) this.isSized = LENGTH.test(responseText(response));
    this.stopAwaitingBody();
    this.isHeadSent = true;
    this.note(this.connection.outflow.writeHead(this.id, response));
  }

  /** Answers the request for a tunnel: from now on the stream is that of `side`. */
  openTunnel(response: OutgoingResponse, side: TunnelSide): StreamEnd {
    const { tunnel } = this;
    if (tunnel === null) throw new Error('nobody asked for a tunnel');
    this.sink = null;
    this.writeHead(response);
    tunnel.open(side);
    return tunnel;
  }

  protected onCaughtUp(): void {
    if (!this.isRequestComplete && !this.isBodyPaused && !this.isConnect) this.awaitBody();
    if (this.tunnel?.isOpen === true) this.tunnel.onWritable();
    else this.sink?.onClientWritable();
  }

  /** The response is complete. @param trailers lines of fields, each with its CRLF */
  end(trailers = ''): void {
    this.isAnswered = true;
    this.sink = null;
    this.tunnel = null;
    this.endMessage(trailers);
  }

  /** The tunnel carries nothing more to the client. @param isOver nor from it */
  endTunnel(isOver: boolean): void {
    if (!this.isSent) this.endMessage('');
    else if (isOver) this.close(NO_ERROR);
  }

  /** The tunnel took what came. */
  creditTunnel(): void {
    this.credit();
  }

  protected onSent(): void {
    this.isSent = true;
    if (this.tunnel?.isOpen === true) {
      this.endIfThrough();
      return;
    }
    const code = this.resetCode;
    if (code !== NO_ERROR || (!this.isRequestComplete && (this.isConnect || !this.isSized))) this.close(code);
    else if (this.isRequestComplete) this.closed();
    else this.linger();
  }

  /** The answer is sent, and the client still sends its request. */
  get isLingering(): boolean {
    return this.lingersUntil_ms > 0;
  }

  /**
   * RFC 9113 §8.1: who has the whole answer need not send the rest of the request, and may be told so by a reset. Sent at once, that
   * costs clients their answer: curl 7.88 reads both together and reports the reset, Java's HttpClient and Python's httpx
   * go on waiting for a window. So the rest is taken for a while, as in HTTP/1.1 (RFC 9112 §9.6). Not where the answer does not say how
   * long it is: curl 7.88 then stops, and waits for a reset, which it has to find beside the end.
   */
  private linger(): void {
    const { linger_total_ms } = this.connection.settings.timeouts;
    this.lingersUntil_ms = this.wheel.now_ms + linger_total_ms;
    this.awaitRest(linger_total_ms);
    this.credit();
  }

  private awaitRest(left_ms: number): void {
    this.wheel.arm(this, Math.min(this.connection.settings.timeouts.linger_ms, left_ms, MOST_QUIET_MS));
  }

  /** Content that nobody wants. */
  private drop(isLast: boolean): void {
    this.isRequestComplete = isLast;
    if (!this.isLingering) return this.credit();
    const left_ms = this.lingersUntil_ms - this.wheel.now_ms;
    if (isLast) this.closed();
    else if (left_ms <= 0) this.close(NO_ERROR);
    else {
      this.awaitRest(left_ms);
      this.credit();
    }
  }

  /** Both directions of a tunnel have ended: it ends as a socket does when it closes. */
  private endIfThrough(): void {
    if (!this.isRequestComplete || !this.isSent) return;
    this.closed();
    this.tunnel?.onGone();
  }

  /** Cuts the exchange off: what was sent cannot be taken for complete. */
  abort(_reset: boolean): void {
    this.sink = null;
    this.close(this.resetCode === NO_ERROR ? INTERNAL_ERROR : this.resetCode);
  }

  gone(): void {
    const { sink, tunnel } = this;
    this.sink = null;
    this.closed();
    sink?.onClientGone();
    tunnel?.onGone();
  }

  onDeadline(): void {
    if (this.isLingering) this.close(NO_ERROR);
    else if (!this.awaitsProgress) {
      if (!this.isRequestComplete && this.tunnel === null) this.fail('request_timeout');
    } else if (this.hasStalled()) {
      if (this.tunnel?.isOpen === true) this.tunnel.onStalled();
      else this.connection.onStalledWindow(this);
    }
  }
}
