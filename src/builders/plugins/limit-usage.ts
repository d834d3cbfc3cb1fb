/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';

/** The attributes of limit-usage. */
export interface LimitUsage {
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Answers with what the limits of its route leave to the caller: a page of their own usage for consumers. */
export function limitUsage(attributes: LimitUsage = {}): { readonly 'limit-usage': LimitUsage } {
  return { 'limit-usage': attributes };
}
