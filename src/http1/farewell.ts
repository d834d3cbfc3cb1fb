import type { TimerWheel } from '../clock/timer-wheel.ts';
import { endWriting, type OwnedSocket } from './owned-socket.ts';
import type { ServerTimeouts } from './server-settings.ts';
import { bytesWaiting } from './stall.ts';

/**
 * The end of a client's connection (RFC 9112 §9.6): our side is closed, and what the client still sends is read and
 * dropped for a bounded time. Closing at once would answer it with a reset, and the client would lose our last answer.
 */
export class Farewell {
  private readonly socket: OwnedSocket;
  private readonly wheel: TimerWheel;
  private readonly timeouts: ServerTimeouts;
  private until_ms = 0;
  private waiting = -1;

  constructor(socket: OwnedSocket, wheel: TimerWheel, timeouts: ServerTimeouts) {
    this.socket = socket;
    this.wheel = wheel;
    this.timeouts = timeouts;
  }

  /** Closes our side. */
  begin(): void {
    this.until_ms = this.wheel.now_ms + this.timeouts.linger_total_ms;
    this.waiting = -1;
    endWriting(this.socket);
  }

  /** Whether the client has been going on for too long. */
  get isOver(): boolean {
    return this.wheel.now_ms > this.until_ms;
  }

  /** Whether the client, slow as it is, has taken anything of what waits for it since the last call. */
  isStillTaking(): boolean {
    const before = this.waiting;
    this.waiting = bytesWaiting(this.socket);
    return this.waiting > 0 && this.waiting !== before;
  }
}
