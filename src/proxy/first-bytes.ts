/** A connection of which it is not known yet what it speaks: HTTP/2 by prior knowledge (RFC 9113 §3.3), or HTTP/1. */
import type net from 'node:net';
import { TimedEntry, type TimerWheel } from '../clock/timer-wheel.ts';
import { disown, type OwnedSocket, type SocketOwner } from '../http1/owned-socket.ts';
import { DRAINED_IDLE_MS } from '../http1/server-settings.ts';
import { own } from '../http1/sockets.ts';
import { PREFACE } from '../http2/protocol.ts';

export class FirstBytes extends TimedEntry implements SocketOwner {
  private readonly socket: OwnedSocket;
  private readonly wheel: TimerWheel;
  private readonly onKnown: (isHttp2: boolean) => SocketOwner;
  private readonly onEnded: (first: FirstBytes) => void;
  /** How much of the preface has come. */
  private seen = 0;
  private isOver = false;

  /**
   * @param wait_ms how long the client may take to say what it speaks
   * @param onKnown makes the owner that the socket gets
   * @param onEnded the connection ended before it was known
   */
  constructor(
    socket: net.Socket,
    timing: { readonly wheel: TimerWheel; readonly wait_ms: number },
    onKnown: (isHttp2: boolean) => SocketOwner,
    onEnded: (first: FirstBytes) => void,
  ) {
    super();
    this.socket = own(socket, this);
    this.wheel = timing.wheel;
    this.onKnown = onKnown;
    this.onEnded = onEnded;
    timing.wheel.arm(this, timing.wait_ms);
  }

  onBytes(bytes: Buffer, start: number, end: number): void {
    const before = this.seen;
    let at = start;
    while (at < end && this.seen < PREFACE.length && bytes[at] === PREFACE.charCodeAt(this.seen)) {
      at++;
      this.seen++;
    }
    const isPreface = this.seen === PREFACE.length;
    // All that came so far is the begin of the preface: "PR" may still become a method of HTTP/1.
    if (!isPreface && at === end) return;
    this.isOver = true;
    this.wheel.remove(this);
    const owner = this.onKnown(isPreface);
    if (before > 0) {
      const kept = Buffer.from(PREFACE.slice(0, before), 'latin1');
      owner.onBytes(kept, 0, kept.length);
    }
    owner.onBytes(bytes, start, end);
  }

  onPeerEnd(): void {
    this.cutOff();
  }

  onBehind(): void {}

  onWritable(): void {}

  onGone(): void {
    this.ended();
  }

  onException(): void {
    this.ended();
  }

  onDeadline(): void {
    this.cutOff();
  }

  /** Who has asked for nothing yet may be about to: as an idle connection, it gets a moment for that. */
  drain(): void {
    this.wheel.arm(this, DRAINED_IDLE_MS);
  }

  cutOff(): void {
    disown(this.socket, false);
    this.ended();
  }

  private ended(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.wheel.remove(this);
    this.onEnded(this);
  }
}
