/**
 * The server side of one HTTP/1.1 connection (RFC 9112): reads requests one after the other, keeps what a client sends
 * ahead of its answers, and writes responses. It knows framing and pace; what to answer is its handler's business.
 */
import type net from 'node:net';
import { TimedEntry } from '../clock/timer-wheel.ts';
import { plainAddress } from './address.ts';
import { BodyReader } from './body-reader.ts';
import { latin1 } from './bytes.ts';
import { CR, LF } from './chars.ts';
import { Farewell } from './farewell.ts';
import { faultName, type RequestFault } from './faults.ts';
import { parsed } from './fields.ts';
import { type OutgoingResponse, responseText } from './messages.ts';
import { Inflow } from './inflow.ts';
import { Output } from './output.ts';
import { Persistence } from './persistence.ts';
import { parseRequestHead } from './request-head.ts';
import { BODY, CLOSED, DISCARD, IDLE, LINGER, RESPONSE } from './server-phase.ts';
import { DISCARDED_BODY_BYTES, DRAINED_IDLE_MS, type RequestSink, type ServerSettings } from './server-settings.ts';
import { own } from './sockets.ts';
import { disown, hasUnsent, later, type OwnedSocket, type SocketOwner, writeQueued } from './owned-socket.ts';
import { SplitHead } from './split-head.ts';
import { NO_BYTES } from './writer.ts';

export class ServerConnection extends TimedEntry implements SocketOwner {
  readonly socket: OwnedSocket;
  /** The peer's address; IPv4 in its own spelling, also on a listener for both families. */
  readonly remoteAddress: string;
  readonly localPort: number;
  readonly isMultiplexed = false;
  private readonly settings: ServerSettings;
  private phase = IDLE;
  private sink: RequestSink | null = null;

  private readonly persistence = new Persistence();
  private readonly body = new BodyReader();
  private expectsContinue = false;
  private isDraining = false;
  private discards = false;
  private isAnswered = false;

  private readonly inflow: Inflow;
  private readonly output: Output;
  private readonly ahead = new SplitHead();
  /** The memory of `ahead` while what was in it is being read. */
  private taken: Buffer | null = null;
  private isHeadBegun = false;
  private isReading = false;
  private hasPeerEnded = false;
  private farewell: Farewell | null = null;

  /** Room for what the handler keeps per connection. */
  memo: unknown = null;

  /** @param localPort asked of the system if it is not known, as the address is, which costs a call of it each */
  constructor(socket: net.Socket, settings: ServerSettings, localPort = socket.localPort ?? 0, remoteAddress?: string) {
    super();
    this.socket = own(socket, this);
    this.settings = settings;
    this.remoteAddress = remoteAddress ?? plainAddress(socket.remoteAddress ?? '');
    this.localPort = localPort;
    this.inflow = new Inflow(this.socket);
    this.output = new Output(this.socket, settings.wheel, settings.timeouts.send_ms, () => this.cutOff());
    this.armIdle();
  }

  /** Minor version of the request that is being answered. */
  get minorVersion(): number {
    return this.persistence.minorVersion;
  }

  /** Once the request is complete. */
  get requestTrailers(): string {
    return this.body.trailers;
  }

  /** Whether the connection waits for a request and none has begun. */
  get isIdle(): boolean {
    return this.phase === IDLE && (this.ahead.length === 0 || this.ahead.isBlank);
  }

  /** The current answer is the last; its head says so if it is not written yet. */
  closeAfterAnswer(): void {
    this.persistence.closes = true;
  }

  /** For answers that do not wait for the request body: keeps the connection where dropping the body is cheap. */
  discardBody(): void {
    // A client that waits for 100 may or may not send its body now: what follows cannot be told apart.
    this.discards = !this.body.isChunked && this.body.remaining <= DISCARDED_BODY_BYTES && !this.expectsContinue;
  }

  /** Writes an interim response, complete with its empty line. */
  respondInterim(text: string): void {
    this.expectsContinue = false;
    this.output.write(text);
  }

  /**
   * Writes the head of the response and what is there of its body, in one write.
   * @returns false if the client is behind: write no more until the sink's `onClientWritable`
   */
  respond(response: OutgoingResponse, bytes: Uint8Array, start: number, end: number): boolean {
    if (this.isDraining || (this.phase === BODY && !this.discards)) this.persistence.closes = true;
    // While what was sent ahead is being read, it is not known yet whether more requests are in it.
    if (this.hasPeerEnded && this.ahead.length === 0 && !this.isReading) this.persistence.closes = true;
    const head = responseText(response) + this.persistence.field + '\r\n';
    return this.output.write(head, bytes, start, end);
  }

  /** Writes more of the body, framed as its head said. @returns false if the client is behind */
  write(bytes: Uint8Array, start: number, end: number): boolean {
    return this.output.write('', bytes, start, end);
  }

