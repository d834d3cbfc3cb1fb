/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';

/** The attributes of mocking. */
export interface Mocking {
  /** How long the answer waits, in seconds. Default: `0`. Bounds: 0 to 50. */
  readonly delay?: number;
  /** Status of the answer. Default: `200`. Bounds: 200 to 599. */
  readonly response_status?: number;
  /** Its `Content-Type`. Default: `"application/json;charset=utf8"`. Bounds: 1 to 256 characters. */
  readonly content_type?: string;
  /** Its body, with variables such as `$remote_addr`. */
  readonly response_example?: string;
  /** A JSON Schema that the body is made up by, where there is no `response_example`. */
  readonly response_schema?: {
    readonly [name: string]: unknown;
  };
  /** Whether the answer says `x-mock-by: Gatewright`. Default: `true`. */
  readonly with_mock_header?: boolean;
  /** Further fields of the answer. Bounds: not empty. */
  readonly response_headers?: {
    readonly [name: string]: string | number;
  };
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Answers in place of an upstream that is not there yet, with an example or with random values. */
export function mocking(attributes: Mocking = {}): { readonly 'mocking': Mocking } {
  return { 'mocking': attributes };
}
