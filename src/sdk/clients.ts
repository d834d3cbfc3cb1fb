/** What reaches beyond the gateway: the clients that `host.connect` makes. */

/** The kinds of clients, by the name that `connect` takes. */
export interface Clients {
  readonly http: { readonly options: HttpClientOptions; readonly client: HttpClient };
  readonly redis: { readonly options: RedisClientOptions; readonly client: RedisClient };
  readonly ldap: { readonly options: LdapClientOptions; readonly client: LdapClient };
}

export type ClientKind = keyof Clients;

/** Bounds hold for each request; one of them can be made tighter there. */
export interface HttpClientOptions {
  /** From the request to the last byte of its answer, waiting for a connection included. Default 3000. */
  readonly timeout_ms?: number;
  /** Of an answer's body. Default 1 MiB. */
  readonly max_response_bytes?: number;
  /** Whether connections are used again. Default true. */
  readonly keepalive?: boolean;
  /** Connections to one origin at once; further requests wait. Default 100. */
  readonly connections?: number;
  /** How many of them stay open while they are not used. Default: all. */
  readonly idle_connections?: number;
  /** For how long. Default 4000: less than most servers wait before they close them. */
  readonly idle_ms?: number;
  /** Redirects that are followed, for GET and HEAD and within the origin only. Default 0: they are answers like any other. */
  readonly redirects?: number;
  readonly tls?: ClientTls;
}

export interface ClientTls {
  /** Whether certificate and host name are verified. Default true. */
  readonly verify?: boolean;
  /** Certificates (PEM) that are trusted in place of those of `gateway.upstream_tls.trusted_certificates`. */
  readonly ca?: string;
  /** The client's own certificate and key (PEM). */
  readonly cert?: string;
  readonly key?: string;
  /** Name for SNI and verification, in place of the URL's host. */
  readonly server_name?: string;
}

/** Requests to systems outside. Nothing is read from the environment: no proxy, no credentials. */
export interface HttpClient {
  /**
   * Sends a request and reads the whole answer, whatever its status. Rejects with a `ClientError`; with a TypeError for
   * a URL that is not http or https, or has credentials in it: those go into a header.
   */
  request(request: HttpRequest): Promise<HttpAnswer>;
  /** The same up to the answer's head; the body comes as it comes, bounded in time only between two pieces. It is to be read or given up. */
  open(request: HttpRequest): Promise<HttpStream>;
}

export interface HttpRequest {
  /** Absolute. */
  readonly url: string;
  /** Default GET. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Uint8Array;
  readonly timeout_ms?: number;
  readonly max_response_bytes?: number;
  /** Whether it does no harm to send it twice, although its method does not say so: where the server closed an idle connection. */
  readonly isRepeatable?: boolean;
}

export interface HttpHead {
  readonly status: number;
  /** Of any spelling; the values of a repeated one are joined with a comma, those of Set-Cookie are not: the first counts. */
  header(name: string): string | undefined;
  /** In their order, with the names as sent. */
  headerEntries(): [name: string, value: string][];
}

export interface HttpAnswer extends HttpHead {
  readonly body: Uint8Array;
  /** The body as UTF-8. */
  text(): string;
  /** Throws SyntaxError if the body is no JSON. */
  json(): unknown;
}

export interface HttpStream extends HttpHead {
  /** To be read once. Rejects with a `ClientError`; leaving the loop gives the answer up. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Gives the answer up. */
  abort(): void;
}

/** Which servers of Redis: one, some nodes of a cluster, or the master or a replica that sentinels name. */
export type RedisServers =
  | { readonly kind: 'single'; readonly host: string; readonly port: number }
  | { readonly kind: 'cluster'; readonly nodes: readonly RedisAddress[] }
  | {
      readonly kind: 'sentinel';
      readonly sentinels: readonly RedisAddress[];
      readonly master_name: string;
      readonly role: 'master' | 'slave';
      readonly username?: string;
      readonly password?: string;
    };

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

