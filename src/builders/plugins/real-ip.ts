/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';

/** The attributes of real-ip. */
export interface RealIp {
  /** Variable that has the address, with or without a port; in a list, the nearest proxy is last. Bounds: 1 to 256 characters. */
  readonly source: string;
  /** Addresses and CIDR blocks of the proxies that are believed; by default `gateway.trusted_addresses`, and everybody with `gateway.profile: apisix`. Bounds: 1 to 10000 items; each: not empty. */
  readonly trusted_addresses?: readonly string[];
  /** Whether those of a list that are trusted are passed over: the last one that is not is the client. Default: `false`. */
  readonly recursive?: boolean;
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Takes the address of the client from what a proxy in front says. */
export function realIp(attributes: RealIp): { readonly 'real-ip': RealIp } {
  return { 'real-ip': attributes };
}
