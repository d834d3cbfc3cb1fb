/** A node of an upstream that speaks TLS, and what it saw. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type net from 'node:net';
import tls from 'node:tls';
import type { TestContext } from 'node:test';

export interface SecuredConnection {
  readonly name: string;
  readonly isResumed: boolean;
  /** Common name of the client's certificate; '' for none. */
  readonly client: string;
  readonly alpn: string;
  readonly protocol: string;
  /** Paths asked for. */
  readonly paths: string[];
  readonly socket: tls.TLSSocket;
}

/**
 * Answers with what it was sent: `/bytes/N` with N bytes, everything else with the SHA-256 of the body. An upgrade gets a
 * 101 and its bytes back.
 */
export class SecuredNode {
  readonly connections: SecuredConnection[] = [];
  /** Of handshakes that came to nothing. */
  readonly errors: string[] = [];
  /** TCP connections. */
  accepted = 0;
  private readonly bySocket = new WeakMap<net.Socket, SecuredConnection>();
  readonly server: tls.Server;

  static async start(t: TestContext, options: tls.TlsOptions): Promise<SecuredNode> {
    const node = new SecuredNode(options);
    await once(node.server.listen(0, '127.0.0.1'), 'listening');
    t.after(() => node.close());
    return node;
  }

  private constructor(options: tls.TlsOptions) {
    const inner = http.createServer((request, response) => this.answer(request, response));
    inner.keepAliveTimeout = 60_000;
    inner.on('upgrade', (request: http.IncomingMessage, socket: tls.TLSSocket) => {
      this.bySocket.get(socket)?.paths.push(request.url ?? '');
      const accept = createHash('sha1')
        .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
        .digest('base64');
      const head = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n';
      socket.write(`${head}Sec-WebSocket-Accept: ${accept}\r\n\r\n`);
      socket.on('error', () => undefined).pipe(socket);
    });
    this.server = tls.createServer({ ALPNProtocols: ['http/1.1'], ...options });
    this.server.on('connection', () => this.accepted++);
    this.server.on('tlsClientError', (error) => this.errors.push(error.message));
    this.server.on('secureConnection', (socket) => {
      const connection: SecuredConnection = {
        name: typeof socket.servername === 'string' ? socket.servername : '',
        isResumed: socket.isSessionReused(),
        client: String(socket.getPeerCertificate().subject?.CN ?? ''),
        alpn: String(socket.alpnProtocol),
        protocol: socket.getProtocol() ?? '',
        paths: [],
        socket,
      };
      this.bySocket.set(socket, connection);
      this.connections.push(connection);
      socket.on('error', () => undefined);
      inner.emit('connection', socket);
    });
  }

  get port(): number {
    return (this.server.address() as net.AddressInfo).port;
  }

  get authority(): string {
    return `127.0.0.1:${this.port}`;
  }

  private answer(request: http.IncomingMessage, response: http.ServerResponse): void {
    const { url = '' } = request;
    this.bySocket.get(request.socket)?.paths.push(url);
    const [, count] = /^\/bytes\/(\d+)$/.exec(url) ?? [];
    if (url === '/early') {
      // Answers before the body, and closes without reading it.
      response.writeHead(413, { 'Content-Length': 5, Connection: 'close' }).end('large');
      return;
    }
    if (count !== undefined) {
      response.writeHead(200, { 'Content-Length': count });
      let left = Number(count);
      const more = (): void => {
        while (left > 0) {
          const piece = Buffer.alloc(Math.min(left, 50_000), 97);
          left -= piece.length;
          if (!response.write(piece)) return void response.once('drain', more);
        }
        response.end();
      };
      more();
      return;
    }
    const digest = createHash('sha256');
    let length = 0;
    request.on('data', (bytes: Buffer) => {
      digest.update(bytes);
      length += bytes.length;
    });
    request.on('end', () => response.end(`${length} ${digest.digest('hex')} ${request.headers.host}`));
  }

  /** Ends idle connections, as a restart does; what comes is served. */
  drop(): void {
    for (const { socket } of this.connections) socket.destroy();
  }

  private close(): void {
    this.drop();
    this.server.close();
  }
}
