/**
 * The client side of one HTTP/1.1 connection: sends one request at a time and reads its response (RFC 9112). It knows
 * framing and pace; when to retry and where to send is not its business.
 */
import { TimedEntry } from '../clock/timer-wheel.ts';
import { BodyReader } from './body-reader.ts';
import { latin1 } from './bytes.ts';
import type {
  ClientSettings,
  ClientTimeouts,
  ConnectionOwner,
  Dialer,
  ResponseFault,
  ResponseFraming,
  ResponseSink,
} from './client-settings.ts';
import { isBehind } from './direct-write.ts';
import { parsed } from './fields.ts';
import { type OutgoingRequest, requestText } from './messages.ts';
import { parseResponseHead } from './response-head.ts';
import { framingOf, isPersistent } from './response-framing.ts';
import { settleLater } from './settle.ts';
import { disown, dropQueued, hasUnsent, isQueued, type OwnedSocket } from './owned-socket.ts';
import { NARROW_READ_BYTES, type OutgoingOwner, own, readWidely } from './sockets.ts';
import { SplitHead } from './split-head.ts';
import { Stall } from './stall.ts';
import { writeMessage } from './writer.ts';

/** Interim responses to one request; more of them is an upstream gone wrong. */
const MOST_INTERIM = 16;

const IDLE = 0;
const HEAD = 1;
const BODY = 2;
const CLOSED = 3;

export class ClientConnection extends TimedEntry implements OutgoingOwner {
  private readonly dialer: Dialer;
  private readonly socket: OwnedSocket;
  private readonly settings: ClientSettings;
  private readonly owner: ConnectionOwner;
  private phase = IDLE;
  private sink: ResponseSink | null = null;
  private timeouts: ClientTimeouts;

  /** Requests sent so far, the current one included. */
  requests = 0;
  isConnected = false;
  readonly isMultiplexed = false;
  /** Whether any byte of the current response has come. */
  hasReceived = false;
  /** The socket's count when the current request took it. */
  private writesBefore = 0;
  framing: ResponseFraming = 'none';
  private readonly body = new BodyReader();
  private readonly ahead = new SplitHead();
  private interim = 0;
  private isHead = false;
  private isRequestSent = false;
  private persists = false;
  private isPaused = false;
  private hasSendFailed = false;
  /** The next read may bring much at once: the response turned out to be large, and its client has a connection of its own. */
  private readsWidely = false;
  private stall: Stall | null = null;

  /** Starts to connect; `send` may be called at once. */
  constructor(dialer: Dialer, settings: ClientSettings, owner: ConnectionOwner, timeouts: ClientTimeouts) {
    super();
    this.dialer = dialer;
    this.settings = settings;
    this.owner = owner;
    this.timeouts = timeouts;
    this.socket = dialer.dial(this);
    if (dialer.readyEvent === null) this.isConnected = true;
    else {
      this.socket.once(dialer.readyEvent, () => this.onReady());
      settings.wheel.arm(this, timeouts.connect_ms);
    }
  }

  /** Whether the connection has served another request before the current one. */
  get isReused(): boolean {
    return this.requests > 1;
  }

  /** Whether the connection can be given to another request right now. */
  get isUsable(): boolean {
    return this.phase === IDLE && !hasUnsent(this.socket);
  }

  /** Of the response that was completed last. */
  get trailers(): string {
    return this.body.trailers;
  }

  /** Makes the connection wait for its next request, at most so long. */
  keepIdle(idle_ms: number): void {
    this.settings.wheel.arm(this, idle_ms);
  }

  /** Takes the connection for one exchange; nothing is sent yet. */
  begin(sink: ResponseSink, isHead: boolean, timeouts: ClientTimeouts): void {
    this.sink = sink;
    this.isHead = isHead;
    this.timeouts = timeouts;
    this.phase = HEAD;
    this.requests++;
    this.hasReceived = this.isRequestSent = this.persists = false;
    this.interim = 0;
    this.writesBefore = this.socket.writes;
    this.framing = 'none';
    if (this.isConnected) this.settings.wheel.disarm(this);
  }

  /**
   * Sends the head and what is there of the body, in one write.
   * @returns false if the upstream is behind: send no more until `onUpstreamWritable`
   */
  send(request: OutgoingRequest, bytes: Uint8Array, start: number, end: number, isComplete: boolean): boolean {
    return this.sent(writeMessage(this.socket, requestText(request), bytes, start, end), isComplete);
  }

  /** Sends more of the body. @returns false if the upstream is behind */
  write(bytes: Uint8Array, start: number, end: number, isComplete: boolean): boolean {
    // After a failed write the rest is dropped, while what the upstream answered is still being read.
    const isTaken = end === start || this.hasSendFailed || writeMessage(this.socket, '', bytes, start, end);
    return this.sent(isTaken, isComplete);
  }

