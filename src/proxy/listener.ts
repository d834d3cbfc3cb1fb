/** From a client's connection to an Exchange, and from there to whoever answers it. */
import type { ConsumerIndex } from '../compile/chain.ts';
import type net from 'node:net';
import { Head, NO_HEAD } from '../http1/head.ts';
import { parsed } from '../http1/fields.ts';
import type { RequestFault } from '../http1/faults.ts';
import { ServerConnection } from '../http1/server-connection.ts';
import type {
  RequestHandler,
  RequestSink,
  ServerLimits,
  ServerSettings,
  ServerTimeouts,
} from '../http1/server-settings.ts';
import type { HeldBytes } from '../http2/held-bytes.ts';
import { LineMemo } from '../http2/hpack-encoder.ts';
import { FlushTurn } from '../http2/flush-turn.ts';
import { ServerConnection as Http2Connection } from '../http2/server-connection.ts';
import type { ServerStream } from '../http2/server-stream.ts';
import type { Abuse, Http2Limits, Http2Settings, StreamHandler } from '../http2/settings.ts';
import type { ErrorCode } from '../sdk/errors.ts';
import { plainAddress, UNIX_PEER } from '../http1/address.ts';
import type { SocketOwner } from '../http1/owned-socket.ts';
import type { TunnelSettings } from '../http1/tunnel.ts';
import { type ReadPath, readSecured } from '../http1/sockets.ts';
import type { TlsFacts } from '../tls/tls-facts.ts';
import type { Handshake, TlsFront } from '../tls/tls-front.ts';
import { AuthorityMemo } from './authority.ts';
import { ConnectionMemo } from './connection-memo.ts';
import type { Downstream } from './downstream.ts';
import { Exchange } from './exchange.ts';
import { FirstBytes } from './first-bytes.ts';
import type { Plane } from './plane.ts';
import { refuse, route } from './life.ts';
import { Preamble } from './preamble.ts';
import { replyError } from './reply.ts';
import { parseTarget, plainTarget } from './target.ts';
import { tlsFault } from './tls-rules.ts';
import { Tunnels } from './tunnels.ts';

export interface ListenerOptions {
  readonly limits: ServerLimits & Http2Limits;
  readonly timeouts: ServerTimeouts;
  /** A client did what only an attack does; its connection ends. */
  readonly onAbuse?: (kind: Abuse) => void;
  /** A peer that was to say whose connection it is did not, or not rightly. */
  readonly onProxyRefused: (reason: string, address: string) => void;
  /** Needed for listeners of TLS. */
  readonly tls?: TlsFront;
  readonly tunnels: TunnelSettings;
  /** Shared by all listeners of a worker. */
  readonly held: HeldBytes;
  /** How sockets of TLS are read. */
  readonly readPath: ReadPath;
  /** Whether no further connection is taken. */
  readonly isFull: () => boolean;
  readonly entrance: Entrance;
}

/** What its clients get to know, and may do, at one listening socket. */
export interface Entrance {
  readonly protocol: Protocol;
  /** In place of the address of clients where they have none; '' where they do. */
  readonly unnamed: string;
  /** Peers that say by the PROXY protocol whose connection it is; null for nobody. */
  readonly proxied: { has(address: string): boolean } | null;
}

/** Of whom a peer speaks. */
interface Client {
  readonly address: string;
  readonly port: number;
}

/**
 * What the clients of a listening socket may speak. `either`: HTTP/2 by prior knowledge, recognised by its preface; `tls` and
 * `tlsHttp2`: what ALPN chooses, without and with HTTP/2.
 */
export type Protocol = 'http1' | 'either' | 'tls' | 'tlsHttp2';

/** A client's connection, whatever it speaks. */
interface Connection {
  drain(): void;
  cutOff(): void;
}

/** Serves the clients of one listening socket. */
export class Listener implements RequestHandler, StreamHandler {
  private readonly plane: Plane;
  private readonly options: ListenerOptions;
  private readonly settings: ServerSettings;
  private readonly http2: Http2Settings;
  private readonly connections = new Set<Connection>();
  private readonly tunnels: Tunnels;
  private readonly authorities = new AuthorityMemo();
  private entrance: Entrance;
  /** Of connections since the start. */
  accepted = 0;
  private drained: PromiseWithResolvers<void> | null = null;

  constructor(plane: Plane, options: ListenerOptions) {
    this.plane = plane;
    this.options = options;
    this.tunnels = new Tunnels(options.tunnels);
    this.entrance = options.entrance;
    this.settings = { limits: options.limits, timeouts: options.timeouts, wheel: plane.wheel, handler: this };
    this.http2 = {
      limits: options.limits,
      timeouts: options.timeouts,
      wheel: plane.wheel,
      handler: this,
      lines: new LineMemo(),
      turn: new FlushTurn(setImmediate, (error) => plane.onFault(error)),
      held: options.held,
    };
  }

