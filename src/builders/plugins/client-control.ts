/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';

/** The attributes of client-control. */
export interface ClientControl {
  /** Longest body, in bytes; a longer one is answered with 413. 0, or none, is no bound here. Bounds: ≥ 0. */
  readonly max_body_size?: number;
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Bounds the size of request bodies. */
export function clientControl(attributes: ClientControl = {}): { readonly 'client-control': ClientControl } {
  return { 'client-control': attributes };
}
