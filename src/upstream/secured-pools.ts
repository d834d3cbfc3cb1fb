/**
 * Connections over TLS: apart by node, by who the gateway is there, and by the name that was asked for and verified. With
 * `pass_host: pass` clients choose that name, so that the number of names is bounded, and so are idle connections to a node
 * under all names together.
 */
import { isIP } from 'node:net';
import tls from 'node:tls';
import type { CompiledNode, CompiledUpstreamTls, KeepalivePool } from '../compile/snapshot.ts';
import { connectFault, type Dialer, type ResponseFault, type ResponseSink } from '../http1/client-settings.ts';
import type { OwnedSocket } from '../http1/owned-socket.ts';
import { connectBehind, connectSecured } from '../http1/secured-socket.ts';
import { type OutgoingOwner, placeOf } from '../http1/sockets.ts';
import { FailedStream } from './failed-stream.ts';
import { Http2NodePool } from './http2-pool.ts';
import { NegotiatedPool } from './negotiated-pool.ts';
import type { NodeConnections } from './node-connections.ts';
import { NodePool, type PoolSettings } from './node-pool.ts';
import type { OpenOptions, UpstreamStream } from './transport.ts';
import { type TlsIdentity, TlsIdentities, type UpstreamTlsFailure, type UpstreamTlsOptions } from './upstream-tls.ts';

/** To one node. */
const MOST_NAMES = 64;

/** What RFC 6066 §3 allows as a name: anything else is not asked for, and no certificate is for it. */
const SERVER_NAME = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/;

/** How a connection over TLS is spoken on: what is offered by ALPN. */
const OFFERS = { http1: ['http/1.1'], http2: ['h2'], either: ['h2', 'http/1.1'] };

const CONNECTIONS = { http1: NodePool, http2: Http2NodePool, either: NegotiatedPool };

export type Spoken = keyof typeof OFFERS;

export interface SecuredPlace {
  readonly tls: CompiledUpstreamTls;
  readonly keepalive: KeepalivePool;
  readonly node: CompiledNode;
  readonly spoken: Spoken;
}

export class SecuredPools {
  private readonly settings: PoolSettings;
  private readonly options: UpstreamTlsOptions;
  private readonly identities: TlsIdentities;
  private readonly places = new Map<string, NamedPools>();
  private readonly byNode: Readonly<Record<Spoken, PoolsByNode>> = {
    http1: new WeakMap(),
    http2: new WeakMap(),
    either: new WeakMap(),
  };

  constructor(settings: PoolSettings, options: UpstreamTlsOptions) {
    this.settings = settings;
    this.options = options;
    this.identities = new TlsIdentities(options);
  }

  get size(): number {
    let size = 0;
    for (const place of this.places.values()) size += place.openCount;
    return size;
  }

  get idleSize(): number {
    let size = 0;
    for (const place of this.places.values()) size += place.idleCount;
    return size;
  }

  open(place: SecuredPlace, sink: ResponseSink, options: OpenOptions): UpstreamStream {
    const name = serverNameOf(options.authority);
    const identity = this.identityAt(place, name);
    if (identity === null) return new FailedStream(sink, 'handshake', this.settings.onFault);
    const known = this.byNode[place.spoken].get(place.node);
    const pools = known?.identity === identity ? known.pools : this.poolsFor(place, identity);
    return pools.open(name, sink, options);
  }

  /** For one connection that begins with something else than TLS. @returns why there can be none */
  dialerFor(place: SecuredPlace, authority: string, preamble: Uint8Array): Dialer | 'handshake' {
    const name = serverNameOf(authority);
    const identity = this.identityAt(place, name);
    if (identity === null) return 'handshake';
    return new SecuredDialer({ node: place.node, name, spoken: place.spoken }, identity, this.options, preamble);
  }

  private identityAt({ tls, node }: SecuredPlace, name: string): TlsIdentity | null {
    const identity = this.identities.of(tls);
    if (typeof identity !== 'string') return identity;
    this.options.onFailed({ kind: 'handshake', node: node.endpoint, name, reason: identity });
    return null;
  }

