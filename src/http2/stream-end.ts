/** The client's end of a tunnel that a stream carries (RFC 8441): END_STREAM is its FIN, RST_STREAM its RST. */
import { ByteQueue } from '../http1/bytes.ts';
import type { TunnelEnd } from '../http1/tunnel-end.ts';
import type { TunnelSide } from '../http1/tunnel-side.ts';
import { CANCEL } from './protocol.ts';
import type { ServerStream } from './server-stream.ts';

export class StreamEnd implements TunnelEnd {
  private readonly stream: ServerStream;
  private side: TunnelSide | null = null;
  /** What the client sent before there was a tunnel: as much as its window allows. */
  private early: ByteQueue | null = null;
  /** Whether the client may send no more than its window allows. */
  isPaused = true;
  hasEnded: boolean;
  private onStall: (() => void) | null = null;

  constructor(stream: ServerStream, hasEnded: boolean) {
    this.stream = stream;
    this.hasEnded = hasEnded;
  }

  get isOpen(): boolean {
    return this.side !== null;
  }

  open(side: TunnelSide): void {
    this.side = side;
    this.isPaused = false;
  }

  /** What came ahead of the tunnel. */
  takeEarly(): Buffer {
    const early = this.early?.take() ?? Buffer.alloc(0);
    this.early = null;
    this.stream.creditTunnel();
    return early;
  }

  // What the stream tells.

  take(bytes: Buffer, isLast: boolean): void {
    const { side } = this;
    if (side === null) {
      if (bytes.length > 0) (this.early ??= new ByteQueue()).append(bytes, 0, bytes.length);
      this.hasEnded ||= isLast;
      return;
    }
    if (bytes.length > 0) side.onBytes(bytes, 0, bytes.length);
    if (!isLast || this.hasEnded) return;
    this.hasEnded = true;
    side.onPeerEnd();
  }

  onWritable(): void {
    this.onStall = null;
    this.side?.onWritable();
  }

  onStalled(): void {
    this.onStall?.();
  }

  /** The stream is over. */
  onGone(): void {
    const { side } = this;
    this.side = null;
    side?.onGone();
  }

  // What the tunnel asks for.

  get isOwing(): boolean {
    return this.stream.waitingBytes > 0;
  }

  write(_text: string, bytes: Uint8Array, start: number, end: number): boolean {
    return this.stream.write(bytes, start, end);
  }

  watch(onStalled: () => void): void {
    this.onStall = onStalled;
  }

  unwatch(): void {
    this.onStall = null;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    this.stream.creditTunnel();
  }

  end(): void {
    this.stream.endTunnel(false);
  }

  cut(reset: boolean): void {
    this.side = null;
    if (reset) this.stream.close(CANCEL);
    else this.stream.endTunnel(true);
  }
}
