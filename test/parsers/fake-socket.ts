import { EventEmitter } from 'node:events';
import type net from 'node:net';
import { type OwnedSocket, writeQueued } from '../../src/http1/owned-socket.ts';

/** What connections use of a net.Socket, without a kernel: what is written is taken at once and kept. */
export class FakeSocket extends EventEmitter {
  readonly remoteAddress = '192.0.2.1';
  readonly localPort = 80;
  readonly writableLength = 0;
  readonly writableNeedDrain = false;
  readonly connecting = false;
  private taken = '';
  hasEnded = false;
  isDestroyed = false;
  wasReset = false;

  /** Everything that was written, one character per byte; the turn ends for it. */
  get written(): string {
    writeQueued(this as unknown as OwnedSocket);
    return this.taken;
  }

  write(data: string | Uint8Array): boolean {
    if (this.hasEnded || this.isDestroyed) throw new Error('write after the end');
    this.taken += typeof data === 'string' ? data : Buffer.from(data).toString('latin1');
    return true;
  }

  end(): void {
    this.hasEnded = true;
  }

  setNoDelay(): void {}

  pause(): void {}

  resume(): void {}

  destroy(): void {
    this.isDestroyed = true;
  }

  resetAndDestroy(): void {
    this.isDestroyed = this.wasReset = true;
  }

  asSocket(): net.Socket {
    return this as unknown as net.Socket;
  }
}
