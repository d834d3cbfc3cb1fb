/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';

/** The attributes of load-shedding. */
export interface LoadShedding {
  /** The lowest are refused first; 9 never is. That of a consumer goes before that of its route. Default: `5`. Bounds: 0 to 9. */
  readonly priority?: number;
  /** What Retry-After tells who was refused, in seconds. Default: `2`. Bounds: 1 to 86400. */
  readonly retry_after_s?: number;
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Refuses requests of low priority with 503 while a worker has more to do than it can. */
export function loadShedding(attributes: LoadShedding = {}): { readonly 'load-shedding': LoadShedding } {
  return { 'load-shedding': attributes };
}
