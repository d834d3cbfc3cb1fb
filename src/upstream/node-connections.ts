import type { ResponseSink } from '../http1/client-settings.ts';
import type { OpenOptions, UpstreamStream } from './transport.ts';

/** The connections to one node, or to one name at a node over TLS. */
export interface NodeConnections {
  readonly openCount: number;
  /** Without a request. */
  readonly idleCount: number;
  open(sink: ResponseSink, options: OpenOptions): UpstreamStream;
  /** Ends what is idle. */
  close(): void;
  /** Ends what is idle, and what becomes so later. */
  retire(): void;
  /** Ends the idle connection that was used longest ago. @returns false if there is none */
  closeOldest(): boolean;
}
