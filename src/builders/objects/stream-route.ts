/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Plugins } from '../plugins.ts';
import type { Upstream } from './upstream.ts';

/** Which TCP and UDP connections are matched, and where they go. */
export interface StreamRoute {
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
  /** Address or CIDR block of clients to match. Bounds: 1 to 64 characters. */
  readonly remote_addr?: string;
  /** Address or CIDR block of the gateway to match. Bounds: 1 to 64 characters. */
  readonly server_addr?: string;
  /** Port of the gateway to match. Bounds: 1 to 65535. */
  readonly server_port?: number;
  /** Server name to match. Bounds: 1 to 253 characters. */
  readonly sni?: string;
  /** Nodes that requests go to, and how one of them is chosen. */
  readonly upstream?: Upstream;
  /** Identifier: 1 to 64 letters, digits, "-", "_" and ".", or an integer from 1. Bounds: 1 to 64 characters; ≥ 1. */
  readonly upstream_id?: string | number;
  /** Identifier: 1 to 64 letters, digits, "-", "_" and ".", or an integer from 1. Bounds: 1 to 64 characters; ≥ 1. */
  readonly service_id?: string | number;
  /** Plugins by name, each with its attributes. */
  readonly plugins?: Plugins;
  /** The protocol inside. */
  readonly protocol?: {
    /** Bounds: not empty. */
    readonly name: string;
    /** Identifier: 1 to 64 letters, digits, "-", "_" and ".", or an integer from 1. Bounds: 1 to 64 characters; ≥ 1. */
    readonly superior_id?: string | number;
    readonly conf?: {
      readonly [name: string]: unknown;
    };
    readonly logger?: readonly {
      readonly [name: string]: unknown;
    }[];
  };
}

/** Which TCP and UDP connections are matched, and where they go. */
export function streamRoute(attributes: StreamRoute): StreamRoute {
  return attributes;
}
