/** Two ends of a connection within this process: what a gateway takes for a client's socket, and the client's end of it. */
import { Duplex } from 'node:stream';

/** Where the client is said to be. */
export interface ClientAddress {
  readonly remoteAddress: string;
  readonly remotePort: number;
}

export class PairedSocket extends Duplex {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly connecting = false;
  private other: PairedSocket | null = null;
  /** Of the other end's last write, which is over once it is read here. */
  private onRead: (() => void) | null = null;

  private constructor({ remoteAddress, remotePort }: ClientAddress) {
    super({ allowHalfOpen: true, emitClose: true });
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
  }

  static pair(client: ClientAddress): readonly [client: PairedSocket, gateway: PairedSocket] {
    const near = new PairedSocket(client);
    const far = new PairedSocket(client);
    near.other = far;
    far.other = near;
    return [near, far];
  }

  override _read(): void {
    const { onRead } = this;
    this.onRead = null;
    onRead?.();
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const { other } = this;
    if (other === null || other.destroyed) return done(reset());
    if (chunk.length === 0) return done();
    other.onRead = done;
    // A copy: who writes may use the memory again as soon as it is told that all was taken.
    other.push(Buffer.from(chunk));
  }

  override _final(done: (error?: Error | null) => void): void {
    this.other?.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const { other, onRead } = this;
    this.other = null;
    this.onRead = null;
    onRead?.();
    if (other !== null && !other.destroyed) process.nextTick(() => other.onGone(!this.writableFinished));
    done(error);
  }

  /** @param isEarly what comes from there is not complete */
  private onGone(isEarly: boolean): void {
    if (this.destroyed) return;
    if (isEarly && !this.readableEnded) this.destroy(reset());
    else if (this.readableEnded || this.readableLength === 0) this.destroy();
  }

  // What connections ask of a socket besides.

  resetAndDestroy(): this {
    return this.destroy();
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  setTimeout(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}

function reset(): Error {
  return Object.assign(new Error('the other end is gone'), { code: 'ECONNRESET' });
}
