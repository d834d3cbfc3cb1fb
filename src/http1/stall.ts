import type net from 'node:net';
import { TimedEntry, type TimerWheel } from '../clock/timer-wheel.ts';

/** The deadline of a peer that does not take what was written to it. Any progress starts it anew. */
export class Stall extends TimedEntry {
  private readonly socket: net.Socket;
  private readonly wheel: TimerWheel;
  private send_ms = 0;
  private readonly onStalled: () => void;
  private waiting = 0;

  constructor(socket: net.Socket, wheel: TimerWheel, onStalled: () => void) {
    super();
    this.socket = socket;
    this.wheel = wheel;
    this.onStalled = onStalled;
  }

  /** @param send_ms how long the peer may take nothing: the exchanges of one connection differ in it */
  start(send_ms: number): void {
    this.send_ms = send_ms;
    this.waiting = bytesWaiting(this.socket);
    this.wheel.arm(this, this.send_ms);
  }

  stop(): void {
    this.wheel.remove(this);
  }

  onDeadline(): void {
    const waiting = bytesWaiting(this.socket);
    if (waiting === this.waiting) this.onStalled();
    else this.start(this.send_ms);
  }
}

/**
 * Bytes that the kernel has not taken. Within one write the public count stands still until all of it is taken; a
 * client that reads 1 KB a second is slow, not stalled, and only the handle's own count shows that.
 */
export function bytesWaiting(socket: net.Socket): number {
  const handle = (socket as unknown as { _handle: { writeQueueSize?: number } | null })._handle;
  return handle?.writeQueueSize ?? socket.writableLength;
}
