/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';

/** The attributes of limit-conn. */
export interface LimitConn {
  /** Requests that may be under way at the same time; a number, or a variable such as "${http_quota ?? 5}". Bounds: 1 to 2147483647; not empty. */
  readonly conn?: number | string;
  /** Requests beyond conn that are delayed; those beyond conn + burst are refused. Bounds: 0 to 2147483647; not empty. */
  readonly burst?: number | string;
  /** How long a request beyond conn is delayed, in seconds, for each one that it is beyond. Bounds: ≤ 50; > 0. */
  readonly default_conn_delay: number;
  /** Whether all requests beyond conn are delayed for the same time. Default: `false`. */
  readonly only_use_default_delay?: boolean;
  /** Several limits at once, in place of conn, burst and key; the longest delay counts. Bounds: 1 to 64 items. */
  readonly rules?: readonly {
    /** Requests that may be under way at the same time; a number, or a variable such as "${http_quota ?? 5}". Bounds: 1 to 2147483647; not empty. */
    readonly conn: number | string;
    /** Requests beyond conn that are delayed; those beyond conn + burst are refused. Bounds: 0 to 2147483647; not empty. */
    readonly burst: number | string;
    /** Variables that requests are counted by, such as "$http_a $http_b"; without any value the rule is skipped. Bounds: not empty. */
    readonly key: string;
  }[];
  /** var: key is a variable; var_combination: a text with $variables; constant: the same for every request. Default: `"var"`. */
  readonly key_type?: 'var' | 'var_combination' | 'constant';
  /** Bits of an IPv6 client address that count: with 64, all addresses of one network, which a single client has, count as one. Default: `128`. Bounds: 1 to 128. */
  readonly ipv6_prefix?: number;
  /** By what requests are counted; where the request has no such value, by its address. Default: `"remote_addr"`. Bounds: not empty. */
  readonly key?: string;
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
  /** Seconds after which a request that never ended frees its place in Redis. Nothing to policy local. Default: `3600`. Bounds: ≥ 1. */
  readonly key_ttl?: number;
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Bounds how many requests are under way at the same time; some more are delayed, the others are refused. */
export function limitConn(attributes: LimitConn): { readonly 'limit-conn': LimitConn } {
  return { 'limit-conn': attributes };
}
