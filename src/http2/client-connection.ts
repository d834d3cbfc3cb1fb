/**
 * The client side of one HTTP/2 connection (RFC 9113): carries the requests of many exchanges to a node. What the node does that only
 * an attack does, or that the RFC calls an error, ends the connection.
 */
import type { TLSSocket } from 'node:tls';
import type { ClientTimeouts, Dialer, ResponseFault, ResponseSink } from '../http1/client-settings.ts';
import type { OutgoingRequest } from '../http1/messages.ts';
import { disown } from '../http1/owned-socket.ts';
import { type Http2ClientSettings, type Http2ConnectionOwner, STREAM_WINDOW } from './client-settings.ts';
import { ClientStream, type StreamOptions } from './client-stream.ts';
import { ClientStreams } from './client-streams.ts';
import type { Frame } from './frame-reader.ts';
import type { HttpStream } from './http-stream.ts';
import { HttpConnection } from './http-connection.ts';
import * as h2 from './protocol.ts';
import type { Abuse } from './settings.ts';
import { kindOf } from './protocol.ts';

const CONNECTION_WINDOW = 1_048_576;

/** More of them share one connection's fate, and one core of the node. */
const MOST_STREAMS = 256;
/**
 * Requests that were given up on one connection: nodes take many of them for an attack (CVE-2023-44487) and end the connection,
 * with the requests of others on it. Before that it is left for another one.
 */
const MOST_GIVEN_UP = 100;
/** A node that does not take one request's body may keep the window of the whole connection with that: others get another one. */
const MOST_SHUT_MS = 1_000;
/** A connection ends well before it has no number left for a further stream. */
const LAST_USED_ID = 2 ** 31 - 1_000;

const SETTINGS = settingsOf([
  [h2.ENABLE_PUSH, 0],
  [h2.INITIAL_WINDOW_SIZE, STREAM_WINDOW],
]);

