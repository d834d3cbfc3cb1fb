import type net from 'node:net';

/** Whether a client's socket is read, and why not: its body is ahead of the upstream, or its requests of their answers. */
export class Inflow {
  private readonly socket: net.Socket;
  isBodyPaused = false;
  private isAheadFull = false;

  constructor(socket: net.Socket) {
    this.socket = socket;
  }

  pauseBody(): void {
    this.isBodyPaused = true;
    this.socket.pause();
  }

  pauseRequests(): void {
    if (this.isAheadFull) return;
    this.isAheadFull = true;
    this.socket.pause();
  }

  resume(): void {
    if (!this.isAheadFull && !this.isBodyPaused) return;
    this.isAheadFull = this.isBodyPaused = false;
    this.socket.resume();
  }
}
