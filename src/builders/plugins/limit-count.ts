/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';
import type { PluginMetadata } from '../objects/plugin-metadata.ts';

/** The attributes of limit-count. */
export interface LimitCount {
  /** Requests allowed per window; a number, or a variable such as "${http_quota ?? 5}". Bounds: 1 to 2147483647; not empty. */
  readonly count?: number | string;
  /** Length of the window in seconds; a number or a variable. Bounds: 1 to 2147483647; not empty. */
  readonly time_window?: number | string;
  /** fixed: the window begins with its first request; sliding: the last window counts by how much of it still overlaps. Default: `"fixed"`. */
  readonly window_type?: 'fixed' | 'sliding';
  /** Several limits at once, in place of count, time_window and key. What one refuses, later ones do not count. Bounds: 1 to 64 items. */
  readonly rules?: readonly {
    /** Requests allowed per window. Bounds: 1 to 2147483647; not empty. */
    readonly count: number | string;
    /** Length of the window in seconds. Bounds: 1 to 2147483647; not empty. */
    readonly time_window: number | string;
    /** Variables that requests are counted by, such as "$http_a $http_b"; without any value the rule is skipped. Bounds: not empty. */
    readonly key: string;
    /** X-PREFIX-RateLimit-… headers; the number of the rule, from 1, if it has none. Bounds: 1 to 64 characters. */
    readonly header_prefix?: string;
  }[];
  /** What a request counts for; a number, or a variable such as "${http_cost ?? 1}". Default: `1`. Bounds: 0 to 2147483647; not empty. */
  readonly cost?: number | string;
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
  /** Whether responses carry X-RateLimit-Limit, -Remaining and -Reset. Default: `true`. */
  readonly show_limit_quota_header?: boolean;
  /** Whether responses carry RateLimit and RateLimit-Policy as well (draft-ietf-httpapi-ratelimit-headers). Default: `false`. */
  readonly standard_headers?: boolean;
  /** Everything with the same group counts together, wherever it is configured. Bounds: not empty. */
  readonly group?: string;
  /** Where counts are kept; local: in this gateway, all its workers together; the others: in Redis, all gateways together. Default: `"local"`. */
  readonly policy?: 'local' | 'redis' | 'redis-cluster' | 'redis-sentinel';
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
  /** The sentinels; needed with policy redis-sentinel. Bounds: 1 to 100 items. */
  readonly redis_sentinels?: readonly {
    /** Address of the sentinel. Bounds: 1 to 255 characters. */
    readonly host: string;
    /** Its port. Bounds: 1 to 65535. */
    readonly port: number;
  }[];
  /** Name of the master; needed with policy redis-sentinel. Bounds: not empty. */
  readonly redis_master_name?: string;
  /** Which server of the sentinels; only the master can count. Default: `"master"`. */
  readonly redis_role?: 'master' | 'slave';
  /** For connecting, in milliseconds; with redis_read_timeout the bound of a decision. Default: `1000`. Bounds: 1 to 60000. */
  readonly redis_connect_timeout?: number;
  /** For an answer, in milliseconds. Default: `1000`. Bounds: 1 to 60000. */
  readonly redis_read_timeout?: number;
  /** User of the ACL of the sentinels. Bounds: not empty. */
  readonly sentinel_username?: string;
  /** Password of the sentinels. Bounds: not empty; never printed. */
  readonly sentinel_password?: string;
  /** Seconds after which a worker tells Redis what it has let in, from 0.1 on: no request waits for Redis, and the limit is approximate. −1, or nothing: every request is counted there at once, exactly. Bounds: -1 to 3600. */
  readonly sync_interval?: number;
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Lets so many requests pass in a window of time, and refuses the others. */
export function limitCount(attributes: LimitCount = {}): { readonly 'limit-count': LimitCount } {
  return { 'limit-count': attributes };
}

/** What all instances of limit-count share. */
export interface LimitCountMetadata {
  /** Header with what is allowed. Default: `"X-RateLimit-Limit"`. Bounds: 1 to 128 characters. */
  readonly limit_header?: string;
  /** Header with what is left. Default: `"X-RateLimit-Remaining"`. Bounds: 1 to 128 characters. */
  readonly remaining_header?: string;
  /** Header with the seconds until the count begins anew or, where it does not all at once, until there is room again. Default: `"X-RateLimit-Reset"`. Bounds: 1 to 128 characters. */
  readonly reset_header?: string;
}

/** The item of `plugin_metadata` for limit-count. */
export function limitCountMetadata(attributes: LimitCountMetadata): PluginMetadata {
  return { ...attributes, id: 'limit-count' };
}
