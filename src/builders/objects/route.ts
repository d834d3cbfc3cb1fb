/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Plugins } from '../plugins.ts';
import type { Upstream } from './upstream.ts';

/** Which requests are matched, and what becomes of them. */
export interface Route {
  /** Identifier: 1 to 64 letters, digits, "-", "_" and ".", or an integer from 1. Bounds: 1 to 64 characters; ≥ 1. */
  readonly id?: string | number;
  /** Seconds since 1970, written by whoever stores the object. Bounds: ≥ 0. */
  readonly create_time?: number;
  /** Seconds since 1970, written by whoever stores the object. Bounds: ≥ 0. */
  readonly update_time?: number;
  /** A name for people; it need not be unique. Bounds: 1 to 256 characters. */
  readonly name?: string;
  /** What the object is for. Bounds: ≤ 256 characters. */
  readonly desc?: string;
  /** Key-value pairs to find objects by. */
  readonly labels?: {
    readonly [name: string]: string;
  };
  /** Path to match: exact, or a prefix that ends with *. Bounds: 1 to 4096 characters. */
  readonly uri?: string;
  /** Paths, any of which is matched. Bounds: not empty; each once; each: 1 to 4096 characters. */
  readonly uris?: readonly string[];
  /** Host to match, *.example.com for all below it. Bounds: 1 to 253 characters. */
  readonly host?: string;
  /** Hosts, any of which is matched. Bounds: not empty; each once; each: 1 to 253 characters. */
  readonly hosts?: readonly string[];
  /** Methods to match; all if empty or absent. Bounds: each once. */
  readonly methods?: readonly ('GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH' | 'HEAD' | 'OPTIONS' | 'CONNECT' | 'TRACE' | 'PURGE')[];
  /** Address or CIDR block of clients to match. Bounds: 1 to 64 characters. */
  readonly remote_addr?: string;
  /** Addresses and blocks, any of which is matched. Bounds: not empty; each once; each: 1 to 64 characters. */
  readonly remote_addrs?: readonly string[];
  /** Among routes with the same path the highest is matched first. Default: `0`. */
  readonly priority?: number;
  /** Conditions on variables: [variable, operator, value]. */
  readonly vars?: readonly unknown[];
  /** A Lua function; refused. Bounds: ≥ 10 characters. */
  readonly filter_func?: string;
  /** A Lua script; refused. Bounds: 10 to 102400 characters. */
  readonly script?: string;
  /** Identifier: 1 to 64 letters, digits, "-", "_" and ".", or an integer from 1. Bounds: 1 to 64 characters; ≥ 1. */
  readonly script_id?: string | number;
  /** Plugins by name, each with its attributes. */
  readonly plugins?: Plugins;
  /** Plugin config to merge below the plugins of the route. Bounds: 1 to 64 characters; ≥ 1. */
  readonly plugin_config_id?: string | number;
  /** The upstream to forward to. */
  readonly upstream?: Upstream;
  /** Upstream object to forward to. Bounds: 1 to 64 characters; ≥ 1. */
  readonly upstream_id?: string | number;
  /** Service that the route belongs to. Bounds: 1 to 64 characters; ≥ 1. */
  readonly service_id?: string | number;
  /** How long the upstream may take, in seconds. */
  readonly timeout?: {
    /** Until the connection is established. Bounds: ≤ 2147483; > 0. */
    readonly connect: number;
    /** Between two successive writes. Bounds: ≤ 2147483; > 0. */
    readonly send: number;
    /** Between two successive reads. Bounds: ≤ 2147483; > 0. */
    readonly read: number;
  };
  /** Whether WebSocket upgrades pass; the service's value by default. */
  readonly enable_websocket?: boolean;
  /** 1: enabled; 0: as if it were not there. Default: `1`. */
  readonly status?: 0 | 1;
}

/** Which requests are matched, and what becomes of them. */
export function route(attributes: Route): Route {
  return attributes;
}