  close(): void {
    for (const place of this.places.values()) place.close();
  }

  private poolsFor({ keepalive, node, spoken }: SecuredPlace, identity: TlsIdentity): NamedPools {
    const { size, idle_ms, requests } = keepalive;
    const key = `${spoken} ${node.endpoint} ${size} ${idle_ms} ${requests} ${identity.key}`;
    let pools = this.places.get(key);
    if (pools === undefined) {
      for (const [other, place] of this.places) if (place.openCount === 0) this.places.delete(other);
      const Connections = CONNECTIONS[spoken];
      pools = new NamedPools(keepalive.size, (name) => {
        const dialer = new SecuredDialer({ node, name, spoken }, identity, this.options);
        return new Connections(dialer, keepalive, this.settings);
      });
      this.places.set(key, pools);
    }
    this.byNode[spoken].set(node, { identity, pools });
    return pools;
  }
}

type PoolsByNode = WeakMap<CompiledNode, { readonly identity: TlsIdentity; readonly pools: NamedPools }>;

/** The connections to one node by one identity. */
class NamedPools {
  private readonly mostIdle: number;
  private readonly connectionsTo: (name: string) => NodeConnections;
  /** In the order in which they were made. */
  private readonly pools = new Map<string, NodeConnections>();
  /** That had to make room while they were in use. */
  private readonly retired = new Set<NodeConnections>();

  constructor(mostIdle: number, connectionsTo: (name: string) => NodeConnections) {
    this.mostIdle = mostIdle;
    this.connectionsTo = connectionsTo;
  }

  get openCount(): number {
    let count = 0;
    for (const pool of this.pools.values()) count += pool.openCount;
    for (const pool of this.retired) count += pool.openCount;
    return count;
  }

  get idleCount(): number {
    let count = 0;
    for (const pool of this.pools.values()) count += pool.idleCount;
    return count;
  }

  open(name: string, sink: ResponseSink, options: OpenOptions): UpstreamStream {
    const pool = this.pools.get(name) ?? this.add(name);
    if (pool.idleCount === 0 && this.pools.size > 1) this.makeRoom(pool);
    return pool.open(sink, options);
  }

  close(): void {
    for (const pool of this.pools.values()) pool.close();
  }

  private add(name: string): NodeConnections {
    for (const pool of this.retired) if (pool.openCount === 0) this.retired.delete(pool);
    if (this.pools.size >= MOST_NAMES) this.dropOne();
    const pool = this.connectionsTo(name);
    this.pools.set(name, pool);
    return pool;
  }

  /** One that nobody uses, or else the one that was made first: its connections end when their exchanges do. */
  private dropOne(): void {
    let first: readonly [string, NodeConnections] | null = null;
    for (const entry of this.pools) {
      first ??= entry;
      if (entry[1].openCount > entry[1].idleCount) continue;
      first = entry;
      break;
    }
    if (first === null) return;
    const [name, pool] = first;
    this.pools.delete(name);
    pool.retire();
    if (pool.openCount > 0) this.retired.add(pool);
  }

  /** Before a new connection: what one name does not need is not kept beyond what the node is to hold. */
  private makeRoom(wanted: NodeConnections): void {
    if (this.idleCount < this.mostIdle) return;
    for (const pool of this.pools.values()) if (pool !== wanted && pool.closeOldest()) return;
  }
}

/** OpenSSL's name for the alert of RFC 7301 §3.2. */
const NO_PROTOCOL = 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL';

interface Named {
  readonly node: CompiledNode;
  readonly name: string;
  readonly spoken: Spoken;
}