export interface RedisClientOptions {
  readonly servers: RedisServers;
  /** With ACL; `password` alone where the server has `requirepass`. */
  readonly username?: string;
  readonly password?: string;
  /** Default 0; a cluster has no other. */
  readonly database?: number;
  /** From a call to its answer, connecting included. Default 1000. */
  readonly timeout_ms?: number;
  /** Connections are closed after so long without a call, and made anew with the next one. Default 0: they stay open. */
  readonly idle_ms?: number;
  /** Without it, connections are not encrypted. */
  readonly tls?: ClientTls;
}

/** A script that the server runs as one step. It is sent once, and named by its digest from then on. */
export interface RedisScript {
  /** Letters; unique among the scripts of a client. */
  readonly name: string;
  readonly lua: string;
}

/**
 * One connection to each server, used by all calls. Never sends anything twice: where a connection breaks, it is not
 * known whether the server did what it was asked. While there is no connection, calls fail at once.
 */
export interface RedisClient {
  /** Rejects with a `ClientError`. In a cluster, all keys must lie in one slot. */
  run(script: RedisScript, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
  /** One command, on the server of `key`. Rejects with a `ClientError`. */
  command(name: string, key: string, ...args: readonly (string | number)[]): Promise<unknown>;
}

export interface LdapClientOptions {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte, after StartTLS, or none. */
  readonly security: 'tls' | 'starttls' | 'none';
  readonly tls?: ClientTls;
  /** From a call to its answer, waiting for a connection included. Default 10000. */
  readonly timeout_ms?: number;
  /** Who searches; without it, nobody in particular does. */
  readonly search_as?: { readonly dn: string; readonly password: string };
  /** Connections at once; further calls wait. Default 100. */
  readonly connections?: number;
  /** How many of them stay open while they are not used, 0 for none. Default 5. */
  readonly idle_connections?: number;
  /** For how long. Default 60000. */
  readonly idle_ms?: number;
}

/** A directory that is asked who somebody is. Nothing is ever sent twice, or without the encryption that was asked for. */
export interface LdapClient {
  /**
   * Whether the directory takes the password for that of the entry: a simple bind (RFC 4513 §5.1.3). Never true for an empty
   * password or DN, which a directory would take for nobody in particular (§5.1.2). Rejects with a `ClientError` for whatever
   * else it answers: `rejected`, with its result code as `status`.
   */
  accepts(dn: string, password: string): Promise<boolean>;
  /** DNs of entries with that value. Rejects with a `ClientError`; `rejected` also where `search_as` is not accepted. */
  find(search: LdapSearch): Promise<readonly string[]>;
}

export interface LdapSearch {
  /** DN of the subtree that is searched. */
  readonly base: string;
  readonly attribute: string;
  /** Compared as it is, whatever it holds: there is no filter that it could be part of. */
  readonly value: string;
  /** Entries that are wanted; where there are more, the others are left out. */
  readonly most: number;
  /** For the directory, in seconds; 0 for its own bound. */
  readonly limit_s: number;
}

/**
 * `refused`: no connection; `tls`: the certificate is not the right one; `timeout`; `reset`: it broke off; `malformed`: no HTTP;
 * `too_large`; `rejected`: the server says no; `closed`: the client's owner is gone; `without_effects`: this is a check or an explanation.
 */
export type ClientFault =
  | 'refused'
  | 'tls'
  | 'timeout'
  | 'reset'
  | 'malformed'
  | 'too_large'
  | 'rejected'
  | 'closed'
  | 'without_effects';

/** Why a client has no answer. The message is for the log, never for a client of the gateway. */
export class ClientError extends Error {
  readonly fault: ClientFault;
  /** What the head of an HTTP answer said whose body did not come, or was too long; the result code of a directory; 0 for none. */
  readonly status: number;

  constructor(fault: ClientFault, message: string, options: ErrorOptions & { readonly status?: number } = {}) {
    super(message, options);
    this.name = 'ClientError';
    this.fault = fault;
    this.status = options.status ?? 0;
  }
}
