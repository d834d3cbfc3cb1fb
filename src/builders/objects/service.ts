/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Plugins } from '../plugins.ts';
import type { Upstream } from './upstream.ts';

/** What several routes share: plugins, an upstream, hosts. */
export interface Service {
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
  /** Hosts to match for routes that name none. Bounds: not empty; each once; each: 1 to 253 characters. */
  readonly hosts?: readonly string[];
  /** Plugins of all its routes; a route's configuration of the same plugin wins. */
  readonly plugins?: Plugins;
  /** The upstream of routes that name none. */
  readonly upstream?: Upstream;
  /** Upstream object for routes that name none. Bounds: 1 to 64 characters; ≥ 1. */
  readonly upstream_id?: string | number;
  /** Whether WebSocket upgrades pass on routes that do not say. */
  readonly enable_websocket?: boolean;
  /** A Lua script; refused. Bounds: 10 to 102400 characters. */
  readonly script?: string;
}

/** What several routes share: plugins, an upstream, hosts. */
export function service(attributes: Service): Service {
  return attributes;
}
