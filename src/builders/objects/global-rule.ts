/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Plugins } from '../plugins.ts';

/** Plugins that run for every request, before those of its route. */
export interface GlobalRule {
  /** Identifier: 1 to 64 letters, digits, "-", "_" and ".", or an integer from 1. Bounds: 1 to 64 characters; ≥ 1. */
  readonly id?: string | number;
  /** Seconds since 1970, written by whoever stores the object. Bounds: ≥ 0. */
  readonly create_time?: number;
  /** Seconds since 1970, written by whoever stores the object. Bounds: ≥ 0. */
  readonly update_time?: number;
  /** Plugins by name, each with its attributes. */
  readonly plugins: Plugins;
}

/** Plugins that run for every request, before those of its route. */
export function globalRule(attributes: GlobalRule): GlobalRule {
  return attributes;
}
