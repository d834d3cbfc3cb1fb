/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';

/** The attributes of upstream-http2. */
export interface UpstreamHttp2 {
  /** Whether nodes with the scheme `https` have to speak HTTP/2: 502 `upstream_protocol` where one does not. By default such a node is spoken to in HTTP/1.1. Default: `false`. */
  readonly required?: boolean;
  /** Whether nodes with the scheme `http` are spoken to in HTTP/2 in the clear. They have to know that: nothing asks them. Default: `false`. */
  readonly prior_knowledge?: boolean;
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Speaks HTTP/2 to upstreams that do, on connections that requests share. */
export function upstreamHttp2(attributes: UpstreamHttp2 = {}): { readonly 'upstream-http2': UpstreamHttp2 } {
  return { 'upstream-http2': attributes };
}