  get connectionCount(): number {
    return this.connections.size + this.tunnels.size;
  }

  /** For connections from now on. */
  change(entrance: Entrance): void {
    this.entrance = entrance;
  }

  /** Takes a socket that was accepted on `port`. */
  accept(socket: net.Socket, port: number): void {
    this.accepted++;
    if (this.options.isFull()) {
      socket.on('error', ignore);
      socket.destroy();
      return;
    }
    const { proxied } = this.entrance;
    if (proxied?.has(this.addressOf(socket)) === true) this.acceptProxied(socket, port);
    else this.greet(socket, port, null);
  }

  private addressOf(socket: net.Socket): string {
    const { unnamed } = this.entrance;
    return unnamed === '' ? plainAddress(socket.remoteAddress ?? '') : unnamed;
  }

  private acceptProxied(socket: net.Socket, port: number): void {
    const address = this.addressOf(socket);
    const timing = { wheel: this.plane.wheel, wait_ms: this.options.timeouts.head_ms };
    const preamble = new Preamble(socket, timing, {
      onHeader: ({ source }) => {
        this.connections.delete(preamble);
        return this.greet(socket, port, source === null ? null : clientOf(source));
      },
      onEnded: (_, reason) => {
        if (reason !== '') this.options.onProxyRefused(reason, address);
        this.ended(preamble);
      },
    });
    this.connections.add(preamble);
  }

  /** @param client null for the peer itself */
  private greet(socket: net.Socket, port: number, client: Client | null): SocketOwner {
    const { protocol } = this.entrance;
    if (protocol === 'http1') return this.serve(socket, port, false, client);
    if (protocol === 'either') return this.acceptEither(socket, port, client);
    return this.acceptTls(socket, port, protocol === 'tlsHttp2', client);
  }

  /** Takes a connection whose TLS somebody else has seen to. */
  acceptSecured(socket: net.Socket, port: number, facts: TlsFacts): void {
    this.accepted++;
    this.serve(socket, port, false, null, facts);
  }

  private acceptTls(socket: net.Socket, port: number, allowsHttp2: boolean, client: Client | null): SocketOwner {
    const { tls } = this.options;
    if (tls === undefined) throw new TypeError('a listener of TLS needs its options');
    const handshake: Handshake = tls.begin(socket, allowsHttp2, {
      address: client?.address ?? this.addressOf(socket),
      onSecured: (secured) => {
        this.connections.delete(handshake);
        this.serve(secured.socket, port, secured.isHttp2, client, secured.facts);
        readSecured(secured.socket, this.options.readPath);
      },
      onEnded: () => this.ended(handshake),
    });
    this.connections.add(handshake);
    return handshake;
  }

  private acceptEither(socket: net.Socket, port: number, client: Client | null): SocketOwner {
    const { wheel } = this.plane;
    const first: FirstBytes = new FirstBytes(
      socket,
      { wheel, wait_ms: this.options.timeouts.idle_ms },
      (isHttp2) => {
        this.connections.delete(first);
        return this.serve(socket, port, isHttp2, client);
      },
      () => this.ended(first),
    );
    this.connections.add(first);
    return first;
  }

  private serve(
    socket: net.Socket,
    port: number,
    isHttp2: boolean,
    client: Client | null,
    tls: TlsFacts | null = null,
  ): ServerConnection | Http2Connection {
    const address = client === null ? this.addressOf(socket) : client.address;
    const connection = isHttp2
      ? new Http2Connection(socket, this.http2, port, address)
      : new ServerConnection(socket, this.settings, port, address);
    const isTrusted = this.plane.isTrusted(address);
    const remotePort = client === null ? (socket.remotePort ?? 0) : client.port;
    const memo = new ConnectionMemo(isTrusted, remotePort, this.authorities, tls, this.tunnels);
    memo.socket = socket;
    connection.memo = memo;
    this.connections.add(connection);
    if (this.drained !== null) connection.drain();
    return connection;
  }

  /** Ends every connection after its answer in progress, an idle one if it stays idle. Resolves when none is left. */
  drain(): Promise<void> {
    if (this.drained === null) {
      this.drained = Promise.withResolvers<void>();
      for (const connection of this.connections) connection.drain();
      this.tunnels.drain(() => this.checkIdle());
      this.checkIdle();
    }
    return this.drained.promise;
  }

