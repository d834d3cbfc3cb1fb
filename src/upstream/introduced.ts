/**
 * Connections that begin with the PROXY protocol: whoever accepts one takes everything on it for that client's, so that each
 * serves one exchange and is closed after it.
 */
import { ClientConnection } from '../http1/client-connection.ts';
import type { ConnectionOwner, Dialer, ResponseSink } from '../http1/client-settings.ts';
import type { PoolSettings } from './node-pool.ts';
import type { OpenOptions } from './transport.ts';

export class IntroducedConnections implements ConnectionOwner {
  private readonly settings: PoolSettings;
  /** Open ones. */
  size = 0;

  constructor(settings: PoolSettings) {
    this.settings = settings;
  }

  open(dialer: Dialer, sink: ResponseSink, options: OpenOptions): ClientConnection {
    this.size++;
    const connection = new ClientConnection(dialer, this.settings, this, options.timeouts);
    connection.begin(sink, options.isHead, options.timeouts);
    return connection;
  }

  onReusable(connection: ClientConnection): void {
    connection.abort();
  }

  onClosed(): void {
    this.size--;
  }

  onException(error: unknown): void {
    this.settings.onFault(error);
  }
}