/** Connects to one name at one node; a session of an earlier connection spares most of the handshake. */
class SecuredDialer implements Dialer {
  readonly readyEvent = 'secureConnect';
  private readonly node: CompiledNode;
  private readonly name: string;
  private readonly spoken: Spoken;
  private readonly onFailed: UpstreamTlsOptions['onFailed'];
  private readonly mayEndSilently: boolean;
  private readonly connection: tls.ConnectionOptions;
  /** What the connection begins with. */
  private readonly preamble: Uint8Array | null;
  private session: Buffer | undefined = undefined;

  constructor(
    { node, name, spoken }: Named,
    identity: TlsIdentity,
    { onFailed, mayEndSilently = false }: UpstreamTlsOptions,
    preamble: Uint8Array | null = null,
  ) {
    this.preamble = preamble;
    this.node = node;
    this.name = name;
    this.spoken = spoken;
    this.onFailed = onFailed;
    this.mayEndSilently = mayEndSilently;
    this.connection = {
      ...placeOf(node.address, node.port),
      secureContext: identity.context,
      rejectUnauthorized: identity.verifies,
      ALPNProtocols: OFFERS[spoken],
      checkServerIdentity: (_host, certificate) => tls.checkServerIdentity(name, certificate),
      // RFC 6066 §3: no addresses.
      servername: isIP(name) === 0 && SERVER_NAME.test(name) ? name : '',
    };
  }

  dial(owner: OutgoingOwner): OwnedSocket {
    const { session, connection, preamble } = this;
    const resumed = session === undefined ? connection : { ...connection, session };
    const socket = preamble === null ? connectSecured(resumed, owner) : connectBehind(preamble, connection, owner);
    socket.mayEndSilently = this.mayEndSilently;
    if (preamble !== null) return socket;
    // Nothing comes of a connection that was not verified: it is gone by then.
    socket.on('session', (ticket: Buffer) => {
      this.session = ticket;
    });
    return socket;
  }

  failed(socket: OwnedSocket, error: Error | null, isReady: boolean): ResponseFault {
    const { code = '', syscall } = (error ?? {}) as Partial<NodeJS.ErrnoException>;
    // RFC 7301 §3.2: a node that speaks nothing of what is offered says so, or chooses nothing.
    const { alpnProtocol, authorizationError } = socket as unknown as tls.TLSSocket;
    const isUnspoken = isReady ? this.spoken === 'http2' && alpnProtocol !== 'h2' : code === NO_PROTOCOL;
    if (isUnspoken) return this.report('protocol', 'the node does not speak HTTP/2');
    // A node that refuses our certificate says so when its part of the handshake is over (RFC 8446 §4.4.2.4).
    if (isReady && !code.startsWith('ERR_SSL_')) return 'reset';
    if (!isReady && (syscall === 'connect' || syscall === 'getaddrinfo' || error instanceof AggregateError))
      return connectFault(error);
    // What it was resumed from may be what is wrong.
    this.session = undefined;
    // Where nodes are not verified, what would have been wrong is not what went wrong.
    const isRejected = !isReady && this.connection.rejectUnauthorized === true && Boolean(authorizationError);
    return this.report(isRejected ? 'certificate' : 'handshake', reasonOf(error));
  }

  private report(kind: UpstreamTlsFailure['kind'], reason: string): ResponseFault {
    this.onFailed({ kind, node: this.node.endpoint, name: this.name, reason });
    return kind;
  }
}

/** In OpenSSL's words, without its function and file names, and without Node.js's advice. */
function reasonOf(error: Error | null): string {
  if (error === null) return 'the connection ended';
  const { reason, message } = error as Error & { readonly reason?: unknown };
  return typeof reason === 'string' && reason !== '' ? reason : message.replace(/; if the root CA.*$/s, '');
}

/** The name in what is sent as Host: without port, brackets and a dot at its end. */
export function serverNameOf(authority: string): string {
  const end = authority.startsWith('[') ? authority.indexOf(']') : authority.indexOf(':');
  const host = authority.startsWith('[') ? authority.slice(1, end) : end < 0 ? authority : authority.slice(0, end);
  return (host.endsWith('.') ? host.slice(0, -1) : host).toLowerCase();
}
