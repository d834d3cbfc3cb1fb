/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';

/** The attributes of ua-restriction. */
export interface UaRestriction {
  /** Whether requests without `User-Agent`, or with an empty one, pass; otherwise they are refused. Default: `false`. */
  readonly bypass_missing?: boolean;
  /** Regular expressions: only user agents in which one of them is found pass. Bounds: 1 to 10000 items; each: not empty. */
  readonly allowlist?: readonly string[];
  /** Regular expressions: user agents in which one of them is found are refused. Bounds: 1 to 10000 items; each: not empty. */
  readonly denylist?: readonly string[];
  /** The message of a refusal. Default: `"Not allowed"`. Bounds: 1 to 1024 characters. */
  readonly message?: string;
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Lets in user agents that a list allows, or all but those that a list denies. */
export function uaRestriction(attributes: UaRestriction = {}): { readonly 'ua-restriction': UaRestriction } {
  return { 'ua-restriction': attributes };
}
