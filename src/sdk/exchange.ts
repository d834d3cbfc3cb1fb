/** One request and its response, as plugins see them. */
import type { Upstream } from './host.ts';

/**
 * Names a value that plugins share through an exchange; the type travels with it. Two keys are never the same, whatever
 * their names. Make it once, at module level, for what several plugins or instances share; make it in `create` for what one
 * instance keeps from one phase to the next: an exchange can have two instances of a plugin, a global rule's and its route's.
 */
export interface ExchangeKey<T> {
  readonly name: string;
  /** Only for the type; never there. */
  readonly value?: T;
}

/** `const userKey = exchangeKey<User>('user')`. */
export function exchangeKey<T>(name: string): ExchangeKey<T> {
  return { name };
}

/** The claims of the token that `jwt-auth` let the caller in by, where it is told to keep them (`store_in_ctx`). */
export const JWT_PAYLOAD: ExchangeKey<Readonly<Record<string, unknown>>> = exchangeKey('jwt_auth_payload');

export interface Exchange {
  /** Unique across workers and restarts; in the error log, and in access logs as `exchange_id`. */
  readonly id: string;
  /** By which client and upstream know the request: `id` unless a plugin set another one. In error bodies and access logs. */
  readonly requestId: string;
  /**
   * Throws TypeError for what is not 1 to 256 printable ASCII characters without space.
   *
   * @param isSound the caller made it of such characters, or looked at each of them, so that nobody has to do it again
   */
  setRequestId(id: string, isSound?: boolean): void;
  /** Of the configuration that decides about this exchange. */
  readonly revision: number;
  readonly request: ExchangeRequest;
  /** Of the upstream or of a Reply. There from the phase `responseHead` on; before that, reading it throws. */
  readonly response: ExchangeResponse;
  /** What matched; empty strings where nothing did. */
  readonly route: RouteFacts;
  /** Set by an authentication plugin in `rewrite`; null for anonymous traffic. */
  readonly consumer: Consumer | null;
  /** Peer address, textual. */
  readonly remoteAddress: string;
  /** Whether the peer is among `gateway.trusted_addresses`: what it says in X-Forwarded-* fields is believed. */
  readonly isPeerTrusted: boolean;
  /** Since the arrival of the request head, in milliseconds. */
  readonly elapsed_ms: number;
  /** The consumers and credentials that carry this plugin, by what identifies them (see `consumerKey`). */
  findConsumer(plugin: string, key: string): ConsumerMatch | undefined;
  /** A consumer by its username, for `anonymous_consumer`. */
  consumerNamed(username: string): Consumer | undefined;
  /** Makes the caller known. Phase `rewrite` only; the consumer's own plugins run from then on. Throws afterwards. */
  authenticate(consumer: Consumer, credentialId?: string): void;
  /** A variable of APISIX and nginx (`remote_addr`, `arg_x`, `http_x`, `cookie_x`, `consumer_name`, …); undefined if unset. */
  variable(name: string): string | undefined;
  /**
   * Gives a variable a value, from now on and for everyone who asks: plugins, log formats, hash keys. It goes before one that
   * the gateway has under that name. Throws TypeError for a name other than lower-case letters, digits and underscores.
   */
  setVariable(name: string, value: string): void;
  /** Resolves after `delay_ms` (at once for 0), or when the exchange is over. For phases that hold the request back. */
  delay(delay_ms: number): Promise<void>;
  /** Whether nothing can be done for it any more: it was answered, or the client is gone. */
  readonly isOver: boolean;
  /** Calls back once when the exchange is over, however that came, after the phase `log`; at once if it is over already. */
  onOver(callback: () => void): void;
  /** Of the upstream that the request is to go to, such as `upstreams/7` or `routes/1`; '' if there is none. */
  readonly upstreamKey: string;
  /** Sends the request to another upstream than the route's. Phases up to `access`; later it throws. */
  useUpstream(upstream: Upstream): void;
  /**
   * The connection to the node begins with the PROXY protocol, which says who the client is, and serves this request alone.
   * Phases up to `beforeProxy`; later it throws.
   */
  sendProxyProtocol(version: 1 | 2): void;
  /**
   * Nodes with the scheme `https` choose between HTTP/2 and HTTP/1.1, and exchanges share connections of HTTP/2. WebSocket goes
   * by HTTP/1.1 all the same. Phases up to `beforeProxy`; later it throws.
   */
  useHttp2(wish: Http2Wish): void;
  /** Who the client is where a proxy stands between: `remoteAddress`, `remote_addr`, X-Real-IP and the log say it from now on. */
  setRemoteAddress(address: string, port: string): void;
  /** The plugin of that name does not run for this exchange, in none of the phases that are still to come. */
  skipPlugin(name: string): void;
  get<T>(key: ExchangeKey<T>): T | undefined;
  set<T>(key: ExchangeKey<T>, value: T): void;
  /** What is known when the exchange is over: complete in the phase `log` only. */
  readonly outcome: Outcome;
}

export interface Http2Wish {
  /** Nodes with the scheme `https` that do not choose HTTP/2 serve nothing: 502 `upstream_protocol`. */
  readonly required: boolean;
  /** Nodes with the scheme `http` are spoken to in HTTP/2 without being asked. */
  readonly priorKnowledge: boolean;
}

