/**
 * Connections that begin with the PROXY protocol: whoever accepts one takes everything on it for that client's, so that each
 * serves one exchange and is closed after it.
 */
import { ClientConnection } from '../http1/client-connection.ts';
import type { ConnectionOwner, Dialer, ResponseSink } from '../http1/client-settings.ts';
import { ClientConnection as Http2Connection } from '../http2/client-connection.ts';
import type { Http2ClientSettings, Http2ConnectionOwner } from '../http2/client-settings.ts';
import { http2Settings } from './http2-pool.ts';
import type { PoolSettings } from './node-pool.ts';
import type { OpenOptions, UpstreamStream } from './transport.ts';

const ONE_REQUEST = { idle_ms: 0, requests: 1 };

export class IntroducedConnections implements ConnectionOwner, Http2ConnectionOwner {
  private readonly settings: PoolSettings;
  private readonly http2: Record<'http' | 'https', Http2ClientSettings>;
  readonly assumedStreams = 1;
  readonly losses = 0;
  /** Open ones. */
  size = 0;

  constructor(settings: PoolSettings) {
    this.settings = settings;
    this.http2 = {
      http: http2Settings('http', ONE_REQUEST, settings),
      https: http2Settings('https', ONE_REQUEST, settings),
    };
  }

  open(dialer: Dialer, sink: ResponseSink, options: OpenOptions): UpstreamStream {
    this.size++;
    const connection = new ClientConnection(dialer, this.settings, this, options.timeouts);
    connection.begin(sink, options.isHead, options.timeouts);
    return connection;
  }

  openHttp2(dialer: Dialer, sink: ResponseSink, options: OpenOptions): UpstreamStream {
    this.size++;
    const settings = this.http2[dialer.readyEvent === 'secureConnect' ? 'https' : 'http'];
    return new Http2Connection(dialer, settings, this, options.timeouts).open(sink, options);
  }

  onReusable(connection: ClientConnection): void {
    connection.abort();
  }

  onStreams(): void {}

  mayWait(): boolean {
    return false;
  }

  onClosed(): void {
    this.size--;
  }

  onException(error: unknown): void {
    this.settings.onFault(error);
  }
}
