/** What a connection to an upstream is made of, and who it speaks to. */
import type { TimerWheel } from '../clock/timer-wheel.ts';
import type { ClientConnection } from './client-connection.ts';
import type { HeadLimits } from './fields.ts';
import type { OwnedSocket } from './owned-socket.ts';
import type { OutgoingOwner } from './sockets.ts';

export interface ClientSettings {
  readonly limits: HeadLimits;
  readonly wheel: TimerWheel;
}

export interface ClientTimeouts {
  readonly connect_ms: number;
  readonly send_ms: number;
  readonly read_ms: number;
}

/**
 * Why no response, or no whole one, came. `handshake`: there was no TLS to be had; `certificate`: there was, and the node did
 * not prove who it is; `protocol`: it does not speak the one that is required. `unprocessed`: the node says that it did not look
 * at the request (RFC 9113 §8.7). `exhausted`: this process has no descriptor left, or this machine no memory, for a connection.
 */
export type ResponseFault =
  | 'refused'
  | 'connect_timeout'
  | 'handshake'
  | 'certificate'
  | 'protocol'
  | 'send_timeout'
  | 'read_timeout'
  | 'reset'
  | 'malformed'
  | 'unprocessed'
  | 'exhausted';

/** How a connection comes about. */
export interface Dialer {
  /** The event of the socket after which requests may go out; until then nothing does. Null: they may at once. */
  readonly readyEvent: 'connect' | 'secureConnect' | null;
  /** Begins to connect. */
  dial(owner: OutgoingOwner): OwnedSocket;
  /** Told of a socket that ended before anything had come on it. @param isReady whether its `readyEvent` had @returns why */
  failed(socket: OwnedSocket, error: Error | null, isReady: boolean): ResponseFault;
}

/** What is short here, and says nothing about the node (connect(2), socket(2)). */
const SHORTAGES: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM']);

/** Why no connection came about. */
export function connectFault(error: NodeJS.ErrnoException | null): ResponseFault {
  return SHORTAGES.has(error?.code ?? '') ? 'exhausted' : 'refused';
}

/** Where the response goes. It ends with a piece that is complete, or with `onResponseFault`. */
export interface ResponseSink {
  /** Who shares a connection with many others is not sent much at once: what does not go out waits in memory. */
  readonly takesLittle?: boolean;
  /** An interim response (1xx, never 101); its head is in the parser's scratch memory. */
  onResponseInterim(status: number, head: string): void;
  /** Only of those who asked for another protocol: a 101, its head as above, and what came behind it; `release` or `abort` follows. */
  onResponseSwitch?(head: string, rest: Buffer): void;
  /**
   * The final head is in the parser's scratch memory; `head` is its text without the last CRLF. `onResponseStart` follows at
   * once, unless the request was aborted by then.
   * @returns how a chunked body is to be handed out
   */
  onResponseHead(status: number, head: string): 'coding' | 'codingWithTrailers' | 'data';
  /** Called once after `onResponseHead`, with what came along with it of the body. */
  onResponseStart(bytes: Buffer, start: number, end: number, isComplete: boolean): void;
  onResponseBody(bytes: Buffer, start: number, end: number, isComplete: boolean): void;
  /** The connection took what was sent, after `send` or `write` returned false. */
  onUpstreamWritable(): void;
  onResponseFault(fault: ResponseFault): void;
}

/** Who keeps the connection between requests. */
export interface ConnectionOwner {
  /** The connection can take another request. */
  onReusable(connection: ClientConnection): void;
  /** It cannot be used any more; called once for each connection. */
  onClosed(connection: ClientConnection): void;
  onException(error: unknown): void;
}

/** How the body of the current response is framed. */
export type ResponseFraming = 'none' | 'length' | 'chunked' | 'until_close';
