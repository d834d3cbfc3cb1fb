/** The Transport on real connections: per node, idle connections are kept and the one used last is used next. */
import type { CompiledNode, CompiledUpstream, KeepalivePool } from '../compile/snapshot.ts';
import type { TimerWheel } from '../clock/timer-wheel.ts';
import type { Dialer, ResponseSink } from '../http1/client-settings.ts';
import type { HeadLimits } from '../http1/fields.ts';
import type { OwnedSocket } from '../http1/owned-socket.ts';
import type { OutgoingOwner } from '../http1/sockets.ts';
import { FlushTurn } from '../http2/flush-turn.ts';
import { LineMemo } from '../http2/hpack-encoder.ts';
import { plainDialer } from '../http1/plain-dialer.ts';
import { FailedStream } from './failed-stream.ts';
import { Http2NodePool } from './http2-pool.ts';
import { IntroducedConnections } from './introduced.ts';
import type { NodeConnections } from './node-connections.ts';
import { NodePool, type PoolSettings } from './node-pool.ts';
import { SecuredPools } from './secured-pools.ts';
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
  /** In place of connections by TCP and TLS. */
  readonly connect?: Connect;
}

export class ConnectionPool implements Transport {
  /** By node and keep-alive settings: upstreams that agree on both share connections. */
  private readonly pools = new Map<string, NodeConnections>();
  private readonly byNode = new WeakMap<CompiledNode, NodeConnections>();
  private readonly secured: SecuredPools;
  private readonly introduced: IntroducedConnections;
  private readonly settings: PoolSettings;
  private readonly connect: Connect | null;

  constructor({ wheel, onFault, tls, connect }: ConnectionPoolOptions) {
    this.connect = connect ?? null;
    const http2 = { turn: new FlushTurn(setImmediate, onFault), lines: new LineMemo() };
    this.settings = { limits: RESPONSE_LIMITS, wheel, onFault, http2 };
    this.secured = new SecuredPools(this.settings, tls);
    this.introduced = new IntroducedConnections(this.settings);
  }

  open(upstream: CompiledUpstream, node: CompiledNode, sink: ResponseSink, options: OpenOptions): UpstreamStream {
    const { tls, keepalive, scheme } = upstream;
    const isHttp2 = scheme === 'grpc' || scheme === 'grpcs';
    if (options.preamble !== null) return this.openIntroduced(upstream, node, sink, options);
    if (tls !== undefined && this.connect === null)
      return this.secured.open({ tls, keepalive, node, isHttp2 }, sink, options);
    const pool = this.byNode.get(node) ?? this.poolFor(keepalive, node, isHttp2);
    return pool.open(sink, options);
  }

  private openIntroduced(
    { tls, keepalive, scheme }: CompiledUpstream,
    node: CompiledNode,
    sink: ResponseSink,
    options: OpenOptions,
  ): UpstreamStream {
    const { introduced } = this;
    if (scheme === 'grpc' || scheme === 'grpcs') {
      this.settings.onFault(new Error(`the PROXY protocol cannot be sent to nodes with the scheme ${scheme}`));
      return new FailedStream(sink, 'handshake', this.settings.onFault);
    }
    if (this.connect !== null || tls === undefined) {
      return introduced.open(this.dialerFor(node, options.preamble), sink, options);
    }
    const dialer = this.secured.dialerFor({ tls, keepalive, node, isHttp2: false }, options);
    return typeof dialer === 'string'
      ? new FailedStream(sink, dialer, this.settings.onFault)
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
    this.byNode.set(node, pool);
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
