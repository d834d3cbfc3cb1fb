/** How forwarding reaches upstreams: real connections in the gateway, scripted ones in tests. */
import type { ResponseFraming, ResponseSink } from '../http1/client-settings.ts';
import type { OutgoingRequest } from '../http1/messages.ts';
import type { OwnedSocket } from '../http1/owned-socket.ts';
import type { OutgoingOwner } from '../http1/sockets.ts';
import type { CompiledNode, CompiledUpstream, UpstreamTimeouts } from '../compile/snapshot.ts';
import type { Http2Wish } from '../sdk/exchange.ts';

/** What plugins asked for of the connection to the node. */
export interface ConnectionWishes {
  /** What the connection begins with, before TLS too: then it serves this exchange alone. Null for nothing. */
  readonly preamble: Uint8Array | null;
  readonly http2: Http2Wish | null;
}

export interface OpenOptions {
  /** The request is a HEAD: its response has no body. */
  readonly isHead: boolean;
  readonly timeouts: UpstreamTimeouts;
  /** Never an idle connection: the retry after one that turned out to be stale. */
  readonly isFresh: boolean;
  /** What plugins asked for; null where nobody did. */
  readonly wishes: ConnectionWishes | null;
  /** The Host that is sent: over TLS, the name that is asked for and verified. */
  readonly authority: string;
}

export interface Transport {
  /** Takes a connection to the node for one exchange. It never throws: what goes wrong comes as `onResponseFault`, later. */
  open(upstream: CompiledUpstream, node: CompiledNode, sink: ResponseSink, options: OpenOptions): UpstreamStream;
}

/** One request to one node, and its response. */
export interface UpstreamStream {
  /** Another exchange used the connection before: it may have gone stale. */
  readonly isReused: boolean;
  readonly isConnected: boolean;
  /** The connection carries requests of other exchanges at the same time (HTTP/2), and may refuse this one without a look at it. */
  readonly isMultiplexed: boolean;
  /** Whether any byte of the response came. */
  readonly hasReceived: boolean;
  /** Of the response; valid from the sink's `onResponseHead` on. */
  readonly framing: ResponseFraming;
  /** Fields that came behind the body, each line with its CRLF; '' without. Valid while the sink is told that the body is complete. */
  readonly trailers: string;
  /** Sends head and begin of the body. @returns false: wait for the sink's `onUpstreamWritable` */
  send(request: OutgoingRequest, bytes: Uint8Array, start: number, end: number, isComplete: boolean): boolean;
  /** Fields behind the body, each line with its CRLF; to be called before the last piece. Absent: there is no place for them. */
  addTrailers?(text: string): void;
  /** Sends more of the body. @returns false: wait for the sink's `onUpstreamWritable` */
  write(bytes: Uint8Array, start: number, end: number, isComplete: boolean): boolean;
  /** Stops and continues the flow of the response. */
  pause(): void;
  resume(): void;
  /** Hands the connection to `owner` after a 101: it never serves another exchange, and the sink hears no more. */
  release(owner: OutgoingOwner): OwnedSocket;
  /** Gives the request up; the sink hears no more. */
  abort(): void;
}
