/** The connections to one node that speaks HTTP/2: few, each with the requests of many exchanges. */
import type { ClientTimeouts, Dialer, ResponseSink } from '../http1/client-settings.ts';
import type { KeepalivePool } from '../compile/snapshot.ts';
import { ClientConnection } from '../http2/client-connection.ts';
import type { Http2ClientSettings, Http2ConnectionOwner } from '../http2/client-settings.ts';
import type { PoolSettings } from './node-pool.ts';
import type { NodeConnections } from './node-connections.ts';
import type { OpenOptions, UpstreamStream } from './transport.ts';

/** Until the node has said how many requests it takes at once: RFC 9113 §6.5.2 calls fewer unwise. */
const ASSUMED_STREAMS = 100;

/** What all connections to a node have in common. */
export function http2Settings(
  scheme: 'http' | 'https',
  { idle_ms, requests }: Pick<KeepalivePool, 'idle_ms' | 'requests'>,
  { wheel, limits, http2 }: PoolSettings,
): Http2ClientSettings {
  return { scheme, wheel, limits, ...http2, idle_ms, requests };
}

export class Http2NodePool implements NodeConnections, Http2ConnectionOwner {
  private readonly dialer: Dialer;
  private readonly size: number;
  private readonly settings: Http2ClientSettings;
  private readonly onFault: (error: unknown) => void;
  /** In the order in which they were opened: the first that has room takes the next request, so that the others may go idle. */
  private readonly connections: ClientConnection[] = [];
  private isRetired = false;
  /** As the node said last, on whichever connection. */
  assumedStreams = ASSUMED_STREAMS;
  losses = 0;

  constructor(dialer: Dialer, keepalive: KeepalivePool, settings: PoolSettings) {
    this.dialer = dialer;
    this.size = keepalive.size;
    this.settings = http2Settings(dialer.readyEvent === 'secureConnect' ? 'https' : 'http', keepalive, settings);
    this.onFault = settings.onFault;
  }

  get openCount(): number {
    return this.connections.length;
  }

  /** Connections without a request. */
  get idleCount(): number {
    let count = 0;
    for (const { isIdle } of this.connections) if (isIdle) count++;
    return count;
  }

  open(sink: ResponseSink, options: OpenOptions): UpstreamStream {
    return this.openWhereRoom(sink, options) ?? this.add(this.dialer, options.timeouts).open(sink, options);
  }

  /** @returns null if no connection has room */
  openWhereRoom(sink: ResponseSink, options: OpenOptions): UpstreamStream | null {
    for (const connection of this.connections)
      if (connection.hasRoom && this.isFor(connection, options)) return connection.open(sink, options);
    return null;
  }

  private isFor(connection: ClientConnection, { isFresh, timeouts }: OpenOptions): boolean {
    // Where one connection was lost, those that are as old may be lost, too: a node that is restarted ends all of them.
    if (isFresh && connection.lossesBefore < this.losses) return false;
    // What is being made is for those who wait equally long.
    return connection.isConnected || connection.connect_ms === timeouts.connect_ms;
  }

  /** Another connection, for whoever asks next. */
  add(dialer: Dialer, timeouts: ClientTimeouts): ClientConnection {
    const connection = new ClientConnection(dialer, this.settings, this, timeouts);
    this.connections.push(connection);
    return connection;
  }

  close(): void {
    for (const connection of this.connections.slice()) connection.drain();
  }

  retire(): void {
    this.isRetired = true;
    this.close();
  }

  closeOldest(): boolean {
    const oldest = this.connections.find(({ isIdle }) => isIdle);
    oldest?.close();
    return oldest !== undefined;
  }

  // What the connections ask and tell.

  onStreams(most: number): void {
    this.assumedStreams = most;
  }

  mayWait(): boolean {
    return !this.isRetired && this.idleCount <= this.size;
  }

  onClosed(connection: ClientConnection): void {
    const index = this.connections.indexOf(connection);
    if (index >= 0) this.connections.splice(index, 1);
    if (connection.isLost) this.losses++;
  }

  onException(error: unknown): void {
    this.onFault(error);
  }
}