  /** The response is complete. */
  end(): void {
    this.sink = null;
    this.isAnswered = true;
    this.output.stop();
    if (this.phase === BODY && this.discards && !this.persistence.closes) {
      this.phase = DISCARD;
      this.inflow.resume();
      this.settings.wheel.arm(this, this.settings.timeouts.body_ms);
    } else if (this.persistence.closes || this.phase === BODY) this.linger();
    else this.awaitRequest();
  }

  /** Gives the connection up. @param reset by RST, so that what was sent cannot be taken for complete */
  abort(reset: boolean): void {
    if (this.phase === CLOSED) return;
    disown(this.socket, reset);
    this.closed();
  }

  pauseBody(): void {
    if (this.inflow.isBodyPaused || this.phase !== BODY) return;
    this.settings.wheel.disarm(this);
    this.inflow.pauseBody();
  }

  resumeBody(): void {
    if (!this.inflow.isBodyPaused) return;
    if (this.phase === BODY) this.settings.wheel.arm(this, this.settings.timeouts.body_ms);
    this.inflow.resume();
  }

  /**
   * Lets the connection end without losing a request: the next answer says that it is the last one, and where no
   * request comes for a moment, none is likely to be on its way.
   */
  drain(): void {
    this.isDraining = true;
    if (this.isIdle) this.armIdle();
  }

  /** Hands its socket to whoever owns it next, with what the client sent ahead: this connection is over. */
  release(): Buffer {
    this.inflow.resume();
    this.closed();
    return this.ahead.take();
  }

  onBytes(bytes: Buffer, start: number, end: number): void {
    this.isReading = true;
    this.consume(bytes, start, end);
    this.isReading = false;
  }

  private consume(bytes: Buffer, start: number, end: number): void {
    let i = start;
    while (i < end) {
      switch (this.phase) {
        case IDLE:
          if (this.output.isBehind) return this.keepAhead(bytes, i, end);
          if (this.ahead.length > 0) {
            if (this.ahead.add(bytes, i, end, this.settings.limits)) this.consumeAhead();
            return;
          }
          i = this.consumeHead(bytes, i, end);
          break;
        case BODY:
          this.settings.wheel.arm(this, this.settings.timeouts.body_ms);
          i = this.consumeBody(bytes, i, end, false);
          break;
        case DISCARD:
          i = this.body.scan(bytes, i, end);
          if (this.body.isDone) this.awaitRequest();
          break;
        case RESPONSE:
          return this.keepAhead(bytes, i, end);
        case LINGER:
          if (this.goodbye.isOver) this.abort(false);
          else this.settings.wheel.arm(this, this.settings.timeouts.linger_ms);
          return;
        default:
          return;
      }
    }
  }

  /** @returns where to go on */
  private consumeHead(bytes: Buffer, start: number, end: number): number {
    // RFC 9112 §2.2: one empty line before a request is ignored, for the sake of old clients.
    let at = start;
    if (bytes[at] === CR) {
      if (at + 1 === end) return this.keepHead(bytes, start, end);
      if (bytes[at + 1] === LF) at += 2;
    }
    const bodyStart = parseRequestHead(bytes, at, end, this.settings.limits);
    if (bodyStart === 0) return this.keepHead(bytes, start, end);
    if (bodyStart > 0) return this.begin(bytes, at, bodyStart, end);
    this.refuse(faultName(bodyStart));
    return end;
  }

  private keepHead(bytes: Buffer, start: number, end: number): number {
    this.ahead.keep(bytes, start, end);
    if (!this.isHeadBegun) this.settings.wheel.arm(this, this.settings.timeouts.head_ms);
    this.isHeadBegun = true;
    return end;
  }

  private consumeAhead(): void {
    const taken = this.ahead.take();
    this.taken = taken;
    this.consume(taken, 0, taken.length);
    this.taken = null;
  }

  private begin(bytes: Buffer, start: number, bodyStart: number, end: number): number {
    const { limits, timeouts, handler, wheel } = this.settings;
    const { contentLength, chunked } = parsed;
    this.persistence.begin();
    this.expectsContinue = parsed.expectContinue;
    this.discards = this.isAnswered = this.isHeadBegun = false;
    this.body.beginRequest(contentLength, chunked);
    this.phase = this.body.isDone ? RESPONSE : BODY;
    if (this.phase === RESPONSE) wheel.disarm(this);
    else wheel.arm(this, timeouts.body_ms);
    const sink = handler.onRequest(this, latin1(bytes, start, bodyStart - 2));
    if (this.isAnswered || this.phase === CLOSED) return bodyStart;
    this.sink = sink;
    if (limits.body_bytes > 0 && contentLength > limits.body_bytes) {
      this.bodyFault('body_too_large');
      return end;
    }
    if (this.phase === BODY) return this.consumeBody(bytes, bodyStart, end, true);
    sink.onRequestStart(NO_BYTES, 0, 0, true);
    return bodyStart;
  }

