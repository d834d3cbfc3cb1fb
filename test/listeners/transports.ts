/**
 * The ways in which a client can reach the same routes: what a suite says of one, it says of all of them. A way is a listener,
 * and how a client connects to it; one more is one more row of the table.
 */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import type { GatewaySettings } from '../../src/config/settings.ts';
import { encodeProxyHeader, type ProxyVersion } from '../../src/proxy-protocol/encode.ts';
import { PAIR } from '../certificate.ts';

/** The name in the certificate of the transports over TLS. */
export const SERVER_NAME = 'a.example';
/** Of whom the PROXY protocol speaks. */
export const PROXIED = { address: '192.0.2.44', port: 50_123 };

export interface Place {
  readonly port: number;
  /** UNIX domain socket. */
  readonly path: string;
}

export interface Ask {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent with its length; a list is sent piece by piece, without. */
  readonly body?: string | readonly string[];
}

export interface Answer {
  readonly status: number;
  /** By lower-case name, without those of one connection. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** One connection of a client, which asks one request after the other. */
export interface Caller {
  ask(ask: Ask): Promise<Answer>;
  close(): void;
}

type Listener = GatewaySettings['http'][number];

export interface Transport {
  readonly name: string;
  readonly scheme: 'http' | 'https';
  /** The client's address, as the gateway is to see it. */
  readonly address: string;
  /** Where it listens: in `gateway.http` or in `gateway.https`. */
  readonly listener: (path: string) => Listener;
  readonly call: (place: Place) => Promise<Caller>;
}

const TCP = { address: '127.0.0.1', port: 0 };
const FROM_LOCAL = { proxy_protocol: { from: ['127.0.0.0/8'] } };

async function connected(socket: net.Socket): Promise<net.Socket> {
  await once(socket, 'connect');
  return socket;
}

const overTcp = ({ port }: Place): Promise<net.Socket> => connected(net.connect({ host: '127.0.0.1', port }));
const overUnix = ({ path }: Place): Promise<net.Socket> => connected(net.connect({ path }));

const proxied =
  (version: ProxyVersion, connect = overTcp) =>
  async (place: Place): Promise<net.Socket> => {
    const socket = await connect(place);
    socket.write(encodeProxyHeader(version, PROXIED, { address: '198.51.100.1', port: 443 }));
    return socket;
  };

const secured =
  (connect: (place: Place) => Promise<net.Socket>, protocol = 'http/1.1') =>
  async (place: Place): Promise<net.Socket> => {
    const socket = tls.connect({
      socket: await connect(place),
      servername: SERVER_NAME,
      ca: PAIR.cert,
      ALPNProtocols: [protocol],
    });
    await once(socket, 'secureConnect');
    return socket;
  };

const http1 =
  (connect: (place: Place) => Promise<Duplex>) =>
  async (place: Place): Promise<Caller> => {
    const socket = await connect(place);
    const agent = new OneSocket(socket);
    return {
      ask: (ask) => askHttp1(agent, ask),
      close: () => socket.destroy(),
    };
  };

const overHttp2 =
  (connect: (place: Place) => Promise<Duplex>, scheme: string) =>
  async (place: Place): Promise<Caller> => {
    const socket = await connect(place);
    const session = http2.connect(`${scheme}://${SERVER_NAME}`, { createConnection: () => socket });
    session.on('error', () => undefined);
    return { ask: (ask) => askHttp2(session, ask), close: () => session.destroy() };
  };

export const TRANSPORTS: readonly Transport[] = [
  {
    name: 'plain HTTP/1.1',
    scheme: 'http',
    address: '127.0.0.1',
    listener: () => ({ ...TCP, http2: false }),
    call: http1(overTcp),
  },
  {
    name: 'TLS',
    scheme: 'https',
    address: '127.0.0.1',
    listener: () => ({ ...TCP, http2: true }),
    call: http1(secured(overTcp)),
  },
  {
    name: 'a UNIX domain socket',
    scheme: 'http',
    address: 'unix:',
    listener: (path) => ({ path, http2: false }),
    call: http1(overUnix),
  },
  {
    name: 'TLS on a UNIX domain socket',
    scheme: 'https',
    address: 'unix:',
    listener: (path) => ({ path, http2: true }),
    call: http1(secured(overUnix)),
  },
  {
    name: 'the PROXY protocol, version 1',
    scheme: 'http',
    address: PROXIED.address,
    listener: () => ({ ...TCP, ...FROM_LOCAL, http2: false }),
    call: http1(proxied(1)),
  },
  {
    name: 'the PROXY protocol, version 2',
    scheme: 'http',
    address: PROXIED.address,
    listener: () => ({ ...TCP, ...FROM_LOCAL, http2: false }),
    call: http1(proxied(2)),
  },
  {
    name: 'the PROXY protocol before TLS',
    scheme: 'https',
    address: PROXIED.address,
    listener: () => ({ ...TCP, ...FROM_LOCAL, http2: true }),
    call: http1(secured(proxied(2))),
  },
  {
    name: 'the PROXY protocol on a UNIX domain socket',
    scheme: 'http',
    address: PROXIED.address,
    listener: (path) => ({ path, proxy_protocol: { from: ['unix:'] }, http2: false }),
    call: http1(proxied(2, overUnix)),
  },
  {
    name: 'HTTP/2 in the clear',
    scheme: 'http',
    address: '127.0.0.1',
    listener: () => ({ ...TCP, http2: true }),
    call: overHttp2(overTcp, 'http'),
  },
  {
    name: 'HTTP/2 over TLS',
    scheme: 'https',
    address: '127.0.0.1',
    listener: () => ({ ...TCP, http2: true }),
    call: overHttp2(secured(overTcp, 'h2'), 'https'),
  },
  {
    name: 'the PROXY protocol before HTTP/2 over TLS',
    scheme: 'https',
    address: PROXIED.address,
    listener: () => ({ ...TCP, ...FROM_LOCAL, http2: true }),
    call: overHttp2(secured(proxied(1), 'h2'), 'https'),
  },
];

/** All requests go over one socket that is there already. */
class OneSocket extends http.Agent {
  private readonly socket: Duplex;

