/** Made by "npm run reference" from the schemas: changes belong there. */
import type { ConsumerPlugins } from '../plugins.ts';

/** One of several ways in which a consumer authenticates. */
export interface Credential {
  /** USERNAME/credentials/ID. */
  readonly id?: string;
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
  /** Exactly one authentication plugin. Bounds: 1 attributes. */
  readonly plugins: ConsumerPlugins;
}

/** One of several ways in which a consumer authenticates. */
export function credential(attributes: Credential): Credential {
  return attributes;
}
