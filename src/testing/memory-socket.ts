/** Two ends of a connection that is in memory: what the gateway uses of `net.Socket`, without a kernel. */
import { EventEmitter } from 'node:events';
import type net from 'node:net';
import type { Wire } from './wire.ts';

/** What the two kernels of a real connection hold of one direction, before its writer has to wait. */
const WINDOW_BYTES = 65_536;
/** What one read gives at most. */
const READ_BYTES = 65_536;

/** One for all: a stack of its own would tell nothing, and cost more than the connection. */
const RESET = Object.freeze(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' }));

export interface Ends {
  readonly address: string;
  readonly port: number;
}

export class MemorySocket extends EventEmitter {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localPort: number;
  connecting = false;
  destroyed = false;
  private readonly wire: Wire;
  private peer: MemorySocket | null = null;
  /** Came, and was not read yet. */
  private inbox: Buffer[] = [];
  private inboxBytes = 0;
  private isPaused = false;
  private isBehind = false;
  private hasEnded = false;
  private hasPeerEnded = false;
  private isEndTold = false;
  private isReset = false;

  private constructor(wire: Wire, remote: Ends, localPort: number) {
    super();
    this.wire = wire;
    this.remoteAddress = remote.address;
    this.remotePort = remote.port;
    this.localPort = localPort;
  }

  /** A connection from `client` to `server`. Its first end is the client's; it connects when `connected` is called. */
  static pair(wire: Wire, client: Ends, server: Ends): [MemorySocket, MemorySocket] {
    const near = new MemorySocket(wire, server, client.port);
    const far = new MemorySocket(wire, client, server.port);
    near.peer = far;
    far.peer = near;
    near.connecting = true;
    return [near, far];
  }

  asSocket(): net.Socket {
    return this as unknown as net.Socket;
  }

  /** To be called on the client's end: the connection is made. What was written before goes out. */
  connected(): void {
    if (this.destroyed || !this.connecting) return;
    this.connecting = false;
    this.emit('connect');
    this.peer?.wake();
  }

  /** Bytes that were written and that the other end's window has no room for. */
  get writableLength(): number {
    const waiting = this.peer?.inboxBytes ?? 0;
    return this.connecting ? waiting : Math.max(0, waiting - WINDOW_BYTES);
  }

  get writableNeedDrain(): boolean {
    return !this.connecting && this.writableLength > 0;
  }

  write(data: string | Uint8Array, encodingOrDone?: BufferEncoding | (() => void), done?: () => void): boolean {
    const onTaken = typeof encodingOrDone === 'function' ? encodingOrDone : done;
    // The caller uses its memory again at once.
    const bytes =
      typeof data === 'string'
        ? Buffer.from(data, typeof encodingOrDone === 'string' ? encodingOrDone : 'utf8')
        : Buffer.from(data);
    if (!this.destroyed && !this.hasEnded) this.peer?.arrive(bytes);
    if (onTaken !== undefined) this.wire.post(onTaken);
    this.isBehind ||= this.writableLength > 0;
    return !this.isBehind;
  }

  end(data?: string | Uint8Array): this {
    if (data !== undefined) this.write(data);
    if (!this.hasEnded) {
      this.hasEnded = true;
      this.peer?.endArrives();
    }
    return this;
  }

  pause(): this {
    this.isPaused = true;
    return this;
  }

  resume(): this {
    this.isPaused = false;
    this.wake();
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  /** Idleness of a connection has no meaning where it costs nothing: whoever opened it closes it. */
  setTimeout(): this {
    return this;
  }

  /** @param error the connection could not be made, or broke */
  destroy(error?: Error): this {
    if (this.destroyed) return this;
    // As a kernel does it: what was sent and never read is answered by a reset.
    const isUnread = this.inboxBytes > 0;
    this.close(error ?? null);
    if (isUnread) this.peer?.resetArrives();
    else if (!this.hasEnded) this.peer?.endArrives();
    return this;
  }

  resetAndDestroy(): this {
    if (this.destroyed) return this;
    this.close(null);
    this.peer?.resetArrives();
    return this;
  }

  private close(error: Error | null): void {
    this.destroyed = true;
    this.connecting = false;
    this.inbox = [];
    this.inboxBytes = 0;
    this.wire.post(() => {
      if (error !== null && this.listenerCount('error') > 0) this.emit('error', error);
      this.emit('close');
    });
  }

  // What comes from the other end.

  private arrive(bytes: Buffer): void {
    if (this.destroyed) return;
    this.inbox.push(bytes);
    this.inboxBytes += bytes.length;
    this.wake();
  }

  private endArrives(): void {
    this.hasPeerEnded = true;
    this.wake();
  }

  private resetArrives(): void {
    this.isReset = true;
    this.wake();
  }

  private wake(): void {
    this.wire.post(() => this.deliver());
  }

  private deliver(): void {
    if (this.peer?.connecting === true) return;
    while (!this.isPaused && !this.destroyed) {
      const first = this.inbox.shift();
      if (first === undefined) break;
      const piece = first.subarray(0, READ_BYTES);
      if (first.length > READ_BYTES) this.inbox.unshift(first.subarray(READ_BYTES));
      this.inboxBytes -= piece.length;
      this.peer?.caughtUp();
      this.emit('data', piece);
    }
    if (this.destroyed || this.inbox.length > 0) return;
    // A reset is noticed even where nobody reads.
    if (this.isReset) this.close(RESET);
    else if (this.hasPeerEnded && !this.isPaused && !this.isEndTold) {
      this.isEndTold = true;
      this.emit('end');
    }
  }

  /** The other end read something. */
  private caughtUp(): void {
    if (!this.isBehind || this.writableLength > 0) return;
    this.isBehind = false;
    this.wire.post(() => {
      if (!this.destroyed) this.emit('drain');
    });
  }
}
