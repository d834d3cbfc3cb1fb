/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';

/** The attributes of uri-blocker. */
export interface UriBlocker {
  /** Regular expressions. They are looked for in path and query, as the client wrote them and normalised. Bounds: ≤ 10000 items; each once; each: 1 to 4096 characters. */
  readonly block_rules: readonly string[];
  /** Status of a refusal. Default: `403`. Bounds: 200 to 599. */
  readonly rejected_code?: number;
  /** Its `error_msg`. Bounds: not empty. */
  readonly rejected_msg?: string;
  /** Whether upper and lower case are the same. Default: `false`. */
  readonly case_insensitive?: boolean;
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Refuses requests whose URI one of some patterns finds. */
export function uriBlocker(attributes: UriBlocker): { readonly 'uri-blocker': UriBlocker } {
  return { 'uri-blocker': attributes };
}
