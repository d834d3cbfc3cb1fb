/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';

/** The attributes of upstream-proxy-protocol. */
export interface UpstreamProxyProtocol {
  /** Of the PROXY protocol: 1 is a line of text, 2 is binary. The nodes have to expect it. Default: `1`. */
  readonly version?: 1 | 2;
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Tells upstreams by the PROXY protocol who the client is. */
export function upstreamProxyProtocol(attributes: UpstreamProxyProtocol = {}): { readonly 'upstream-proxy-protocol': UpstreamProxyProtocol } {
  return { 'upstream-proxy-protocol': attributes };
}
