/** Made by "npm run reference" from the schemas: changes belong there. */
import type { ConsumerPlugins } from '../plugins.ts';

/** A caller that authentication plugins recognise. */
export interface Consumer {
  /** Identifier: 1 to 64 letters, digits, "-", "_" and ".", or an integer from 1. Bounds: 1 to 64 characters; ≥ 1. */
  readonly id?: string | number;
  /** Seconds since 1970, written by whoever stores the object. Bounds: ≥ 0. */
  readonly create_time?: number;
  /** Seconds since 1970, written by whoever stores the object. Bounds: ≥ 0. */
  readonly update_time?: number;
  /** Name of the consumer, and its id. Bounds: 1 to 100 characters. */
  readonly username: string;
  /** What the object is for. Bounds: ≤ 256 characters. */
  readonly desc?: string;
  /** Key-value pairs to find objects by. */
  readonly labels?: {
    readonly [name: string]: string;
  };
  /** Consumer group whose plugins it has. Bounds: 1 to 64 characters; ≥ 1. */
  readonly group_id?: string | number;
  /** What authenticates it, and plugins for its requests. */
  readonly plugins?: ConsumerPlugins;
}

/** A caller that authentication plugins recognise. */
export function consumer(attributes: Consumer): Consumer {
  return attributes;
}
