/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';

/** The attributes of bulkhead. */
export interface Bulkhead {
  /** Requests to the upstream at a time, of all workers, until the ends of their answers. Bounds: 1 to 1000000. */
  readonly max_concurrent?: number;
  /** Requests, of all workers, that may wait for a place; the others are refused at once. Default: `0`. Bounds: 0 to 1000000. */
  readonly max_pending?: number;
  /** The longest that one waits, in milliseconds. Default: `1000`. Bounds: 10 to 30000. */
  readonly pending_timeout_ms?: number;
  /** Connections to each node in use at a time, of all workers: a node that has so many is left out of the choice. Bounds: 1 to 1000000. */
  readonly max_connections?: number;
  /** What Retry-After tells who was refused, in seconds. Default: `1`. Bounds: 1 to 86400. */
  readonly retry_after_s?: number;
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Bounds how many requests an upstream and each of its nodes has at a time, and lets a few wait for a place. */
export function bulkhead(attributes: Bulkhead = {}): { readonly 'bulkhead': Bulkhead } {
  return { 'bulkhead': attributes };
}
