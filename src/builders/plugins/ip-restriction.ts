/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';

/** The attributes of ip-restriction. */
export interface IpRestriction {
  /** Addresses and CIDR blocks, IPv4 or IPv6, that may pass; all others are refused. Bounds: not empty; each: not empty. */
  readonly whitelist?: readonly string[];
  /** Addresses and CIDR blocks, IPv4 or IPv6, that are refused; all others may pass. Bounds: not empty; each: not empty. */
  readonly blacklist?: readonly string[];
  /** The message of a refusal. Default: `"Your IP address is not allowed"`. Bounds: 1 to 1024 characters. */
  readonly message?: string;
  /** Status of a refusal. Default: `403`. Bounds: 403 to 404. */
  readonly response_code?: number;
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Lets in clients by their addresses: only those of a list, or all but those. */
export function ipRestriction(attributes: IpRestriction = {}): { readonly 'ip-restriction': IpRestriction } {
  return { 'ip-restriction': attributes };
}
