/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';

/** The attributes of debug-headers. */
export interface DebugHeaders {
  /** What tokens are signed with; `gatewright debug-token` makes them. Bounds: ≥ 32 characters; never printed. */
  readonly secret: string;
  /** Header of the request that the token comes in. It never goes on to the upstream. Default: `"X-Gatewright-Debug"`. Bounds: 1 to 64 characters. */
  readonly header?: string;
  /** Seconds; a token that expires later than that from now is refused. Default: `86400`. Bounds: 1 to 2592000. */
  readonly max_lifetime?: number;
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Tells callers with a signed token, in headers of the response, which rules made the answer. */
export function debugHeaders(attributes: DebugHeaders): { readonly 'debug-headers': DebugHeaders } {
  return { 'debug-headers': attributes };
}