  pause(): void {
    if (this.isPaused) return;
    this.isPaused = true;
    this.settings.wheel.disarm(this);
    this.socket.pause();
  }

  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    if (this.phase === BODY) this.settings.wheel.arm(this, this.timeouts.read_ms);
    this.socket.resume();
  }

  /** Ends the connection; its sink hears no more. */
  abort(): void {
    if (this.phase === CLOSED) return;
    // A request that is still here need not go out any more.
    dropQueued(this.socket);
    disown(this.socket, false);
    this.closed();
  }

  /** Hands its socket to `owner`: this connection is over, and never serves another request. */
  release(owner: OutgoingOwner): OwnedSocket {
    own(this.socket, owner);
    this.closed();
    return this.socket;
  }

  private sent(isTaken: boolean, isComplete: boolean): boolean {
    if (isComplete) {
      this.isRequestSent = true;
      if (this.isConnected) this.awaitBytes();
    }
    if (!isTaken) this.onBehind();
    return isTaken;
  }

  /** The read timeout runs from the moment the upstream owes us something. */
  private awaitBytes(): void {
    if (!this.isPaused) this.settings.wheel.arm(this, this.timeouts.read_ms);
  }

  // Reading.

  onBytes(bytes: Buffer, start: number, end: number): void {
    // Bytes that nobody asked for would be taken for the next exchange's answer.
    if (this.phase === IDLE) this.abort();
    // Nor can they answer a request of which nothing was sent yet: the connection was stale when it was taken.
    else if (this.isUnsent) this.fail('reset');
    else if (this.phase === HEAD) this.consumeHead(bytes, start, end);
    else if (this.phase === BODY) {
      this.awaitBytes();
      this.consumeBody(bytes, start, end);
    }
    if (end - start === NARROW_READ_BYTES) this.widen();
  }

  private widen(): void {
    if (this.readsWidely || this.phase !== BODY || this.sink?.takesLittle === true) return;
    this.readsWidely = true;
    readWidely(this.socket, true);
  }

  private narrow(): void {
    this.readsWidely = false;
    readWidely(this.socket, false);
  }

  /** Whether the request is still here, all of it. */
  private get isUnsent(): boolean {
    return isQueued(this.socket) && this.socket.writes === this.writesBefore;
  }

  private consumeHead(bytes: Buffer, start: number, end: number): void {
    this.hasReceived = true;
    if (this.isRequestSent) this.awaitBytes();
    if (this.ahead.length > 0) this.consumeSplitHead(bytes, start, end);
    else this.parseHeads(bytes, start, end);
  }

  private consumeSplitHead(bytes: Buffer, start: number, end: number): void {
    if (!this.ahead.add(bytes, start, end, this.settings.limits)) return;
    const whole = this.ahead.take();
    this.parseHeads(whole, 0, whole.length);
  }

  private parseHeads(bytes: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      const bodyStart = parseResponseHead(bytes, at, end, this.settings.limits);
      if (bodyStart < 0) return this.fail('malformed');
      if (bodyStart === 0) {
        this.ahead.keep(bytes, at, end);
        return;
      }
      const head = latin1(bytes, at, bodyStart - 2);
      at = bodyStart;
      if (parsed.status >= 200) return this.beginBody(head, bytes, at, end);
      if (parsed.status === 101 && this.isRequestSent && this.sink?.onResponseSwitch !== undefined)
        return this.sink.onResponseSwitch(head, bytes.subarray(at, end));
      // 101 changes the protocol, which nobody asked for.
      if (parsed.status === 101 || ++this.interim > MOST_INTERIM) return this.fail('malformed');
      this.sink?.onResponseInterim(parsed.status, head);
    }
  }

  private beginBody(head: string, bytes: Buffer, start: number, end: number): void {
    const { sink, body } = this;
    const { status, contentLength, chunked } = parsed;
    this.persists = isPersistent();
    this.framing = framingOf(this.isHead);
    // RFC 9112 §6.1: an HTTP/1.0 peer does not know the chunked coding.
    if (sink === null || (chunked && parsed.minorVersion === 0)) return this.fail('malformed');
    this.phase = BODY;
    const runs = sink.onResponseHead(status, head);
    if (this.sink !== sink) return;
    if (this.framing === 'chunked') body.beginChunked(runs);
    else if (this.framing === 'until_close') body.beginUntilClose();
    else body.beginLength(this.framing === 'length' ? contentLength : 0);
    const next = body.scan(bytes, start, end);
    if (next < 0) return this.fail('malformed');
    if (body.isDone) this.finish(next < end);
    sink.onResponseStart(bytes, body.runStart, body.runEnd, body.isDone);
    if (!body.isDone && next < end && this.sink === sink) this.consumeBody(bytes, next, end);
  }

  private consumeBody(bytes: Buffer, start: number, end: number): void {
    const { body, sink } = this;
    let i = start;
    while (i < end && sink !== null && this.sink === sink) {
      i = body.scan(bytes, i, end);
      if (i < 0) return this.fail('malformed');
      if (body.isDone) this.finish(i < end);
      if (body.runEnd > body.runStart || body.isDone)
        sink.onResponseBody(bytes, body.runStart, body.runEnd, body.isDone);
    }
  }

  /**
   * The response is complete. Before its sink hears of it the connection is free: the sink may want it for the next
   * request in the very same call.
   * @param hasSurplus more bytes came than the response has: what they answer cannot be known
   */
  private finish(hasSurplus: boolean): void {
    this.sink = null;
    this.stall?.stop();
    const isReusable =
      this.persists && !hasSurplus && this.isRequestSent && this.framing !== 'until_close' && !this.hasSendFailed;
    const { socket } = this;
    const isUnsent = hasUnsent(socket);
    const maySettle = isUnsent && socket.encrypted === true;
    if (!isReusable || (isUnsent && !maySettle)) {
      this.abort();
      return;
    }
    this.phase = IDLE;
    if (this.readsWidely) this.narrow();
    if (this.isPaused) this.resume();
    if (maySettle) settleLater(this);
    else this.owner.onReusable(this);
  }

  /** What was written has had its time to be over. */
  settle(): void {
    if (this.phase !== IDLE) return;
    if (hasUnsent(this.socket)) this.abort();
    else this.owner.onReusable(this);
  }

  private fail(fault: ResponseFault): void {
    const { sink } = this;
    this.abort();
    sink?.onResponseFault(fault);
  }

  // Events of the socket and of the wheel.

  private onReady(): void {
    this.isConnected = true;
    if (this.phase === CLOSED) return;
    this.settings.wheel.disarm(this);
    if (this.isRequestSent) this.awaitBytes();
    // What was written before goes out only now, and from now on it has to be taken.
    if (isBehind(this.socket)) this.onBehind();
  }

  onPeerEnd(): void {
    const { sink } = this;
    // Within a handshake it is followed by what says so.
    if (!this.isConnected) return;
    // RFC 9112 §9.8: over TLS such a body is complete only if the peer said that it is.
    if (this.phase === BODY && this.framing === 'until_close' && sink !== null && this.socket.isCut !== true) {
      this.body.isDone = true;
      this.finish(false);
      sink.onResponseBody(Buffer.alloc(0), 0, 0, true);
      return;
    }
    this.failRest(this.endFault(this.socket.failure));
  }

  /** The response is not going to be completed: because of `fault`, unless what came of its head is malformed anyway. */
  private failRest(fault: ResponseFault): void {
    if (this.phase === HEAD && this.ahead.length > 0) {
      const rest = this.ahead.take();
      this.parseHeads(rest, 0, rest.length);
    }
    this.fail(fault);
  }

  private endFault(error: Error | null): ResponseFault {
    const isFirst = this.requests <= 1 && !this.hasReceived;
    return isFirst ? this.dialer.failed(this.socket, error, this.isConnected) : 'reset';
  }

  onBehind(): void {
    if (!this.isConnected) return;
    this.stall ??= new Stall(this.socket, this.settings.wheel, () => this.fail('send_timeout'));
    this.stall.start(this.timeouts.send_ms);
  }

  onWritable(): void {
    this.stall?.stop();
    this.sink?.onUpstreamWritable();
  }

  /**
   * An upstream that answers early and closes makes our writes fail before its answer is read. That answer still
   * stands in the kernel's buffer: it is read to its end before the connection is given up.
   */
  onSendError(): boolean {
    if (this.sink === null || !this.isConnected) return false;
    this.hasSendFailed = true;
    this.stall?.stop();
    if (!this.isPaused) this.awaitBytes();
    process.nextTick(() => this.sink?.onUpstreamWritable());
    return true;
  }

  onGone(error: Error | null): void {
    const { sink } = this;
    const fault = this.endFault(error);
    this.closed();
    sink?.onResponseFault(fault);
  }

  onException(error: unknown): void {
    const { sink } = this;
    this.closed();
    this.owner.onException(error);
    sink?.onResponseFault('reset');
  }

  onDeadline(): void {
    if (this.phase === IDLE) this.abort();
    else this.failRest(this.isConnected ? 'read_timeout' : 'connect_timeout');
  }

  private closed(): void {
    if (this.phase === CLOSED) return;
    this.phase = CLOSED;
    this.sink = null;
    this.settings.wheel.remove(this);
    this.stall?.stop();
    this.owner.onClosed(this);
  }
}
