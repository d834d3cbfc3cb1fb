import type { TimerWheel } from '../clock/timer-wheel.ts';
import type { RequestFault } from './faults.ts';
import type { HeadLimits } from './fields.ts';
import type { ServerConnection } from './server-connection.ts';

/** How long a client may be quiet, while connections are drained, before its own is closed. */
export const DRAINED_IDLE_MS = 500;

/** An unread body up to this size is dropped to keep the connection; a larger one costs it. */
export const DISCARDED_BODY_BYTES = 65_536;

export interface ServerLimits extends HeadLimits {
  /** Bytes of a request body; 0 means no bound. */
  readonly body_bytes: number;
  /** Bytes that a client may send ahead of its answers. */
  readonly pipelined_bytes: number;
}

export interface ServerTimeouts {
  /** From the first byte of a head to its last. */
  readonly head_ms: number;
  /** Between two reads of a request body. */
  readonly body_ms: number;
  /** Between two requests. */
  readonly idle_ms: number;
  /** Without the client taking anything of what waits for it. */
  readonly send_ms: number;
  /** How long a connection that is being closed stays quiet before it is gone. */
  readonly linger_ms: number;
  /** How long a client may go on sending into a connection that is being closed. */
  readonly linger_total_ms: number;
}

export interface ServerSettings {
  readonly limits: ServerLimits;
  readonly timeouts: ServerTimeouts;
  readonly wheel: TimerWheel;
  readonly handler: RequestHandler;
}

/** Where requests go. */
export interface RequestHandler {
  /**
   * A request head is in the parser's scratch memory; `head` is its text without the last CRLF. The returned sink
   * gets the body: `onRequestStart` follows within the same turn, unless the request was answered by then.
   */
  onRequest(connection: ServerConnection, head: string): RequestSink;
  /** No request could be made of what came. The handler answers by `respond` and `end`; the connection closes after it. */
  onBadRequest(connection: ServerConnection, fault: RequestFault): void;
  /** The connection is over; always the last call. */
  onClosed(connection: ServerConnection): void;
  /** The gateway's own code threw; the connection is ended. */
  onException(error: unknown): void;
}

/** Where the body of one request goes, and what becomes of its client. */
export interface RequestSink {
  /** Called once, with the bytes of the body that came along with the head, perhaps none. */
  onRequestStart(bytes: Buffer, start: number, end: number, isComplete: boolean): void;
  /** More of the body; valid only until the call returns. */
  onRequestBody(bytes: Buffer, start: number, end: number, isComplete: boolean): void;
  /** The body is malformed, too large, too slow, or ended early. It may come instead of `onRequestStart`. */
  onRequestFault(fault: RequestFault): void;
  /** The client is gone. Nothing can be answered any more. */
  onClientGone(): void;
  /** The client took what was written, after `respond` or `write` returned false. */
  onClientWritable(): void;
}
