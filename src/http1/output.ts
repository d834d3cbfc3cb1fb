import type { TimerWheel } from '../clock/timer-wheel.ts';
import type { OwnedSocket } from './owned-socket.ts';
import { Stall } from './stall.ts';
import { NO_BYTES, writeMessage } from './writer.ts';

/** The writing half of a client's connection: keeps account of whether the client takes what it gets. */
export class Output {
  private readonly socket: OwnedSocket;
  private readonly wheel: TimerWheel;
  private readonly send_ms: number;
  private readonly onStalled: () => void;
  private stall: Stall | null = null;
  private writes = 0;

  /** The client has not taken what was written. */
  isBehind = false;

  /** @param onStalled the client took nothing for `send_ms` */
  constructor(socket: OwnedSocket, wheel: TimerWheel, send_ms: number, onStalled: () => void) {
    this.socket = socket;
    this.wheel = wheel;
    this.send_ms = send_ms;
    this.onStalled = onStalled;
  }

  /** @returns false if the client is behind */
  write(text: string, bytes: Uint8Array = NO_BYTES, start = 0, end = 0): boolean {
    // Nagle's algorithm holds back second writes only: a connection that serves one request is spared the call.
    if (this.writes < 2 && ++this.writes === 2) this.socket.setNoDelay(true);
    if (writeMessage(this.socket, text, bytes, start, end)) return true;
    this.fallBehind();
    return false;
  }

  /** The client did not take what was written. */
  fallBehind(): void {
    this.isBehind = true;
    this.stall ??= new Stall(this.socket, this.wheel, this.onStalled);
    this.stall.start(this.send_ms);
  }

  /** The client took everything. */
  caughtUp(): void {
    this.stop();
    this.isBehind = false;
  }

  /** Waits for the client no longer. */
  stop(): void {
    this.stall?.stop();
  }
}
