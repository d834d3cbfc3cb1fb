/**
 * The server side of one HTTP/2 connection (RFC 9113): preface, drain and deadlines of a client; what to answer is its
 * handler's business.
 */
import type net from 'node:net';
import { plainAddress } from '../http1/address.ts';
import { Farewell } from '../http1/farewell.ts';
import { disown, hasUnsent, type SocketOwner } from '../http1/owned-socket.ts';
import { DRAINED_IDLE_MS } from '../http1/server-settings.ts';
import { own } from '../http1/sockets.ts';
import type { Holder } from './held-bytes.ts';
import { HttpConnection } from './http-connection.ts';
import { ownSettings } from './own-settings.ts';
import * as h2 from './protocol.ts';
import { kindOf } from './protocol.ts';
import { ServerStreams } from './server-streams.ts';
import type { ServerStream } from './server-stream.ts';
import type { Abuse, Http2Settings } from './settings.ts';

const LAST_STREAM = 2 ** 31 - 1;

export class ServerConnection extends HttpConnection implements SocketOwner, Holder {
  readonly settings: Http2Settings;
  readonly remoteAddress: string;
  readonly localPort: number;
  /** Room for what the handler keeps per connection. */
  memo: unknown = null;

  protected readonly streams: ServerStreams;
  /** Bytes of the preface that have come. */
  private prefaceRead = 0;
  private isDraining = false;
  heldBytes = 0;
  /** Nothing is counted any more. */
  private isLetGo = false;
  private readonly farewell: Farewell;
  /** The connection ends by an error: nobody waits for what the client has not taken. */
  private isBroken = false;
  private waitsFor: 'head' | 'request' | 'drained' | 'nothing' = 'head';

  constructor(socket: net.Socket, settings: Http2Settings, localPort: number, remoteAddress?: string) {
    const { wheel, turn, lines, limits, timeouts } = settings;
    const { connection_window_bytes: window_bytes } = limits;
    const { send_ms } = timeouts;
    super((owner) => own(socket, owner), { isServer: true, wheel, turn, lines, send_ms, window_bytes });
    this.settings = settings;
    this.remoteAddress = remoteAddress ?? plainAddress(socket.remoteAddress ?? '');
    this.localPort = localPort;
    this.streams = new ServerStreams(this);
    this.farewell = new Farewell(this.socket, wheel, timeouts);
    settings.held.add(this);
    socket.setNoDelay(true);
    wheel.arm(this, timeouts.head_ms);
    this.greet(ownSettings(limits));
  }

  get acceptsStreams(): boolean {
    return !this.isLeaving;
  }

  onBytes(bytes: Buffer, start: number, end: number): void {
    if (this.isClosed) return;
    if (this.isLeaving && this.isIdle) return;
    this.read(bytes, this.prefaceRead < h2.PREFACE.length ? this.readPreface(bytes, start, end) : start, end);
  }

