/** The Transport on real connections: per node, idle connections are kept and the one used last is used next. */
import type { CompiledNode, CompiledUpstream, KeepalivePool } from '../compile/snapshot.ts';
import type { TimerWheel } from '../clock/timer-wheel.ts';
import type { Dialer, ResponseSink } from '../http1/client-settings.ts';
import type { HeadLimits } from '../http1/fields.ts';
import type { OwnedSocket } from '../http1/owned-socket.ts';
import type { OutgoingOwner } from '../http1/sockets.ts';
import type { Http2Wish } from '../sdk/exchange.ts';
import type { NodeAbuse } from '../http2/client-settings.ts';
import { FlushTurn } from '../http2/flush-turn.ts';
import { LineMemo } from '../http2/hpack-encoder.ts';
import { plainDialer } from '../http1/plain-dialer.ts';
import { FailedStream } from './failed-stream.ts';
import { Http2NodePool } from './http2-pool.ts';
import { IntroducedConnections } from './introduced.ts';
import type { NodeConnections } from './node-connections.ts';
import { NodePool, type PoolSettings } from './node-pool.ts';
import { type SecuredPlace, SecuredPools, type Spoken } from './secured-pools.ts';
import type { OpenOptions, Transport, UpstreamStream } from './transport.ts';
import type { UpstreamTlsOptions } from './upstream-tls.ts';

/** Upstreams are trusted further than clients: cookies and policies make long response fields. */
const RESPONSE_LIMITS: HeadLimits = { line_bytes: 65_536, head_bytes: 131_072, fields: 500 };

/** Opens a socket to a node, which emits 'connect' later. */
export type Connect = (node: CompiledNode, owner: OutgoingOwner) => OwnedSocket;

export interface ConnectionPoolOptions {
  readonly wheel: TimerWheel;
  readonly onFault: (error: unknown) => void;
  readonly tls: UpstreamTlsOptions;
  /** A node of HTTP/2 did what only an attack does; its connection ends. */
  readonly onAbuse?: ((kind: NodeAbuse) => void) | undefined;
  /** In place of connections by TCP and TLS. */
  readonly connect?: Connect;
}

/** What nodes are spoken to in where nobody wishes for anything else. */
const USUAL = { http: 'http1', https: 'http1', grpc: 'http2', grpcs: 'http2' } as const;

function spokenTo(scheme: CompiledUpstream['scheme'], sink: ResponseSink, wish: Http2Wish): Spoken {
  // Who asks for another protocol on the same connection can have that in HTTP/1.1 alone.
  if (sink.onResponseSwitch !== undefined) return USUAL[scheme];
  if (scheme === 'https') return wish.required ? 'http2' : 'either';
  return wish.priorKnowledge ? 'http2' : USUAL[scheme];
}

type Place = Omit<SecuredPlace, 'tls'> & { readonly tls: CompiledUpstream['tls'] };

export class ConnectionPool implements Transport {
  /** By node and keep-alive settings: upstreams that agree on both share connections. */
  private readonly pools = new Map<string, NodeConnections>();
  private readonly byNode = new WeakMap<CompiledNode, NodeConnections>();
  /** The same of those that speak HTTP/2: a node may be spoken to in both. */
  private readonly sharedByNode = new WeakMap<CompiledNode, NodeConnections>();
  private readonly secured: SecuredPools;
  private readonly introduced: IntroducedConnections;
  private readonly settings: PoolSettings;
  private readonly connect: Connect | null;

  constructor({ wheel, onFault, tls, connect, onAbuse = ignore }: ConnectionPoolOptions) {
    this.connect = connect ?? null;
    const http2 = { turn: new FlushTurn(setImmediate, onFault), lines: new LineMemo(), onAbuse };
    this.settings = { limits: RESPONSE_LIMITS, wheel, onFault, http2 };
    this.secured = new SecuredPools(this.settings, tls);
    this.introduced = new IntroducedConnections(this.settings);
  }

  open(upstream: CompiledUpstream, node: CompiledNode, sink: ResponseSink, options: OpenOptions): UpstreamStream {
    const { tls, keepalive, scheme } = upstream;
    const { wishes } = options;
    const spoken = wishes === null || wishes.http2 === null ? USUAL[scheme] : spokenTo(scheme, sink, wishes.http2);
    if (wishes !== null && wishes.preamble !== null) {
      // A connection of one exchange gains nothing by being asked what it speaks.
      const one = spoken === 'either' ? 'http1' : spoken;
      return this.openIntroduced({ tls, keepalive, node, spoken: one }, wishes.preamble, sink, options);
    }
    if (tls !== undefined && this.connect === null)
      return this.secured.open({ tls, keepalive, node, spoken }, sink, options);
    const isHttp2 = spoken === 'http2';
    const pool = (isHttp2 ? this.sharedByNode : this.byNode).get(node) ?? this.poolFor(keepalive, node, isHttp2);
    return pool.open(sink, options);
  }

  private openIntroduced(
    { tls, keepalive, node, spoken }: Place,
    preamble: Uint8Array,
    sink: ResponseSink,
    options: OpenOptions,
  ): UpstreamStream {
    const { introduced, connect } = this;
    const dialer =
      tls === undefined || connect !== null
        ? this.dialerFor(node, preamble)
        : this.secured.dialerFor({ tls, keepalive, node, spoken }, options.authority, preamble);
    if (typeof dialer === 'string') return new FailedStream(sink, dialer, this.settings.onFault);
    // Connections in memory speak HTTP/1.1, whatever the scheme.
    return spoken === 'http2' && connect === null
      ? introduced.openHttp2(dialer, sink, options)
      : introduced.open(dialer, sink, options);
  }

  /** Open connections, idle ones included. */
  get size(): number {
    let size = this.secured.size + this.introduced.size;
    for (const pool of this.pools.values()) size += pool.openCount;
    return size;
  }

  /** Open connections that wait for a request. */
  get idleSize(): number {
    let size = this.secured.idleSize;
    for (const pool of this.pools.values()) size += pool.idleCount;
    return size;
  }

  /** Ends every idle connection; those in use end with their exchange. */
  close(): void {
    for (const pool of this.pools.values()) pool.close();
    this.secured.close();
  }

  private poolFor(keepalive: KeepalivePool, node: CompiledNode, isHttp2: boolean): NodeConnections {
    const key = `${isHttp2 ? 'h2 ' : ''}${node.endpoint} ${keepalive.size} ${keepalive.idle_ms} ${keepalive.requests}`;
    let pool = this.pools.get(key);
    if (pool === undefined) {
      this.forgetUnused();
      // Connections in memory speak HTTP/1.1, whatever the scheme.
      const Connections = isHttp2 && this.connect === null ? Http2NodePool : NodePool;
      pool = new Connections(this.dialerFor(node), keepalive, this.settings);
      this.pools.set(key, pool);
    }
    (isHttp2 ? this.sharedByNode : this.byNode).set(node, pool);
    return pool;
  }

  private dialerFor(node: CompiledNode, preamble: Uint8Array | null = null): Dialer {
    const { connect } = this;
    const dialer = plainDialer(node.address, node.port, preamble);
    return connect === null ? dialer : { ...dialer, dial: (owner) => connect(node, owner) };
  }

  /** Nodes that left the configuration leave nothing behind once their connections are gone. */
  private forgetUnused(): void {
    for (const [key, pool] of this.pools) if (pool.openCount === 0) this.pools.delete(key);
  }
}

function ignore(): void {}
