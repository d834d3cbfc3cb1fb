/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';

/** The attributes of request-id. */
export interface RequestId {
  /** Header that carries the id. An id that the request brings in it is kept, if it is one value of at most 256 printable ASCII characters. Default: `"X-Request-Id"`. Bounds: 1 to 256 characters. */
  readonly header_name?: string;
  /** Whether the response carries the id too. Default: `true`. */
  readonly include_in_response?: boolean;
  /** How ids are made: uuid: random, RFC 9562 version 4; nanoid: 21 URL-safe characters; range_id: characters of a set; ksuid: sortable by time. Default: `"uuid"`. */
  readonly algorithm?: 'uuid' | 'nanoid' | 'range_id' | 'ksuid';
  /** For the algorithm range_id. Default: `{}`. */
  readonly range_id?: {
    /** Characters that ids are made of. Default: `"abcdefghijklmnopqrstuvwxyzABCDEFGHIGKLMNOPQRSTUVWXYZ0123456789"`. Bounds: 6 to 256 characters. */
    readonly char_set?: string;
    /** Characters of an id. Default: `16`. Bounds: 6 to 256. */
    readonly length?: number;
  };
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Gives every request an id, passes it to the upstream and returns it to the client. */
export function requestId(attributes: RequestId = {}): { readonly 'request-id': RequestId } {
  return { 'request-id': attributes };
}
