import type { TimerWheel } from '../clock/timer-wheel.ts';
import type { HeadLimits } from '../http1/fields.ts';
import type { ClientConnection } from './client-connection.ts';
import type { FlushTurn } from './flush-turn.ts';
import type { LineMemo } from './hpack-encoder.ts';
import type { Abuse } from './settings.ts';

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
  /** A node did what only an attack does, or what RFC 9113 calls a connection error: its connection ends. */
  readonly onAbuse: (kind: NodeAbuse) => void;
  /** How long a connection waits for its next request. */
  readonly idle_ms: number;
  /** Requests after which a connection is closed; 0 means no bound. */
  readonly requests: number;
}

/** What ends the connection to a node: what would be an attack if a client did it, or an error of the protocol. */
export type NodeAbuse = Abuse | 'protocol_error';

/** Who keeps the connections. */
export interface Http2ConnectionOwner {
  /** It cannot be used any more; called once for each connection. */
  onClosed(connection: ClientConnection): void;
  onException(error: unknown): void;
  /** Connections that nodes ended, or that broke. */
  readonly losses: number;
  /** How many requests it is given at once until the node has said how many it takes. */
  readonly assumedStreams: number;
  /** The node said so. */
  onStreams(most: number): void;
  /** Whether a connection may wait for its next request. */
  mayWait(): boolean;
}
