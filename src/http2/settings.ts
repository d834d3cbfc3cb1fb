/** What an HTTP/2 connection is run with. */
import type { TimerWheel } from '../clock/timer-wheel.ts';
import type { RequestFault } from '../http1/faults.ts';
import type { RequestSink, ServerLimits, ServerTimeouts } from '../http1/server-settings.ts';
import type { FlushTurn } from './flush-turn.ts';
import type { HeldBytes } from './held-bytes.ts';
import type { LineMemo } from './hpack-encoder.ts';
import type { ServerConnection } from './server-connection.ts';
import type { ServerStream } from './server-stream.ts';

export interface Http2Limits {
  /** Streams that a client may have open at once. */
  readonly concurrent_streams: number;
  /** Bytes of a request body that a client may send ahead of us, per stream and for all streams of a connection. */
  readonly stream_window_bytes: number;
  readonly connection_window_bytes: number;
}

/** What a client did too often, or too much of: each ends its connection, and each is counted apart. */
export type Abuse =
  | 'rapid_reset'
  | 'stream_errors'
  | 'continuation_flood'
  | 'hpack_bomb'
  | 'settings_flood'
  | 'ping_flood'
  | 'priority_flood'
  | 'empty_frames'
  | 'window_updates'
  | 'refused_streams'
  | 'stalled_window'
  | 'held_bytes'
  | 'slow_head'
  | 'output_backlog';

export interface Http2Settings {
  readonly limits: ServerLimits & Http2Limits;
  readonly timeouts: ServerTimeouts;
  readonly wheel: TimerWheel;
  readonly handler: StreamHandler;
  /** Shared by all connections of a worker. */
  readonly lines: LineMemo;
  readonly turn: FlushTurn;
  /** Likewise. */
  readonly held: HeldBytes;
}

/** Where requests go. */
export interface StreamHandler {
  /** A head is in the parser's scratch memory, as after a head of HTTP/1.1. `onRequestStart` follows, unless it was answered by then. */
  onStream(stream: ServerStream, head: string): RequestSink;
  /** A request that can be answered, but not be served. The handler answers by `respond` and `end`. */
  onBadStream(stream: ServerStream, fault: RequestFault): void;
  onConnectionClosed(connection: ServerConnection): void;
  onException(error: unknown): void;
  onAbuse(kind: Abuse): void;
}
