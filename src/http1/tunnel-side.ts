import { FrameMeter } from './frame-meter.ts';
import type { OwnedSocket } from './owned-socket.ts';
import { type OutgoingOwner, own } from './sockets.ts';
import { SocketEnd, type TunnelEnd } from './tunnel-end.ts';
import type { Tunnel } from './tunnel.ts';

/** One of the two peers of a tunnel. */
export class TunnelSide implements OutgoingOwner {
  private readonly tunnel: Tunnel;
  private readonly lossCode: 'client_closed' | 'upstream_reset';
  declare end: TunnelEnd;
  declare other: TunnelSide;
  /** Of what this side sends. */
  private readonly frames = new FrameMeter();
  /** Bytes that came of it. */
  received = 0;
  private hasEnded = false;
  /** Nothing more is written to it. */
  private isShut = false;
  private hasBye = false;
  isGone = false;

  /** @param lossCode what the tunnel's outcome is where this side breaks */
  constructor(tunnel: Tunnel, lossCode: 'client_closed' | 'upstream_reset') {
    this.tunnel = tunnel;
    this.lossCode = lossCode;
  }

  /** Becomes the owner of a connection. */
  takeOver(socket: OwnedSocket): TunnelEnd {
    return new SocketEnd(own(socket, this), this.tunnel.settings);
  }

  /** Whether it has not taken all that was written to it. */
  get isOwing(): boolean {
    return !this.isGone && this.end.isOwing;
  }

  /** Passes on what came with the handshake, behind the text. */
  passFirst(text: string, bytes: Buffer): void {
    this.received += bytes.length;
    this.frames.scan(bytes, 0, bytes.length);
    this.other.take(text, bytes, 0, bytes.length);
  }

  onBytes(bytes: Buffer, start: number, end: number): void {
    const { other, frames, tunnel } = this;
    this.received += end - start;
    tunnel.touch();
    if (other.hasBye) {
      // Nothing may follow our close frame. The peer's own answers ours, and then its connection can end.
      frames.scan(bytes, start, end);
      if (frames.hasClosed && this.hasBye) this.shut();
    } else if (!tunnel.isLeaving) {
      frames.scan(bytes, start, end);
      other.take('', bytes, start, end);
    } else {
      const stop = frames.advance(bytes, start, end);
      other.take('', bytes, start, stop);
      other.sayBye();
      if (!other.hasBye) other.take('', bytes, stop, end);
      frames.scan(bytes, stop, end);
      if (frames.hasClosed && this.hasBye) this.shut();
    }
  }

  private take(text: string, bytes: Uint8Array, start: number, end: number): void {
    if (this.isShut || this.isGone || (text === '' && start === end)) return;
    if (!this.end.write(text, bytes, start, end)) this.onBehind();
  }

  /** Writes a close frame, if none was written and no frame is under way to this side. */
  sayBye(): void {
    const { frames } = this.other;
    if (this.hasBye || frames.hasClosed || !frames.isAtBoundary) return;
    this.hasBye = true;
    const { client, settings, closeCode } = this.tunnel;
    const code = [closeCode >> 8, closeCode & 255] as const;
    let frame = Buffer.from([0x88, 0x02, ...code]);
    if (this !== client) {
      const mask = Array.from({ length: 4 }, () => Math.floor(settings.random() * 256));
      frame = Buffer.from([0x88, 0x82, ...mask, code[0] ^ (mask[0] ?? 0), code[1] ^ (mask[1] ?? 0)]);
    }
    this.take('', frame, 0, frame.length);
  }

  /** Writes no more to this side; what was written goes out. */
  private shut(): void {
    if (this.isShut || this.isGone) return;
    this.isShut = true;
    this.end.end();
  }

  /** Ends the connection; no event follows. */
  cut(reset: boolean): void {
    if (this.isGone) return;
    this.isGone = true;
    this.end.cut(reset);
  }

  onPeerEnd(): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.tunnel.touch();
    this.other.shut();
    // Who ended and was told to end needs nothing more of us.
    if (this.tunnel.isLeaving) this.shut();
  }

  onBehind(): void {
    this.other.end.pause();
    this.end.watch(() => this.tunnel.end('tunnel_stalled', true));
  }

  onWritable(): void {
    this.end.unwatch();
    if (!this.other.isGone) this.other.end.resume();
  }

  /** What it sent before it stopped taking is still to be read. */
  onSendError(): boolean {
    if (this.hasEnded) return false;
    this.isShut = true;
    this.onWritable();
    return true;
  }

  onGone(): void {
    if (this.isGone) return;
    this.isGone = true;
    this.end.unwatch();
    const { other, tunnel } = this;
    if (!this.hasEnded && !other.isGone) {
      // It broke: the other one must not take what came for all there was, unless the peers were through with each other.
      const isThrough = this.frames.hasClosed && other.frames.hasClosed;
      tunnel.end(tunnel.outcome !== '' || isThrough ? tunnel.outcome : this.lossCode, !isThrough && !tunnel.isLeaving);
      return;
    }
    if (!other.isGone) {
      // What is written goes out; what still comes has nowhere to go.
      other.end.resume();
      tunnel.awaitEnd();
    }
    tunnel.checkOver();
  }

  onException(error: unknown): void {
    this.isGone = true;
    this.end.unwatch();
    this.tunnel.settings.onFault(error);
    this.tunnel.end('internal', true);
    this.tunnel.checkOver();
  }
}
