/** The connections to one node, or to one name at a node over TLS: the one used last is used next. */
import { TimedEntry } from '../clock/timer-wheel.ts';
import type { KeepalivePool } from '../compile/snapshot.ts';
import { ClientConnection } from '../http1/client-connection.ts';
import type { ClientSettings, ConnectionOwner, Dialer, ResponseSink } from '../http1/client-settings.ts';
import type { Http2ClientSettings } from '../http2/client-settings.ts';
import type { NodeConnections } from './node-connections.ts';
import type { OpenOptions } from './transport.ts';

export interface PoolSettings extends ClientSettings {
  readonly onFault: (error: unknown) => void;
  /** What all connections of HTTP/2 share. */
  readonly http2: Pick<Http2ClientSettings, 'turn' | 'lines' | 'onAbuse'>;
}

/**
 * Connections beyond the configured number are closed if none of them was needed for so long. Many exchanges end within one
 * turn of the event loop and as many begin in the next: closing at once would cost a new connection for each.
 */
const SURPLUS_MS = 1_000;

/** The connections to one node. */
export class NodePool extends TimedEntry implements NodeConnections, ConnectionOwner {
  private readonly dialer: Dialer;
  private readonly keepalive: KeepalivePool;
  private readonly settings: PoolSettings;
  /** The one used last is the last element: it is the least likely to be stale, and the others may go idle for good. */
  private readonly idle: ClientConnection[] = [];
  /** Connections that were never needed since the surplus was looked at last. */
  private unneeded = 0;
  openCount = 0;
  private isRetired = false;

  constructor(dialer: Dialer, keepalive: KeepalivePool, settings: PoolSettings) {
    super();
    this.dialer = dialer;
    this.keepalive = keepalive;
    this.settings = settings;
  }

  get idleCount(): number {
    return this.idle.length;
  }

  open(sink: ResponseSink, options: OpenOptions): ClientConnection {
    const connection = (options.isFresh ? undefined : this.takeIdle()) ?? this.connect(this.dialer, options);
    connection.begin(sink, options.isHead, options.timeouts);
    return connection;
  }

  /** @returns null if no connection is idle */
  openIdle(sink: ResponseSink, options: OpenOptions): ClientConnection | null {
    const connection = this.takeIdle();
    if (connection === undefined) return null;
    connection.begin(sink, options.isHead, options.timeouts);
    return connection;
  }

  /** On a connection of its own. */
  openOn(dialer: Dialer, sink: ResponseSink, options: OpenOptions): ClientConnection {
    const connection = this.connect(dialer, options);
    connection.begin(sink, options.isHead, options.timeouts);
    return connection;
  }

  retire(): void {
    this.isRetired = true;
    this.close();
  }

  closeOldest(): boolean {
    const oldest = this.idle.shift();
    oldest?.abort();
    return oldest !== undefined;
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

  private connect(dialer: Dialer, options: OpenOptions): ClientConnection {
    this.openCount++;
    return new ClientConnection(dialer, this.settings, this, options.timeouts);
  }

  onReusable(connection: ClientConnection): void {
    const { size, idle_ms, requests } = this.keepalive;
    if (this.isRetired || size === 0 || (requests > 0 && connection.requests >= requests)) {
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
    this.settings.onFault(error);
  }
}
