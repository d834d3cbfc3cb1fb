/** An agent for Node.js's HTTP client whose connections speak HTTP/2; several of its sockets can be streams of one connection. */
import http from 'node:http';
import net from 'node:net';
import { Http1OverHttp2 } from './http1-over-http2.ts';
import { Http2Connection } from './http2-connection.ts';

export interface AgentOptions extends http.AgentOptions {
  /** How many requests share a connection where that is possible. */
  readonly streams?: number;
}

interface Shared {
  readonly connection: Http2Connection;
  readonly clients: Set<Http1OverHttp2>;
}

export class Http2Agent extends http.Agent {
  private readonly streams: number;
  private readonly shared = new Set<Shared>();

  constructor({ streams = 1, ...options }: AgentOptions = {}) {
    super(options);
    this.streams = streams;
  }

  override createConnection(options: http.ClientRequestArgs): net.Socket {
    const port = Number(options.port);
    const { localAddress } = options;
    const client = new Http1OverHttp2({
      port,
      localAddress,
      allowHalfOpen: false,
      ...(this.streams > 1 ? { connectionFor: (client) => this.connectionFor(client, port) } : {}),
    });
    return client as unknown as net.Socket;
  }

  private connectionFor(client: Http1OverHttp2, port: number): Http2Connection {
    let shared = Array.from(this.shared).find(
      ({ connection, clients }) => clients.size < this.streams && !connection.isLeaving && !connection.isClosed,
    );
    shared ??= this.open(port);
    const { clients, connection } = shared;
    clients.add(client);
    client.once('detached', () => {
      clients.delete(client);
      if (clients.size === 0) connection.socket.end();
    });
    return connection;
  }

  private open(port: number): Shared {
    const clients = new Set<Http1OverHttp2>();
    const connection = new Http2Connection(net.connect({ host: '127.0.0.1', port }), {
      onGoaway: () => {
        for (const each of clients) each.onGoaway();
      },
      onClosed: (error) => {
        this.shared.delete(shared);
        for (const each of clients) each.onClosed(error);
      },
    });
    const shared = { connection, clients };
    this.shared.add(shared);
    return shared;
  }
}
