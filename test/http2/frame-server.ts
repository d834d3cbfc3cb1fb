/** A node that speaks HTTP/2 as a test says, also wrongly, and keeps what it was asked. */
import assert from 'node:assert/strict';
import net from 'node:net';
import tls from 'node:tls';
import { HpackDecoder } from '../../src/http2/hpack-decoder.ts';
import * as h2 from '../../src/http2/protocol.ts';
import { PAIR } from '../certificate.ts';
import { blockOf, type Fields, frame, FramePeer, number32 } from './frame-client.ts';

/** One connection of the gateway's. */
export class NodePeer extends FramePeer {
  private readonly heads = new Map<number, readonly (readonly [name: string, value: string])[][]>();
  private readonly headDecoder = new HpackDecoder(4_096);
  private decoded = 0;

  /** The field sections of a stream: that of its head, and that behind its body. */
  sectionsOf(stream: number): readonly (readonly (readonly [name: string, value: string])[])[] {
    for (; this.decoded < this.frames.length; this.decoded++) {
      const { type, stream: id, payload } = this.frames[this.decoded]!;
      if (type !== h2.HEADERS) continue;
      assert.ok(this.headDecoder.decode(payload, 0, payload.length, { head_bytes: 200_000, fields: 1_000 }));
      const section = this.headDecoder.fields.map(({ name, value }) => [name, value] as const);
      this.heads.set(id, [...(this.heads.get(id) ?? []), section]);
    }
    return this.heads.get(stream) ?? [];
  }

  /** Waits for a request. @returns its fields */
  async request(stream: number): Promise<Readonly<Record<string, string>>> {
    const [head] = await this.until((peer) => {
      const sections = peer.sectionsOf(stream);
      return sections.length > 0 && sections;
    }, `a request in stream ${stream}`);
    return Object.fromEntries(head ?? []);
  }

  /** Waits for a request, and for the end of its body. */
  async wholeRequest(stream: number): Promise<Readonly<Record<string, string>>> {
    const head = await this.request(stream);
    await this.until((peer) => peer.isEnded(stream), `the end of the request in stream ${stream}`);
    return head;
  }

  respond(stream: number, body: string | Buffer, fields: Fields = [[':status', '200']]): void {
    const flags = h2.END_HEADERS | (body.length === 0 ? h2.END_STREAM : 0);
    this.write(frame(h2.HEADERS, flags, stream, blockOf(fields)));
    if (body.length > 0) this.write(frame(h2.DATA, h2.END_STREAM, stream, Buffer.from(body)));
  }

  head(stream: number, fields: Fields, isLast = false): void {
    this.write(frame(h2.HEADERS, h2.END_HEADERS | (isLast ? h2.END_STREAM : 0), stream, blockOf(fields)));
  }

  data(stream: number, bytes: string | Buffer, isLast = false): void {
    this.write(frame(h2.DATA, isLast ? h2.END_STREAM : 0, stream, Buffer.from(bytes)));
  }

  reset(stream: number, code: number): void {
    this.write(frame(h2.RST_STREAM, 0, stream, number32(code)));
  }

  /** Ends the connection at once. */
  cut(): void {
    if (this.socket instanceof tls.TLSSocket) this.socket.destroy();
    else this.socket.resetAndDestroy();
  }

  goaway(last: number, code = 0): void {
    this.write(frame(h2.GOAWAY, 0, 0, Buffer.concat([number32(last), number32(code)])));
  }
}

export class FrameServer {
  readonly peers: NodePeer[] = [];
  private readonly server: net.Server;
  private readonly waiting = new Set<() => void>();

  /** @param settings payload of the SETTINGS that it begins with; null: it says nothing by itself */
  constructor(settings: Uint8Array | null = Buffer.alloc(0), isSecured = false) {
    const options = { allowHalfOpen: true, ...PAIR, ALPNProtocols: ['h2'] };
    this.server = isSecured ? tls.createServer(options) : net.createServer(options);
    this.server.on(isSecured ? 'secureConnection' : 'connection', (socket: net.Socket) => {
      const peer = new NodePeer(socket, h2.PREFACE.length);
      this.peers.push(peer);
      if (settings !== null) peer.write(frame(h2.SETTINGS, 0, 0, settings));
      for (const wake of this.waiting) wake();
      this.waiting.clear();
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
  }

  get port(): number {
    return (this.server.address() as net.AddressInfo).port;
  }

  async peer(index: number): Promise<NodePeer> {
    for (;;) {
      const peer = this.peers[index];
      if (peer !== undefined) return peer;
      await new Promise<void>((resolve) => this.waiting.add(resolve));
    }
  }

  close(): void {
    this.server.close();
    for (const { socket } of this.peers) socket.destroy();
  }
}

/** The payload of SETTINGS. */
export function settingsOf(...settings: readonly (readonly [id: number, value: number])[]): Buffer {
  return Buffer.concat(
    settings.map(([id, value]) => {
      const setting = Buffer.alloc(6);
      setting.writeUInt16BE(id);
      setting.writeUInt32BE(value, 2);
      return setting;
    }),
  );
}
