/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';
import type { PluginMetadata } from '../objects/plugin-metadata.ts';

/** The attributes of limit-token-bucket. */
export interface LimitTokenBucket {
  /** Tokens that come into the bucket in a second. Bounds: ≤ 1000000000; > 0. */
  readonly rate: number;
  /** Tokens that the bucket holds: what may come at once after a rest. A new bucket is full. Bounds: 1 to 2147483647. */
  readonly capacity: number;
  /** Tokens that a request takes; a number, or a variable such as "${http_cost ?? 1}". Default: `1`. Bounds: 0 to 2147483647; not empty. */
  readonly cost?: number | string;
  /** var: key is a variable; var_combination: a text with $variables; constant: the same for every request. Default: `"var"`. */
  readonly key_type?: 'var' | 'var_combination' | 'constant';
  /** Bits of an IPv6 client address that count: with 64, all addresses of one network, which a single client has, count as one. Default: `128`. Bounds: 1 to 128. */
  readonly ipv6_prefix?: number;
  /** By what requests are counted; where the request has no such value, by its address. Default: `"remote_addr"`. Bounds: not empty. */
  readonly key?: string;
  /** Status of a refusal. Default: `429`. Bounds: 200 to 599. */
  readonly rejected_code?: number;
  /** error_msg in the body of a refusal. Bounds: not empty. */
  readonly rejected_msg?: string;
  /** Whether requests pass for which the limit cannot be determined, instead of being answered with 500. Default: `false`. */
  readonly allow_degradation?: boolean;
  /** Whether responses carry X-RateLimit-Limit, -Remaining and -Reset. Default: `true`. */
  readonly show_limit_quota_header?: boolean;
  /** Whether responses carry RateLimit and RateLimit-Policy as well (draft-ietf-httpapi-ratelimit-headers). Default: `false`. */
  readonly standard_headers?: boolean;
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
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Lets requests pass that find a token in their bucket, which fills at an even rate, and refuses the others. */
export function limitTokenBucket(attributes: LimitTokenBucket): { readonly 'limit-token-bucket': LimitTokenBucket } {
  return { 'limit-token-bucket': attributes };
}

/** What all instances of limit-token-bucket share. */
export interface LimitTokenBucketMetadata {
  /** Header with what is allowed. Default: `"X-RateLimit-Limit"`. Bounds: 1 to 128 characters. */
  readonly limit_header?: string;
  /** Header with what is left. Default: `"X-RateLimit-Remaining"`. Bounds: 1 to 128 characters. */
  readonly remaining_header?: string;
  /** Header with the seconds until the count begins anew or, where it does not all at once, until there is room again. Default: `"X-RateLimit-Reset"`. Bounds: 1 to 128 characters. */
  readonly reset_header?: string;
}

/** The item of `plugin_metadata` for limit-token-bucket. */
export function limitTokenBucketMetadata(attributes: LimitTokenBucketMetadata): PluginMetadata {
  return { ...attributes, id: 'limit-token-bucket' };
}