  /** @returns the offset behind what belongs to it, `end` if it is wrong */
  private readPreface(bytes: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end && this.prefaceRead < h2.PREFACE.length) {
      if (bytes[at] !== h2.PREFACE.charCodeAt(this.prefaceRead)) {
        this.error(h2.PROTOCOL_ERROR);
        return end;
      }
      at++;
      this.prefaceRead++;
    }
    return at;
  }

  /** The client opens no more streams; those that are open are answered. */
  protected takeGoaway(): number {
    return h2.NO_ERROR;
  }

  protected onSettings(): void {}

  protected onContent(bytes: number): void {
    if (bytes > 0) this.hold(bytes);
  }

  /** What is not taken counts: a client is held back by its own slow requests. */
  onTaken(bytes: number): void {
    if (bytes > 0) this.hold(-bytes);
    this.credit(bytes);
  }

  hold(bytes: number): void {
    if (this.isLetGo) return;
    this.heldBytes += bytes;
    this.settings.held.change(bytes);
  }

  endForHolding(): void {
    this.onAbuse('held_bytes');
    // Who does not read would not learn of it.
    if (this.writer.isBehind) this.cutOff();
    else {
      this.error(h2.ENHANCE_YOUR_CALM);
      this.letGo();
    }
  }

  private letGo(): void {
    if (this.isLetGo) return;
    this.hold(-this.heldBytes);
    this.isLetGo = true;
    this.settings.held.delete(this);
  }

  protected onPong(): void {}

  protected onAbuse(kind: Abuse): void {
    this.settings.handler.onAbuse(kind);
  }

  forget(stream: ServerStream): void {
    this.settle(stream);
    this.streams.forget(stream);
    if (this.isClosed || !this.isIdle) return;
    if (this.isLeaving) this.leave();
    else if (!this.isReading) this.setDeadline();
  }

  /** A stream has waited for its window as long as a client may take nothing. */
  onStalledWindow(stream: ServerStream): void {
    this.onAbuse('stalled_window');
    stream.close(h2.CANCEL);
    stream.gone();
  }

  // The end.

  protected setDeadline(): void {
    if (this.isClosed || this.endsBacklog()) return;
    const { wheel } = this;
    const { timeouts } = this.settings;
    if (this.isLeaving && this.isIdle) wheel.arm(this, timeouts.linger_ms);
    else if (this.isWithinHead) {
      if (this.waitsFor !== 'head') wheel.arm(this, timeouts.head_ms);
      this.waitsFor = 'head';
    } else if (this.isDraining) {
      if (this.waitsFor !== 'drained') wheel.arm(this, DRAINED_IDLE_MS);
      this.waitsFor = 'drained';
    } else if (this.isIdle) {
      wheel.arm(this, timeouts.idle_ms);
      this.waitsFor = 'request';
    } else {
      wheel.disarm(this);
      this.waitsFor = 'nothing';
    }
  }

  private get isWithinHead(): boolean {
    return !this.hasSettings || this.streams.blockOf !== 0 || this.reader.isWithinHead;
  }

  onDeadline(): void {
    if (this.isLeaving && this.isIdle) {
      // Slow as it is, it gets what was written.
      if (!this.isBroken && this.farewell.isStillTaking()) {
        this.wheel.arm(this, this.settings.timeouts.send_ms);
        return;
      }
      disown(this.socket, false);
    } else if (this.isWithinHead) {
      this.onAbuse('slow_head');
      this.error(h2.NO_ERROR);
      return;
    } else if (this.isDraining || this.isIdle) {
      this.sayGoodbye();
      if (this.isIdle) this.leave();
      return;
    } else return;
    this.closed();
  }

  /** Lets the connection end without losing a request: what is open is answered, and what is on its way still counts. */
  drain(): void {
    if (this.isDraining || this.isClosed) return;
    this.isDraining = true;
    // §6.8: the first GOAWAY announces, the second one, after a while, says which streams were seen.
    this.writer.numbers(kindOf(h2.GOAWAY, 0), 0, LAST_STREAM, h2.NO_ERROR);
    this.setDeadline();
  }

  private sayGoodbye(): void {
    if (this.isLeaving) return;
    this.isLeaving = true;
    this.writer.numbers(kindOf(h2.GOAWAY, 0), 0, this.streams.answered, h2.NO_ERROR);
  }

  /** Nothing is open any more: sees the client off, so that it gets what was written. */
  private leave(): void {
    if (this.isClosed) return;
    this.writer.flush();
    this.farewell.begin();
    this.wheel.arm(this, this.settings.timeouts.linger_ms);
  }

  protected error(code: number): void {
    if (this.isClosed || (this.isLeaving && this.isIdle)) return;
    this.isLeaving = this.isBroken = true;
    this.writer.numbers(kindOf(h2.GOAWAY, 0), 0, this.streams.answered, code);
    this.streams.endAll();
    this.leave();
  }

  cutOff(): void {
    disown(this.socket, true);
    this.onGone();
  }

  protected onEnd(): void {
    // Half-closed: the client asks for nothing more, and still gets its answers (§5.4.1 wants no more than that).
    if (!this.isIdle) {
      // First: what ends by that may be all there was.
      this.sayGoodbye();
      this.streams.endReceiving();
    } else if (this.writer.length === 0 && !hasUnsent(this.socket)) {
      disown(this.socket, false);
      this.closed();
    } else if (!this.isLeaving) {
      this.sayGoodbye();
      this.leave();
    }
  }

  onGone(): void {
    this.closed();
  }

  onException(error: unknown): void {
    this.settings.handler.onException(error);
    this.closed();
  }

  private closed(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.wheel.remove(this);
    this.writer.stop();
    this.streams.endAll();
    this.letGo();
    this.settings.handler.onConnectionClosed(this);
  }
}