  private consumeBody(bytes: Buffer, start: number, end: number, isStart: boolean): number {
    const { body, sink } = this;
    if (sink === null) return end;
    const next = body.scan(bytes, start, end);
    const most = this.settings.limits.body_bytes;
    // The size first: what comes after too much data is not looked at, however the input was cut.
    const isTooLarge = most > 0 && body.dataBytes > most;
    if (isTooLarge || next < 0) {
      this.bodyFault(isTooLarge ? 'body_too_large' : 'bad_chunk');
      return end;
    }
    if (body.isDone) {
      this.phase = RESPONSE;
      this.settings.wheel.disarm(this);
    }
    if (isStart) sink.onRequestStart(bytes, body.runStart, body.runEnd, body.isDone);
    else if (body.runEnd > body.runStart || body.isDone)
      sink.onRequestBody(bytes, body.runStart, body.runEnd, body.isDone);
    return next;
  }

  private bodyFault(fault: RequestFault): void {
    this.persistence.closes = true;
    this.sink?.onRequestFault(fault);
  }

  private keepAhead(bytes: Buffer, start: number, end: number): void {
    // Copying the rest once for every request in it would cost the square of what a client pipelines.
    if (bytes === this.taken) this.ahead.putBack(bytes, start, end);
    else this.ahead.keepUnseen(bytes, start, end);
    if (this.ahead.length >= this.settings.limits.pipelined_bytes) this.inflow.pauseRequests();
  }

  private refuse(fault: RequestFault): void {
    this.persistence.closes = true;
    this.isHeadBegun = false;
    this.settings.wheel.disarm(this);
    if (this.phase === IDLE) {
      this.persistence.minorVersion = 1;
      this.phase = RESPONSE;
    }
    this.settings.handler.onBadRequest(this, fault);
  }

  private armIdle(): void {
    this.settings.wheel.arm(this, this.isDraining ? DRAINED_IDLE_MS : this.settings.timeouts.idle_ms);
  }

  private awaitRequest(): void {
    this.phase = IDLE;
    if (!this.output.isBehind) this.inflow.resume();
    this.armIdle();
    // A loop that is reading goes on by itself; else the next request starts on a stack of its own.
    if (this.isReading) return;
    if (this.ahead.length > 0) later(this.socket, this, () => this.resumeAhead());
    else if (this.hasPeerEnded) this.linger();
  }

  resumeAhead(): void {
    if (this.phase !== IDLE || this.ahead.length === 0 || this.output.isBehind) return;
    this.isReading = true;
    this.consumeAhead();
    this.isReading = false;
    // The end of what the client sends came before this part of it was read.
    if (this.hasPeerEnded) this.onPeerEnd();
  }

  /** The head that was begun is not going to be completed: because of `fault`, unless it is malformed anyway. */
  private refuseRest(fault: RequestFault): void {
    this.consumeAhead();
    if (this.phase === IDLE) this.refuse(fault);
  }

  private linger(): void {
    const isDone = this.phase === RESPONSE && this.persistence.isLastRequest && this.ahead.length === 0;
    this.phase = LINGER;
    writeQueued(this.socket);
    // Nothing more comes and nothing waits: no need to see the client off.
    if (isDone && !this.isReading && !hasUnsent(this.socket)) {
      this.abort(false);
      return;
    }
    this.inflow.resume();
    this.goodbye.begin();
    this.settings.wheel.arm(this, this.settings.timeouts.linger_ms);
  }

  private get goodbye(): Farewell {
    return (this.farewell ??= new Farewell(this.socket, this.settings.wheel, this.settings.timeouts));
  }

  /** Gives the client up, and tells the exchange that is under way. */
  cutOff(): void {
    disown(this.socket, true);
    this.onGone();
  }

  onPeerEnd(): void {
    this.hasPeerEnded = true;
    if (this.phase === DISCARD || this.isIdle) this.linger();
    else if (this.phase === IDLE && !this.output.isBehind) this.refuseRest('request_incomplete');
    else if (this.phase === BODY) this.bodyFault('request_incomplete');
  }

  onBehind(): void {
    this.output.fallBehind();
  }

  onWritable(): void {
    this.output.caughtUp();
    if (this.phase === IDLE) {
      this.armIdle();
      this.inflow.resume();
      this.resumeAhead();
    } else this.sink?.onClientWritable();
  }

  onException(error: unknown): void {
    this.settings.handler.onException(error);
    this.onGone();
  }

  onGone(): void {
    const { sink } = this;
    this.closed();
    sink?.onClientGone();
  }

  onDeadline(): void {
    const { wheel, timeouts } = this.settings;
    if (this.phase === BODY) this.bodyFault('request_timeout');
    else if (this.phase === IDLE && this.ahead.length > 0 && !this.output.isBehind && !this.ahead.isBlank)
      this.refuseRest('request_timeout');
    else if (this.isDraining && this.isIdle && !this.output.isBehind) this.linger();
    else if (this.goodbye.isStillTaking()) wheel.arm(this, timeouts.send_ms);
    else this.abort(false);
  }

  private closed(): void {
    if (this.phase === CLOSED) return;
    this.phase = CLOSED;
    this.sink = null;
    this.settings.wheel.remove(this);
    this.output.stop();
    this.settings.handler.onClosed(this);
  }
}
