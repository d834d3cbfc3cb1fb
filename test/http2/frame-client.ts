/** A client, and a server, that writes frames as it is told, also wrong ones, and keeps what comes back. */
import assert from 'node:assert/strict';
import net from 'node:net';
import { HpackDecoder } from '../../src/http2/hpack-decoder.ts';
import { FrameReader } from '../../src/http2/frame-reader.ts';
import * as h2 from '../../src/http2/protocol.ts';
import { PATIENCE_MS } from '../traps/raw-connection.ts';
import { blockOf, type Fields, frame, number32 } from './frames.ts';

export { blockOf, type Fields, frame, number32 } from './frames.ts';

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export const GET: Fields = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'a.test'],
];

export const POST: Fields = [[':method', 'POST'], ...GET.slice(1)];

/** Either side of a connection in the hands of a test. */
export class FramePeer {
  readonly socket: net.Socket;
  readonly frames: Frame[] = [];
  isClosed = false;
  protected readonly decoder = new HpackDecoder(4_096);
  private readonly changed = new Set<() => void>();
  /** Whether SETTINGS and PING are acknowledged. */
  private readonly reader = new FrameReader({
    onFrame: ({ type, flags, stream, bytes, start, end }) => {
      this.frames.push({ type, flags, stream, payload: Buffer.from(bytes.subarray(start, end)) });
      return true;
    },
    onOversize: () => assert.fail('a frame larger than was allowed'),
  });

  /** @param preface bytes that come before the first frame */
  constructor(socket: net.Socket, preface = 0) {
    this.socket = socket;
    let left = preface;
    socket.on('data', (bytes: Buffer) => {
      const start = Math.min(left, bytes.length);
      left -= start;
      if (start < bytes.length) this.reader.read(bytes, start, bytes.length);
      while (this.reader.hasMore) this.reader.readOn();
      this.tell();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.isClosed = true;
      this.tell();
    });
    socket.on('end', () => {
      this.isClosed = true;
      this.tell();
    });
  }

  write(...bytes: Uint8Array[]): void {
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(bytes));
  }

  /** Waits until something holds of what came. */
  async until<T>(look: (peer: this) => T | undefined | false, what: string): Promise<T> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const found = look(this);
      if (found !== undefined && found !== false) return found;
      const left = deadline - performance.now();
      if (left <= 0) {
        const seen = this.frames
          .slice(-50)
          .map(({ type, flags, stream }) => `${type}/${flags}/${stream}`)
          .join(' ');
        assert.fail(`${what}: did not come; came: ${seen}, closed: ${this.isClosed}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, Math.min(left, 1_000), this.changed);
        function done(changed: Set<() => void>): void {
          clearTimeout(timer);
          changed.delete(wake);
          resolve();
        }
        const wake = (): void => done(this.changed);
        this.changed.add(wake);
      });
    }
  }

  frame(type: number, stream: number): Promise<Frame> {
    return this.until(
      ({ frames }) => frames.find((each) => each.type === type && each.stream === stream),
      `a frame of type ${type} on stream ${stream}`,
    );
  }

  async resetCode(stream: number): Promise<number> {
    return (await this.frame(h2.RST_STREAM, stream)).payload.readUInt32BE(0);
  }

  /** The code of the GOAWAY that ends the connection. */
  async goodbye(): Promise<number> {
    const code = await this.until(
      ({ frames }) => frames.findLast(({ type }) => type === h2.GOAWAY)?.payload.readUInt32BE(4),
      'GOAWAY',
    );
    await this.closed();
    return code;
  }

  async closed(): Promise<void> {
    await this.until(({ isClosed }) => isClosed, 'the end of the connection');
  }

  /** Content of a stream's DATA frames so far. */
  dataOf(stream: number): Buffer {
    return Buffer.concat(
      this.frames.filter((each) => each.type === h2.DATA && each.stream === stream).map(({ payload }) => payload),
    );
  }

  isEnded(stream: number): boolean {
    return this.frames.some(
      (each) =>
        each.stream === stream &&
        (each.type === h2.DATA || each.type === h2.HEADERS) &&
        (each.flags & h2.END_STREAM) !== 0,
    );
  }

  end(): void {
    this.socket.destroy();
  }

  private tell(): void {
    for (const wake of this.changed) wake();
  }
}

export class FrameClient extends FramePeer {
  /** Connects and says what a client says first. @param place a port, or the path of a UNIX domain socket */
  static async open(place: number | string, settings: Uint8Array = Buffer.alloc(0)): Promise<FrameClient> {
    const client = await FrameClient.connect(place);
    client.write(Buffer.from(h2.PREFACE), frame(h2.SETTINGS, 0, 0, settings));
    return client;
  }

  static async connect(place: number | string): Promise<FrameClient> {
    const socket =
      typeof place === 'string'
        ? net.connect({ path: place, allowHalfOpen: true })
        : net.connect({ port: place, host: '127.0.0.1', noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new FrameClient(socket);
  }

  request(stream: number, fields: Fields = GET, isComplete = true): void {
    const flags = h2.END_HEADERS | (isComplete ? h2.END_STREAM : 0);
    this.write(frame(h2.HEADERS, flags, stream, blockOf(fields)));
  }

  /** The status that a stream was answered with. To be asked in the order of the answers. */
  async status(stream: number): Promise<number> {
    return Number((await this.head(stream))[':status']);
  }

  /** The head that a stream was answered with; likewise. */
  async head(stream: number): Promise<Readonly<Record<string, string>>> {
    const { payload } = await this.frame(h2.HEADERS, stream);
    assert.ok(this.decoder.decode(payload, 0, payload.length, { head_bytes: 100_000, fields: 1_000 }));
    return Object.fromEntries(this.decoder.fields.map(({ name, value }) => [name, value]));
  }
}

/** Reads content as applications do that ask for little at a time: windows are opened by each piece of it. */
export class Taking {
  private seen = 0;
  private left = 0;

  /** Opens both windows for what came since the last call. @param piece bytes at a time */
  giveBack(peer: FramePeer, stream: number, piece: number): void {
    for (; this.seen < peer.frames.length; this.seen++) {
      const { type, stream: id, payload } = peer.frames[this.seen]!;
      if (type === h2.DATA && id === stream) this.left += payload.length;
    }
    const pieces = Math.floor(this.left / piece);
    this.left -= pieces * piece;
    const update = (id: number): Buffer => frame(h2.WINDOW_UPDATE, 0, id, number32(piece));
    if (pieces > 0) peer.write(...Array.from({ length: pieces * 2 }, (_, i) => update(i % 2 === 0 ? 0 : stream)));
  }
}