export interface RouteFacts {
  readonly id: string;
  readonly name: string;
  readonly serviceId: string;
  readonly serviceName: string;
  /** The pattern that matched, as it was written. */
  readonly uri: string;
  /** The host of the route that matched, as it was written; '' if the route has none. */
  readonly host: string;
}

/** The request on its way to the upstream. Changes are allowed until it is sent (phases up to `beforeProxy`); later ones throw. */
export interface ExchangeRequest {
  readonly method: string;
  /** As sent: path and query, not normalised. */
  readonly target: string;
  /** Normalised, without query. */
  readonly path: string;
  /** Without question mark; '' if there is none. */
  readonly query: string;
  /** Lower case, without port. */
  readonly host: string;
  readonly scheme: 'http' | 'https';
  /** The port that the client connected to. */
  readonly port: number;
  readonly httpVersion: '1.0' | '1.1' | '2';
  /** First value of a header, by any spelling of its name; changes of plugins are seen. */
  header(name: string): string | undefined;
  /** All values of a header. */
  headerAll(name: string): string[];
  /** All headers, in their order, with the names as sent. */
  headerEntries(): [name: string, value: string][];
  /** Replaces every value. Throws TypeError for an invalid name, a value with CR, LF or NUL, or a header that frames the message. */
  setHeader(name: string, value: string): void;
  addHeader(name: string, value: string): void;
  removeHeader(name: string): void;
  /** First value of a query argument, decoded. */
  argument(name: string): string | undefined;
  setMethod(method: string): void;
  /** What is forwarded instead: a path that begins with a slash, already encoded. Routing is over and does not look again. */
  setPath(path: string): void;
  /** Without question mark. */
  setQuery(query: string): void;
  /** The Host header that the upstream gets. */
  setHost(host: string): void;
  /**
   * The whole body, without its transfer coding; null if it is longer than `max_bytes`, or does not come whole: it then passes
   * on as if nobody had asked. Phases up to `beforeProxy`; the request waits meanwhile. The plugin declares
   * `buffers: 'request'`. The bytes are not to be changed: see `setBody`.
   */
  readBody(max_bytes: number): Promise<Uint8Array | null>;
  /** Puts another body in the place of the client's, with its length. What of that is still to come is read and dropped. */
  setBody(body: string | Uint8Array): void;
  /** Answers 413 once the body, without its transfer coding, is longer. Phases up to `beforeProxy`. */
  limitBody(max_bytes: number): void;
  /** Keeps a copy of the first bytes of the body while it passes on: see `keptBody`. */
  keepBody(max_bytes: number): void;
  /** What `keepBody` kept so far, without the transfer coding. */
  readonly keptBody: Uint8Array;
}

/** The response on its way to the client. Changes are allowed in the phase `responseHead`; later ones throw. */
export interface ExchangeResponse {
  readonly status: number;
  header(name: string): string | undefined;
  headerAll(name: string): string[];
  headerEntries(): [name: string, value: string][];
  setStatus(status: number): void;
  setHeader(name: string, value: string): void;
  addHeader(name: string, value: string): void;
  removeHeader(name: string): void;
  /** Puts a body in the place of the one that comes: what comes is read and dropped. */
  replaceBody(body: string | Uint8Array): void;
  /** Sends the body through the phase `responseBody` of this instance; without it that phase does not run for this exchange. */
  transformBody(): void;
  /**
   * The same with the whole body as one piece, before the head is sent: `responseBody` may then still change status and
   * fields. A longer body than `max_bytes` is answered with 502 `response_too_large`. The plugin declares `buffers: 'response'`.
   */
  transformWholeBody(max_bytes: number): void;
  /**
   * Cuts the response off, so that no client takes it for complete; `code` is the reason in log and metrics: lower case with
   * underscores. Phase `responseBody`; what that call returns is dropped. Where the head was not sent yet, the client gets 502.
   */
  breakOff(code: string): void;
  /** Whether the upstream answered, rather than the gateway. */
  readonly isFromUpstream: boolean;
}

/** Who calls. */
export interface Consumer {
  readonly username: string;
  readonly groupId: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly customId: string;
}

/** What a key led to. */
export interface ConsumerMatch {
  readonly consumer: Consumer;
  /** Id of the credential, '' where the consumer itself carries the plugin. */
  readonly credentialId: string;
  /** The plugin's attributes there, with their defaults. */
  readonly config: unknown;
}

export interface Outcome {
  readonly status: number;
  /** Of the body, as sent to the client. */
  readonly bodyBytesSent: number;
  readonly bodyBytesReceived: number;
  /** Whole exchange, in milliseconds. */
  readonly duration_ms: number;
  /** Part of it spent waiting for upstreams. */
  readonly upstream_ms: number;
  /** Of the last attempt, `host:port`; '' if none was made. */
  readonly node: string;
  /** `host` of the last attempt. */
  readonly nodeHost: string;
  readonly attempts: number;
  /** Why the gateway answered, '' if the upstream did. */
  readonly errorCode: string;
}