  /** Looks again at those whom WebSockets were opened for. */
  recheck(consumers: ConsumerIndex | undefined): void {
    this.tunnels.recheck(consumers);
  }

  /** Ends every connection, whatever it is doing. */
  abort(): void {
    for (const connection of this.connections) connection.cutOff();
    this.tunnels.cutOff();
  }

  onRequest(connection: ServerConnection, text: string): RequestSink {
    return this.request(connection, text);
  }

  onStream(stream: ServerStream, text: string): RequestSink {
    return this.request(stream, text);
  }

  private request(connection: Downstream, text: string): RequestSink {
    const method = methodOf(text, parsed.methodEnd);
    const target = text.slice(parsed.targetStart, parsed.targetEnd);
    const { acceptsTrailers, expectContinue, host, chunked, contentLength, isPlainTarget } = parsed;
    const exchange = new Exchange(this.plane, connection, connection.memo as ConnectionMemo, new Head(text), {
      method,
      target,
    });
    exchange.acceptsTrailers = acceptsTrailers && connection.minorVersion === 1;
    exchange.expectsContinue = expectContinue;
    exchange.hasBody = chunked || contentLength > 0;
    exchange.isStartPlain = isPlainTarget && exchange.minorVersion === 1;
    const fault = this.locate(exchange, host, isPlainTarget) ?? tlsFault(exchange);
    if (fault === null) return this.routed(exchange);
    // Who sends what nobody can mean may mean something else by what follows, too.
    connection.closeAfterAnswer();
    return refuse(exchange, fault);
  }

  /** A fault of the gateway's own code costs this exchange, and as little else as can be. */
  private routed(exchange: Exchange): RequestSink {
    if (this.plane.isShedding) return refuse(exchange, 'overloaded');
    try {
      return route(exchange);
    } catch (error) {
      if (exchange.isHeadSent) throw error;
      this.plane.onFault(error);
      return refuse(exchange, 'internal');
    }
  }

  /** Sets path, query and host. @returns why that cannot be done */
  private locate(exchange: Exchange, hostIndex: number, isPlain: boolean): ErrorCode | null {
    const { method } = exchange;
    // A tunnel is no exchange, and TRACE echoes credentials back to scripts.
    if (method === 'CONNECT' || method === 'TRACE') return 'method_not_implemented';
    const target = isPlain
      ? plainTarget(exchange.target)
      : parseTarget(exchange.target, method, this.plane.options.mergeSlashes);
    if (target === null) return 'bad_target';
    exchange.path = target.path;
    exchange.query = target.query;
    if (hostIndex >= 0) {
      const authority = exchange.connectionMemo.authorityAt(exchange.head, hostIndex);
      if (authority === null) return 'bad_host';
      exchange.hostHeader = authority.text;
      exchange.host = authority.host;
    }
    if (target.authority === null) return null;
    const authority = exchange.connectionMemo.authorityOf(target.authority);
    if (authority === null) return 'bad_target';
    exchange.hostHeader = authority.text;
    exchange.host = authority.host;
    return null;
  }

  onBadRequest(connection: ServerConnection, fault: RequestFault): void {
    this.refuseUnread(connection, fault);
  }

  onBadStream(stream: ServerStream, fault: RequestFault): void {
    this.refuseUnread(stream, fault);
  }

  private refuseUnread(connection: Downstream, fault: RequestFault): void {
    const exchange = new Exchange(this.plane, connection, connection.memo as ConnectionMemo, NO_HEAD, NO_START);
    connection.closeAfterAnswer();
    replyError(exchange, fault);
  }

  onClosed(connection: ServerConnection): void {
    this.ended(connection);
  }

  onConnectionClosed(connection: Http2Connection): void {
    this.ended(connection);
  }

  onAbuse(kind: Abuse): void {
    this.options.onAbuse?.(kind);
  }

  private ended(connection: Connection): void {
    this.connections.delete(connection);
    this.checkIdle();
  }

  private checkIdle(): void {
    if (this.drained !== null && this.connectionCount === 0) this.drained.resolve();
  }

  onException(error: unknown): void {
    this.plane.onFault(error);
  }
}

/** What an exchange has of a request that could not be understood. */
const NO_START = { method: '', target: '' };

/** The usual methods as constants: a slice per request would be a new string each time. */
function methodOf(text: string, end: number): string {
  if (end === 3 && text.startsWith('GET')) return 'GET';
  if (end === 4 && text.startsWith('POST')) return 'POST';
  return text.slice(0, end);
}

function ignore(): void {}

/** As a client that came by itself: without an address, it is on a UNIX domain socket. */
function clientOf({ address, port }: Client): Client {
  return { address: address === '' ? UNIX_PEER : plainAddress(address), port };
}
