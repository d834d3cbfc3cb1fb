/** A connection over TLS that is being made, whose node chooses the protocol (RFC 7301), and the requests that wait for it. */
import type { TLSSocket } from 'node:tls';
import { TimedEntry, type TimerWheel } from '../clock/timer-wheel.ts';
import type { ClientTimeouts, Dialer, ResponseFault } from '../http1/client-settings.ts';
import { confine, disown, type OwnedSocket } from '../http1/owned-socket.ts';
import { type OutgoingOwner, own } from '../http1/sockets.ts';
import type { Awaited, AwaitingStream } from './awaiting-stream.ts';

/** Who wants the connection. */
export interface NegotiationOwner {
  /** It is there; to be taken over within the call. */
  onChosen(negotiation: Negotiation, isHttp2: boolean): void;
  /** Nothing comes of it; called before those who wait hear of it. */
  onOver(negotiation: Negotiation): void;
  onException(error: unknown): void;
}

export class Negotiation extends TimedEntry implements OutgoingOwner, Awaited {
  private readonly dialer: Dialer;
  private readonly owner: NegotiationOwner;
  private readonly wheel: TimerWheel;
  private readonly socket: OwnedSocket;
  readonly timeouts: ClientTimeouts;
  private readonly streams = new Set<AwaitingStream>();
  private isOver = false;

  constructor(dialer: Dialer, owner: NegotiationOwner, wheel: TimerWheel, timeouts: ClientTimeouts) {
    super();
    this.dialer = dialer;
    this.owner = owner;
    this.wheel = wheel;
    this.timeouts = timeouts;
    this.socket = dialer.dial(this);
    this.socket.once('secureConnect', () => this.onReady());
    wheel.arm(this, timeouts.connect_ms);
  }

  /** Requests that wait. */
  get count(): number {
    return this.streams.size;
  }

  add(stream: AwaitingStream): void {
    stream.awaited = this;
    this.streams.add(stream);
  }

  /** Without anybody who waits for it, the connection is not made. */
  leave(stream: AwaitingStream): void {
    this.streams.delete(stream);
    if (this.streams.size > 0 || this.isOver) return;
    disown(this.socket, false);
    this.end();
  }

  /** Those who wait, in the order in which they came. */
  takeStreams(): AwaitingStream[] {
    const streams = [...this.streams];
    this.streams.clear();
    return streams;
  }

  /** Gives the connection to whoever `dial`s. */
  get made(): Dialer {
    const { socket, dialer } = this;
    return {
      readyEvent: null,
      dial: (owner) => own(socket, owner),
      failed: (of, error, isReady) => dialer.failed(of, error, isReady),
    };
  }

  private onReady(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.wheel.remove(this);
    const { socket } = this;
    try {
      this.owner.onChosen(this, (socket as unknown as TLSSocket).alpnProtocol === 'h2');
    } catch (error) {
      confine(socket, socket.owner, error);
    }
  }

  private end(): void {
    this.isOver = true;
    this.wheel.remove(this);
    this.owner.onOver(this);
  }

  private fail(fault: ResponseFault): void {
    if (this.isOver) return;
    this.end();
    for (const stream of this.takeStreams()) stream.fail(fault);
  }

  // Events of the socket and of the wheel. Before the handshake is over there is nothing to be read or written.

  onBytes(): void {}

  /** Within a handshake it is followed by what says so. */
  onPeerEnd(): void {}

  onBehind(): void {}

  onWritable(): void {}

  onSendError(): boolean {
    return false;
  }

  onGone(error: Error | null): void {
    if (!this.isOver) this.fail(this.dialer.failed(this.socket, error, false));
  }

  onException(error: unknown): void {
    this.owner.onException(error);
    this.fail('reset');
  }

  onDeadline(): void {
    disown(this.socket, false);
    this.fail('connect_timeout');
  }
}
