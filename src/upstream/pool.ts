/** The Transport on real connections: per node, idle connections are kept and the one used last is used next. */
import type { CompiledNode, CompiledUpstream, KeepalivePool } from '../compile/snapshot.ts';
import { TimedEntry, type TimerWheel } from '../clock/timer-wheel.ts';
import { ClientConnection, type ConnectionOwner, type ResponseSink } from '../http1/client-connection.ts';
import type { ClientSettings } from '../http1/client-settings.ts';
import type { HeadLimits } from '../http1/fields.ts';
import type { OwnedSocket } from '../http1/owned-socket.ts';
import type { OutgoingOwner } from '../http1/sockets.ts';
import type { OpenOptions, Transport, UpstreamStream } from './transport.ts';

/** Upstreams are trusted further than clients: cookies and policies make long response fields. */
const RESPONSE_LIMITS: HeadLimits = { line_bytes: 65_536, head_bytes: 131_072, fields: 500 };

/** Opens a socket to a node, which emits 'connect' later. */
export type Connect = (node: CompiledNode, owner: OutgoingOwner) => OwnedSocket;

export class ConnectionPool implements Transport {
  /** By node and keep-alive settings: upstreams that agree on both share connections. */
  private readonly pools = new Map<string, NodePool>();
  private readonly byNode = new WeakMap<CompiledNode, NodePool>();
  private readonly wheel: TimerWheel;
  private readonly onFault: (error: unknown) => void;
  private readonly connect: Connect | null;

  /** @param connect in place of TCP connections */
  constructor(wheel: TimerWheel, onFault: (error: unknown) => void, connect: Connect | null = null) {
    this.wheel = wheel;
    this.onFault = onFault;
    this.connect = connect;
  }

  open(upstream: CompiledUpstream, node: CompiledNode, sink: ResponseSink, options: OpenOptions): UpstreamStream {
    const pool = this.byNode.get(node) ?? this.poolFor(upstream.keepalive, node);
    return pool.open(sink, options);
  }

  /** Open connections, idle ones included. */
  get size(): number {
    let size = 0;
    for (const pool of this.pools.values()) size += pool.openCount;
    return size;
  }

  /** Open connections that wait for a request. */
  get idleSize(): number {
    let size = 0;
    for (const pool of this.pools.values()) size += pool.idleCount;
    return size;
  }

  /** Ends every idle connection; those in use end with their exchange. */
  close(): void {
    for (const pool of this.pools.values()) pool.close();
  }

  private poolFor(keepalive: KeepalivePool, node: CompiledNode): NodePool {
    const key = `${node.endpoint} ${keepalive.size} ${keepalive.idle_ms} ${keepalive.requests}`;
    let pool = this.pools.get(key);
    if (pool === undefined) {
      this.forgetUnused();
      pool = new NodePool(node, keepalive, this.settingsFor(node), this.onFault);
      this.pools.set(key, pool);
    }
    this.byNode.set(node, pool);
    return pool;
  }

  private settingsFor(node: CompiledNode): ClientSettings {
    const { wheel, connect } = this;
    const settings = { limits: RESPONSE_LIMITS, wheel };
    return connect === null ? settings : { ...settings, connect: (_address, owner) => connect(node, owner) };
  }

  /** Nodes that left the configuration leave nothing behind once their connections are gone. */
  private forgetUnused(): void {
    for (const [key, pool] of this.pools) if (pool.openCount === 0) this.pools.delete(key);
  }
}

/**
 * Connections beyond the configured number are closed if none of them was needed for so long. Many exchanges end within one
 * turn of the event loop and as many begin in the next: closing at once would cost a new connection for each.
 */
const SURPLUS_MS = 1_000;

/** The connections to one node. */
class NodePool extends TimedEntry implements ConnectionOwner {
  private readonly address: { readonly host: string; readonly port: number };
  private readonly keepalive: KeepalivePool;
  private readonly settings: ClientSettings;
  private readonly onFault: (error: unknown) => void;
  /** The one used last is the last element: it is the least likely to be stale, and the others may go idle for good. */
  private readonly idle: ClientConnection[] = [];
  /** Connections that were never needed since the surplus was looked at last. */
  private unneeded = 0;
  openCount = 0;

  constructor(
    node: CompiledNode,
    keepalive: KeepalivePool,
    settings: ClientSettings,
    onFault: (error: unknown) => void,
  ) {
    super();
    this.address = { host: node.address, port: node.port };
    this.keepalive = keepalive;
    this.settings = settings;
    this.onFault = onFault;
  }

  get idleCount(): number {
    return this.idle.length;
  }

  open(sink: ResponseSink, options: OpenOptions): ClientConnection {
    const connection = (options.isFresh ? undefined : this.takeIdle()) ?? this.connect(options);
    connection.begin(sink, options.isHead, options.timeouts);
    return connection;
  }

  close(): void {
    this.settings.wheel.remove(this);
    while (this.idle.length > 0) this.idle.pop()?.abort();
  }

  private takeIdle(): ClientConnection | undefined {
    let connection = this.idle.pop();
    while (connection !== undefined && !connection.isUsable) {
      connection.abort();
      connection = this.idle.pop();
    }
    if (this.idle.length < this.unneeded) this.unneeded = this.idle.length;
    return connection;
  }

  private connect(options: OpenOptions): ClientConnection {
    this.openCount++;
    return new ClientConnection(this.address, this.settings, this, options.timeouts);
  }

  onReusable(connection: ClientConnection): void {
    const { size, idle_ms, requests } = this.keepalive;
    if (size === 0 || (requests > 0 && connection.requests >= requests)) {
      connection.abort();
      return;
    }
    connection.keepIdle(idle_ms);
    this.idle.push(connection);
    if (this.idle.length > size && this.expiresAt === 0) this.watchSurplus();
  }

  private watchSurplus(): void {
    this.unneeded = this.idle.length;
    this.settings.wheel.arm(this, SURPLUS_MS);
  }

  /** Closes what the pool holds beyond its size and did not need lately, the least recently used first. */
  onDeadline(): void {
    const { size } = this.keepalive;
    const surplus = Math.min(this.unneeded, this.idle.length) - size;
    for (const connection of this.idle.splice(0, Math.max(0, surplus))) connection.abort();
    if (this.idle.length > size) this.watchSurplus();
  }

  onClosed(connection: ClientConnection): void {
    this.openCount--;
    const index = this.idle.indexOf(connection);
    if (index >= 0) this.idle.splice(index, 1);
  }

  onException(error: unknown): void {
    this.onFault(error);
  }
}
