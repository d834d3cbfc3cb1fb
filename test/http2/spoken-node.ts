/** A node of Node.js's own servers that speaks what a test says, and notes in which protocol and on which connection it was asked. */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import type net from 'node:net';
import type { TestContext } from 'node:test';
import { PAIR } from '../certificate.ts';

/** `both`: what the client prefers; `clear`: HTTP/2 in the clear; `mute`: TLS without ALPN, HTTP/1.1. */
export type Speech = 'both' | 'h2' | 'http1' | 'mute' | 'clear' | 'plain';

export type NodeRequest = http.IncomingMessage | http2.Http2ServerRequest;
export type NodeResponse = http.ServerResponse | http2.Http2ServerResponse;
export type Serve = (request: NodeRequest, response: NodeResponse) => void;

export interface Asked {
  readonly version: string;
  readonly method: string;
  readonly url: string;
  /** Host, or `:authority`. */
  readonly host: string;
  readonly headers: http.IncomingHttpHeaders;
  /** Which connection of this node, from 1. */
  readonly connection: number;
}

export interface SpokenOptions {
  /** The free one that is found by default. */
  readonly port?: number;
  readonly settings?: http2.Settings;
  /** Further options of TLS. */
  readonly tls?: https.ServerOptions;
  readonly serve?: Serve;
}

type Server = http.Server | https.Server | http2.Http2Server | http2.Http2SecureServer;

const echo: Serve = (request, response) => {
  const pieces: Buffer[] = [];
  request.on('data', (piece: Buffer) => pieces.push(piece));
  request.on('end', () =>
    (response as http.ServerResponse).end(`${request.httpVersion} ${Buffer.concat(pieces).toString()}`),
  );
};

export class SpokenNode {
  readonly asked: Asked[] = [];
  /** Of TLS where that is spoken. */
  connections = 0;
  private readonly sockets = new Set<net.Socket>();
  private readonly numbers = new Map<number, number>();
  private readonly sessions = new Set<http2.Http2Session>();
  private readonly server: Server;

  private constructor(speech: Speech, { settings = {}, tls = {}, serve = echo }: SpokenOptions) {
    const secured = { ...PAIR, ...tls };
    const take = (request: NodeRequest, response: NodeResponse): void => {
      const { httpVersion: version, method = '', url = '', headers, socket } = request;
      const host = String(headers[':authority'] ?? headers.host ?? '');
      this.asked.push({
        version,
        method,
        url,
        host,
        headers,
        connection: this.numbers.get(socket.remotePort ?? 0) ?? 0,
      });
      serve(request, response);
    };
    if (speech === 'both' || speech === 'h2')
      this.server = http2.createSecureServer({ ...secured, allowHTTP1: speech === 'both', settings }, take);
    else if (speech === 'clear') this.server = http2.createServer({ settings }, take);
    else if (speech === 'plain') this.server = http.createServer(take);
    else this.server = https.createServer({ ...secured, ...(speech === 'mute' ? { ALPNProtocols: [] } : {}) }, take);
    const isSecured = speech !== 'clear' && speech !== 'plain';
    this.server.on(isSecured ? 'secureConnection' : 'connection', (socket: net.Socket) => {
      this.numbers.set(socket.remotePort ?? 0, ++this.connections);
      this.sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.sockets.delete(socket));
    });
    this.server.on('session', (session: http2.Http2Session) => {
      this.sessions.add(session);
      session.on('close', () => this.sessions.delete(session));
      session.on('error', () => undefined);
    });
    this.server.on('sessionError', () => undefined);
  }

  static async start(t: TestContext, speech: Speech, options: SpokenOptions = {}): Promise<SpokenNode> {
    const node = new SpokenNode(speech, options);
    node.server.listen(options.port ?? 0, '127.0.0.1');
    await once(node.server, 'listening');
    t.after(() => node.stop());
    return node;
  }

  get port(): number {
    return (this.server.address() as net.AddressInfo).port;
  }

  get versions(): string[] {
    return this.asked.map(({ version }) => version);
  }

  /** Each a number once, in the order in which they were used. */
  get used(): number[] {
    return [...new Set(this.asked.map(({ connection }) => connection))];
  }

  /** Of its part in HTTP/1.1. */
  onUpgrade(take: (request: http.IncomingMessage, socket: net.Socket) => void): void {
    this.server.on('upgrade', (request: http.IncomingMessage, socket: net.Socket) => {
      this.asked.push({
        version: request.httpVersion,
        method: request.method ?? '',
        url: request.url ?? '',
        host: request.headers.host ?? '',
        headers: request.headers,
        connection: this.numbers.get(socket.remotePort ?? 0) ?? 0,
      });
      take(request, socket);
    });
  }

  /** Ends as a server that is restarted does: GOAWAY, what is under way is still answered, no further connection. */
  async drain(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    for (const session of this.sessions) session.close();
    if ('closeIdleConnections' in this.server) this.server.closeIdleConnections();
    await closed;
  }

  stop(): void {
    this.server.close();
    for (const session of this.sessions) session.destroy();
    for (const socket of this.sockets) socket.destroy();
  }
}
