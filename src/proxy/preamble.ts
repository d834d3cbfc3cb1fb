/** A connection of a peer that is to say by the PROXY protocol whose connection it is, until it has. */
import type net from 'node:net';
import { TimedEntry, type TimerWheel } from '../clock/timer-wheel.ts';
import { disown, type OwnedSocket, type SocketOwner } from '../http1/owned-socket.ts';
import { DRAINED_IDLE_MS } from '../http1/server-settings.ts';
import { own } from '../http1/sockets.ts';
import { type ProxyHeader, readProxyHeader } from '../proxy-protocol/header.ts';

export interface PreambleSink {
  /** Makes the owner that the socket gets. */
  onHeader(header: ProxyHeader): SocketOwner;
  /** The connection ended without one. @param reason '' if the peer ended it before it said anything */
  onEnded(preamble: Preamble, reason: string): void;
}

export class Preamble extends TimedEntry implements SocketOwner {
  private readonly socket: OwnedSocket;
  private readonly wheel: TimerWheel;
  private readonly sink: PreambleSink;
  private held: Buffer | null = null;
  private isDraining = false;
  private isOver = false;

  /** @param wait_ms how long the peer may take to say it */
  constructor(
    socket: net.Socket,
    timing: { readonly wheel: TimerWheel; readonly wait_ms: number },
    sink: PreambleSink,
  ) {
    super();
    this.socket = own(socket, this);
    this.wheel = timing.wheel;
    this.sink = sink;
    timing.wheel.arm(this, timing.wait_ms);
  }

  onBytes(bytes: Buffer, start: number, end: number): void {
    const more = bytes.subarray(start, end);
    const all = this.held === null ? more : Buffer.concat([this.held, more]);
    const header = readProxyHeader(all);
    if (header === 'incomplete') {
      this.held = this.held === null ? Buffer.from(all) : all;
      return;
    }
    if (typeof header === 'string') return this.refuse(header);
    this.isOver = true;
    this.wheel.remove(this);
    const owner = this.sink.onHeader(header);
    if (header.length < all.length) owner.onBytes(all, header.length, all.length);
  }

  onPeerEnd(): void {
    this.refuse(this.held === null ? '' : 'the connection ended within the PROXY header');
  }

  onBehind(): void {}

  onWritable(): void {}

  onGone(): void {
    this.ended('');
  }

  onException(): void {
    this.ended('');
  }

  onDeadline(): void {
    this.refuse(this.isDraining ? '' : 'the PROXY header took too long');
  }

  /** What was accepted at the last moment has its header on the way. */
  drain(): void {
    this.isDraining = true;
    this.wheel.arm(this, DRAINED_IDLE_MS);
  }

  cutOff(): void {
    this.refuse('');
  }

  private refuse(reason: string): void {
    disown(this.socket, false);
    this.ended(reason);
  }

  private ended(reason: string): void {
    if (this.isOver) return;
    this.isOver = true;
    this.wheel.remove(this);
    this.sink.onEnded(this, reason);
  }
}
