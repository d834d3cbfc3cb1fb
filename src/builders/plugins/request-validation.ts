/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';

/** The attributes of request-validation. */
export interface RequestValidation {
  /** Longest body that is held to be checked, in bytes; a longer one is answered with 413. Default: `67108864`. Bounds: 1 to 268435456. */
  readonly max_req_body_size?: number;
  /** Schema of the header: an object of fields, whose names match in any case. */
  readonly header_schema?: {
    readonly [name: string]: unknown;
  };
  /** Schema of the body: JSON, or a form by its Content-Type. */
  readonly body_schema?: {
    readonly [name: string]: unknown;
  };
  /** Status of a refusal. Default: `400`. Bounds: 200 to 599. */
  readonly rejected_code?: number;
  /** Its body; by default, what is wrong. Bounds: 1 to 256 characters. */
  readonly rejected_msg?: string;
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Lets in requests whose header and body follow a JSON Schema. */
export function requestValidation(attributes: RequestValidation = {}): { readonly 'request-validation': RequestValidation } {
  return { 'request-validation': attributes };
}
