/** Made by "npm run reference" from the schemas: changes belong there. */

/** A protocol buffers definition. */
export interface Proto {
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
  /** The text of a .proto file, or a descriptor set in base64. Bounds: 1 to 1048576 characters. */
  readonly content: string;
}

/** A protocol buffers definition. */
export function proto(attributes: Proto): Proto {
  return attributes;
}
