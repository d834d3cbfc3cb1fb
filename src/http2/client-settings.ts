import type { TimerWheel } from '../clock/timer-wheel.ts';
import type { HeadLimits } from '../http1/fields.ts';
import type { ClientConnection } from './client-connection.ts';
import type { FlushTurn } from './flush-turn.ts';
import type { LineMemo } from './hpack-encoder.ts';

/** What a node may send ahead of one exchange. */
export const STREAM_WINDOW = 262_144;

export interface Http2ClientSettings {
  /** `:scheme` of requests. */
  readonly scheme: 'http' | 'https';
  readonly wheel: TimerWheel;
  /** Shared by all connections of a worker. */
  readonly turn: FlushTurn;
  readonly lines: LineMemo;
  /** Of responses. */
  readonly limits: HeadLimits;
  /** How long a connection waits for its next request. */
  readonly idle_ms: number;
  /** Requests after which a connection is closed; 0 means no bound. */
  readonly requests: number;
}

/** Who keeps the connections. */
export interface Http2ConnectionOwner {
  /** It cannot be used any more; called once for each connection. */
  onClosed(connection: ClientConnection): void;
  onException(error: unknown): void;
  /** How many requests it is given at once until the node has said how many it takes. */
  readonly assumedStreams: number;
  /** The node said so. */
  onStreams(most: number): void;
  /** Whether a connection may wait for its next request. */
  mayWait(): boolean;
}
