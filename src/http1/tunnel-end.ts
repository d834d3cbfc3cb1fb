/** One end of a tunnel, whatever carries it: a connection of HTTP/1.1 that left HTTP, or a stream of HTTP/2. */
import type { TimerWheel } from '../clock/timer-wheel.ts';
import { disown, endWriting, hasUnsent, type OwnedSocket, writeQueued } from './owned-socket.ts';
import { Stall } from './stall.ts';
import { writeMessage } from './writer.ts';

export interface TunnelEnd {
  /** Whether anything that was written has not been taken. */
  readonly isOwing: boolean;
  /** Whether the peer's end came before the tunnel was there. */
  readonly hasEnded: boolean;
  /** @returns false if the peer is behind: its side's `onWritable` follows */
  write(text: string, bytes: Uint8Array, start: number, end: number): boolean;
  /** Watches, from now on to `onWritable`, whether the peer takes anything. */
  watch(onStalled: () => void): void;
  unwatch(): void;
  pause(): void;
  resume(): void;
  /** Nothing more is written; what was written goes out. */
  end(): void;
  /** Ends both directions; no event follows. @param reset so that what was sent cannot be taken for complete */
  cut(reset: boolean): void;
}

export class SocketEnd implements TunnelEnd {
  private readonly socket: OwnedSocket;
  private readonly wheel: TimerWheel;
  private readonly send_ms: number;
  private stall: Stall | null = null;

  constructor(socket: OwnedSocket, { wheel, send_ms }: { readonly wheel: TimerWheel; readonly send_ms: number }) {
    this.socket = socket;
    this.wheel = wheel;
    this.send_ms = send_ms;
    socket.setNoDelay(true);
  }

  get isOwing(): boolean {
    return hasUnsent(this.socket);
  }

  get hasEnded(): boolean {
    return this.socket.readableEnded;
  }

  write(text: string, bytes: Uint8Array, start: number, end: number): boolean {
    return writeMessage(this.socket, text, bytes, start, end);
  }

  watch(onStalled: () => void): void {
    this.stall ??= new Stall(this.socket, this.wheel, onStalled);
    this.stall.start(this.send_ms);
  }

  unwatch(): void {
    this.stall?.stop();
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  end(): void {
    writeQueued(this.socket);
    endWriting(this.socket);
  }

  cut(reset: boolean): void {
    this.unwatch();
    disown(this.socket, reset);
  }
}
