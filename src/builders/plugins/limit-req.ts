/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';

/** The attributes of limit-req. */
export interface LimitReq {
  /** Requests a second. What comes faster waits for its turn, as far as burst allows. Bounds: ≤ 1000000000; > 0. */
  readonly rate: number;
  /** Requests that may wait; all others are refused. Bounds: 0 to 1000000000. */
  readonly burst: number;
  /** Whether what burst allows passes at once, instead of at the rate. Default: `false`. */
  readonly nodelay?: boolean;
  /** var: key is a variable; var_combination: a text with $variables; constant: the same for every request. Default: `"var"`. */
  readonly key_type?: 'var' | 'var_combination' | 'constant';
  /** Bits of an IPv6 client address that count: with 64, all addresses of one network, which a single client has, count as one. Default: `128`. Bounds: 1 to 128. */
  readonly ipv6_prefix?: number;
  /** By what requests are counted; where the request has no such value, by its address. Bounds: not empty. */
  readonly key: string;
  /** Status of a refusal. Default: `503`. Bounds: 200 to 599. */
  readonly rejected_code?: number;
  /** error_msg in the body of a refusal. Bounds: not empty. */
  readonly rejected_msg?: string;
  /** Whether requests pass for which the limit cannot be determined, instead of being answered with 500. Default: `false`. */
  readonly allow_degradation?: boolean;
  /** Where counts are kept; local: in this gateway, all its workers together; the others: in Redis, all gateways together. Default: `"local"`. */
  readonly policy?: 'local' | 'redis' | 'redis-cluster';
  /** Address of the server; needed with policy redis. Bounds: 1 to 255 characters. */
  readonly redis_host?: string;
  /** Port of the server. Default: `6379`. Bounds: 1 to 65535. */
  readonly redis_port?: number;
  /** User of its ACL. Bounds: not empty. */
  readonly redis_username?: string;
  /** Password of that user, or of the server. Bounds: not empty; never printed. */
  readonly redis_password?: string;
  /** Whether the connection to the server is encrypted. Default: `false`. */
  readonly redis_ssl?: boolean;
  /** Whether its certificate is verified. Default: `false`. */
  readonly redis_ssl_verify?: boolean;
  /** Number of the database. Default: `0`. Bounds: ≥ 0. */
  readonly redis_database?: number;
  /** Within which a request is decided, connecting included, in milliseconds. Default: `1000`. Bounds: 1 to 60000. */
  readonly redis_timeout?: number;
  /** After which a connection that no request needs is closed, in milliseconds. Default: `10000`. Bounds: 1000 to 86400000. */
  readonly redis_keepalive_timeout?: number;
  /** Unused connections to a server that each worker keeps at most. It never has more than one, which every value allows. Default: `100`. Bounds: ≥ 1. */
  readonly redis_keepalive_pool?: number;
  /** Some nodes of the cluster, each as host:port; needed with policy redis-cluster. Bounds: 1 to 1000 items; each: not empty. */
  readonly redis_cluster_nodes?: readonly string[];
  /** Name of the cluster; needed with policy redis-cluster. Bounds: not empty. */
  readonly redis_cluster_name?: string;
  /** Whether connections to the cluster are encrypted. Default: `false`. */
  readonly redis_cluster_ssl?: boolean;
  /** Whether its certificates are verified. Default: `false`. */
  readonly redis_cluster_ssl_verify?: boolean;
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Lets requests pass at an even rate: a bounded number of those that come faster waits, the others are refused. */
export function limitReq(attributes: LimitReq): { readonly 'limit-req': LimitReq } {
  return { 'limit-req': attributes };
}