  constructor(socket: Duplex) {
    super({ keepAlive: true, maxSockets: 1 });
    this.socket = socket;
  }

  override createConnection(): Duplex {
    return this.socket;
  }
}

const HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length', 'date']);

function askHttp1(agent: http.Agent, { method = 'GET', path, headers, body }: Ask): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request({ agent, method, path, headers: { Host: 'app.example', ...headers } });
    request.on('error', reject);
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('latin1').on('data', (piece: string) => (text += piece));
      response.on('error', reject);
      response.on('end', () => {
        const kept = Object.entries(response.headers).filter(([name]) => !HOP.has(name));
        const fields = Object.fromEntries(kept.map(([name, value]) => [name, String(value)]));
        resolve({ status: response.statusCode ?? 0, headers: fields, body: text });
      });
    });
    if (typeof body === 'object') for (const piece of body) request.write(piece);
    request.end(typeof body === 'object' ? undefined : body);
  });
}

function askHttp2(session: http2.ClientHttp2Session, { method = 'GET', path, headers, body }: Ask): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const lower = Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value] as const);
    const length: Record<string, string> = {};
    if (typeof body === 'string') length['content-length'] = String(Buffer.byteLength(body));
    const stream = session.request({
      ':method': method,
      ':path': path,
      ':authority': 'app.example',
      ...length,
      ...(Object.fromEntries(lower) as Record<string, string>),
    });
    let text = '';
    let head: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader = {};
    stream.setEncoding('latin1').on('data', (piece: string) => (text += piece));
    stream.on('response', (fields) => (head = fields));
    stream.on('error', reject);
    stream.on('end', () => {
      const kept = Object.entries(head).filter(([name]) => !name.startsWith(':') && !HOP.has(name));
      const fields = Object.fromEntries(kept.map(([name, value]) => [name, String(value)]));
      resolve({ status: head[':status'] ?? 0, headers: fields, body: text });
    });
    if (typeof body === 'object') for (const piece of body) stream.write(piece);
    stream.end(typeof body === 'object' ? undefined : body);
  });
}
