/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';

/** The attributes of referer-restriction. */
export interface RefererRestriction {
  /** Hosts, with `*` in front for all that end so: only requests from their pages pass. Bounds: 1 to 10000 items; each: 1 to 253 characters. */
  readonly whitelist?: readonly string[];
  /** Hosts, with `*` in front for all that end so: requests from their pages are refused. Bounds: 1 to 10000 items; each: 1 to 253 characters. */
  readonly blacklist?: readonly string[];
  /** The message of a refusal. Default: `"Your referer host is not allowed"`. Bounds: 1 to 1024 characters. */
  readonly message?: string;
  /** Whether requests without `Referer`, or with a malformed one, pass; otherwise they are refused. Default: `false`. */
  readonly bypass_missing?: boolean;
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Lets in requests by the host of the page that they come from, as Referer names it. */
export function refererRestriction(attributes: RefererRestriction = {}): { readonly 'referer-restriction': RefererRestriction } {
  return { 'referer-restriction': attributes };
}