function settingsOf(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(settings.length * 6);
  for (const [index, [id, value]] of settings.entries()) {
    payload.writeUInt16BE(id, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  }
  return payload;
}

export class ClientConnection extends HttpConnection {
  protected readonly streams: ClientStreams;
  readonly settings: Http2ClientSettings;
  private readonly dialer: Dialer;
  private readonly owner: Http2ConnectionOwner;
  /** How long it may take to come about. */
  readonly connect_ms: number;
  /** Requests that were sent on it. */
  requests = 0;
  isConnected = false;
  private hasReceived = false;
  /** No further request: the node said so, or it is time for another connection. */
  private isDraining = false;
  /** How many requests the node took at once where it refused one; grows with each that it answers. */
  private limit = MOST_STREAMS;
  /** It was counted why the connection ends. */
  private hasAbused = false;
  private givenUp = 0;
  /** A PING is on its way, because a request got no answer. */
  private isProbing = false;
  /** The node ended it, or it broke. */
  isLost = false;
  /** Losses of its owner before it was made. */
  readonly lossesBefore: number;
  /** Why the requests under way come to nothing, once the connection ends. */
  private fault: ResponseFault = 'reset';

  /** Starts to connect; requests may be sent at once. @param dialer over TLS: of a socket on which ALPN chooses `h2` or nothing */
  constructor(dialer: Dialer, settings: Http2ClientSettings, owner: Http2ConnectionOwner, timeouts: ClientTimeouts) {
    const { wheel, turn, lines } = settings;
    const { send_ms, connect_ms } = timeouts;
    super((self) => dialer.dial(self), {
      isServer: false,
      wheel,
      turn,
      lines,
      send_ms,
      window_bytes: CONNECTION_WINDOW,
    });
    this.dialer = dialer;
    this.settings = settings;
    this.owner = owner;
    this.connect_ms = connect_ms;
    this.lossesBefore = owner.losses;
    this.streams = new ClientStreams(this, settings.limits);
    if (dialer.readyEvent === null) this.isConnected = true;
    else {
      this.writer.isConnecting = true;
      this.socket.once(dialer.readyEvent, () => this.onReady());
      wheel.arm(this, connect_ms);
    }
    this.writer.raw(h2.PREFACE);
    this.greet(SETTINGS);
  }

  /** Whether it takes another request now. */
  get hasRoom(): boolean {
    const { requests } = this.settings;
    if (this.isDraining || this.isClosed || this.isProbing || this.outflow.shut_ms > MOST_SHUT_MS) return false;
    if ((requests > 0 && this.requests >= requests) || this.streams.last > LAST_USED_ID) return false;
    const most = this.hasSettings ? Math.min(this.peer.concurrentStreams, this.limit) : this.owner.assumedStreams;
    return this.streams.count < most;
  }

  /** For one exchange; nothing is sent yet. */
  open(sink: ResponseSink, options: StreamOptions): ClientStream {
    this.requests++;
    return new ClientStream(this, sink, options);
  }

  /** Sends the head of a request. @returns where END_STREAM can be set */
  begin(stream: ClientStream, request: OutgoingRequest): number {
    this.streams.add(stream);
    // Who comes while it is being made must not put off the end of that.
    if (this.isConnected) this.wheel.disarm(this);
    return this.outflow.writeRequest(stream.id, request, this.settings.scheme);
  }

  get isOver(): boolean {
    return this.isClosed;
  }

  // Reading.

  private onReady(): void {
    if (this.isClosed) return;
    // RFC 9113 §3.2: over TLS, HTTP/2 is what ALPN chose, or it is not spoken.
    if (this.settings.scheme === 'https' && (this.socket as unknown as TLSSocket).alpnProtocol !== 'h2') {
      this.fault = this.dialer.failed(this.socket, null, true);
      this.close();
      return;
    }
    this.isConnected = true;
    this.wheel.disarm(this);
    this.writer.connected();
    this.streams.onConnected();
    this.setDeadline();
  }

  onBytes(bytes: Buffer, start: number, end: number): void {
    if (this.isClosed) return;
    this.hasReceived = true;
    this.read(bytes, start, end);
  }

  protected onSettings(): void {
    // A node that takes no request at all is of no use.
    if (this.peer.concurrentStreams === 0) this.drain();
    else this.owner.onStreams(Math.min(this.peer.concurrentStreams, MOST_STREAMS));
  }

  /**
   * The window of the connection is opened at once, whoever is slow to take what came: exchanges of many clients share it, and each
   * has a window of its own.
   */
  protected onContent(bytes: number): void {
    this.credit(bytes);
  }

  onTaken(): void {}

  /** What waits for nodes is bounded where it comes from. */
  hold(): void {}

  /** §6.8: what came after the last stream was not, and will not be, looked at. */
  protected takeGoaway({ bytes, start }: Frame): number {
    this.isDraining = true;
    this.streams.refuseAfter(bytes.readUInt32BE(start) & 0x7fff_ffff);
    if (this.isIdle) this.close();
    return h2.NO_ERROR;
  }

  protected onAbuse(kind: Abuse): void {
    this.noteAbuse(kind);
  }

  /** Before `error`, which then tells this of the node. */
  noteAbuse(kind: Abuse): void {
    this.fault = 'malformed';
    this.hasAbused = true;
    this.settings.onAbuse(kind);
  }

  protected error(code: number): void {
    if (this.isClosed) return;
    this.fault = 'malformed';
    if (!this.hasAbused) this.settings.onAbuse('protocol_error');
    this.writer.numbers(kindOf(h2.GOAWAY, 0), 0, 0, code);
    this.close();
  }

  // Deadlines.

  protected setDeadline(): void {
    if (this.isClosed || this.endsBacklog() || !this.isConnected || this.isProbing) return;
    if (!this.isIdle) return;
    if (this.isDraining) this.close();
    else if (this.expiresAt === 0) {
      if (this.owner.mayWait()) this.wheel.arm(this, this.settings.idle_ms);
      else this.close();
    }
  }

  /** A request got no answer in time: asks whether there is anybody, and sends no other one until that is answered. */
  suspect(): void {
    if (this.isClosed || this.isProbing) return;
    this.isProbing = true;
    this.writer.numbers(kindOf(h2.PING, 0), 0, 0, 0);
    this.wheel.arm(this, this.connect_ms);
  }

  protected onPong(): void {
    if (!this.isProbing) return;
    this.isProbing = false;
    this.wheel.disarm(this);
    this.setDeadline();
  }

  onDeadline(): void {
    if (!this.isConnected) this.fault = 'connect_timeout';
    this.close();
  }

  // The end.

  forget(stream: HttpStream): void {
    this.settle(stream);
    this.streams.forget(stream);
    const { requests } = this.settings;
    if (requests > 0 && this.requests >= requests) this.isDraining = true;
    // Who reads goes on with that, and looks at its deadline after it.
    if (!this.isReading) this.setDeadline();
  }

  override reset(stream: number, code: number): void {
    super.reset(stream, code);
    if (code === h2.CANCEL && ++this.givenUp >= MOST_GIVEN_UP) this.isDraining = true;
  }

  /** The node refused a request that it did not look at. */
  noteRefused(): void {
    this.limit = this.streams.count - 1;
    if (this.limit === 0) this.isDraining = true;
  }

  noteAnswered(): void {
    if (this.limit < MOST_STREAMS) this.limit++;
  }

  /** Takes no further request, and ends after those that are under way. */
  drain(): void {
    this.isDraining = true;
    if (this.isIdle && !this.isReading) this.close();
  }

  /** Ends the connection, and what is under way on it. */
  close(): void {
    if (this.isClosed) return;
    this.writer.flush();
    disown(this.socket, false);
    this.closed();
  }

  cutOff(): void {
    this.fault = 'send_timeout';
    this.close();
  }

  protected onEnd(): void {
    // Within a handshake it is followed by what says so.
    if (!this.isConnected) return;
    this.isLost = true;
    this.close();
  }

  /**
   * A node that ends its connection makes our writes fail before it is read what it said last: GOAWAY, and whole responses. All of
   * that still stands in the kernel's buffer.
   */
  override onSendError(): boolean {
    if (!this.isConnected) return false;
    this.isDraining = true;
    this.writer.stop();
    this.wheel.arm(this, this.connect_ms);
    return true;
  }

  onGone(error: Error | null): void {
    if (!this.hasReceived) this.fault = this.dialer.failed(this.socket, error, this.isConnected);
    this.isLost = true;
    this.closed();
  }

  onException(error: unknown): void {
    this.owner.onException(error);
    this.closed();
  }

  /** Why a request comes to nothing that the end of the connection ends. */
  get endFault(): ResponseFault {
    return this.fault;
  }

  private closed(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.wheel.remove(this);
    this.writer.stop();
    // Before the exchanges hear of it: they may want another connection at once.
    this.owner.onClosed(this);
    this.streams.endAll();
  }
}
