/** The connections to one node that speaks HTTP/2: few, each with the requests of many exchanges. */
import type { Dialer, ResponseSink } from '../http1/client-settings.ts';
import type { KeepalivePool } from '../compile/snapshot.ts';
import { ClientConnection } from '../http2/client-connection.ts';
import type { Http2ClientSettings, Http2ConnectionOwner } from '../http2/client-settings.ts';
import type { PoolSettings } from './node-pool.ts';
import type { NodeConnections } from './node-connections.ts';
import type { OpenOptions, UpstreamStream } from './transport.ts';

export class Http2NodePool implements NodeConnections, Http2ConnectionOwner {
  private readonly settings: Http2ClientSettings;
  private readonly onFault: (error: unknown) => void;
  /** In the order in which they were opened: the first that has room takes the next request, so that the others may go idle. */
  private readonly connections: ClientConnection[] = [];

  constructor(dialer: Dialer, { idle_ms, requests }: KeepalivePool, settings: PoolSettings) {
    const { wheel, limits, http2, onFault } = settings;
    const scheme = dialer.readyEvent === 'secureConnect' ? 'https' : 'http';
    this.settings = { dialer, scheme, wheel, limits, ...http2, idle_ms, requests };
    this.onFault = onFault;
  }

  get openCount(): number {
    return this.connections.length;
  }

  /** Connections without a request. */
  get idleCount(): number {
    return this.connections.filter(({ isIdle }) => isIdle).length;
  }

  /** `isFresh` means nothing here: a connection that turned out to be stale is gone, and one that refused a request has no room. */
  open(sink: ResponseSink, options: OpenOptions): UpstreamStream {
    return this.connectionFor(options).open(sink, options);
  }

  private connectionFor(options: OpenOptions): ClientConnection {
    for (const connection of this.connections) if (connection.hasRoom) return connection;
    const connection = new ClientConnection(this.settings, this, options.timeouts);
    this.connections.push(connection);
    return connection;
  }

  close(): void {
    for (const connection of this.connections.slice()) connection.drain();
  }

  retire(): void {
    this.close();
  }

  closeOldest(): boolean {
    const oldest = this.connections.find(({ isIdle }) => isIdle);
    oldest?.close();
    return oldest !== undefined;
  }

  onClosed(connection: ClientConnection): void {
    const index = this.connections.indexOf(connection);
    if (index >= 0) this.connections.splice(index, 1);
  }

  onException(error: unknown): void {
    this.onFault(error);
  }
}
