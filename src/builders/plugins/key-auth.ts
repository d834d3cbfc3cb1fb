/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';

/** The attributes of key-auth. */
export interface KeyAuth {
  /** Header that the key is read from. Default: `"apikey"`. Bounds: not empty. */
  readonly header?: string;
  /** Query argument that the key is read from where the header is missing. Default: `"apikey"`. Bounds: not empty. */
  readonly query?: string;
  /** Whether the key is taken out of what the upstream gets. Default: `false`. */
  readonly hide_credentials?: boolean;
  /** Consumer that callers without a valid key are treated as; without it they are refused. Bounds: not empty. */
  readonly anonymous_consumer?: string;
  /** Realm in the WWW-Authenticate header of a refusal. Default: `"key"`. Bounds: not empty. */
  readonly realm?: string;
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Lets in callers that send a key of a consumer, in a header or in the query. */
export function keyAuth(attributes: KeyAuth = {}): { readonly 'key-auth': KeyAuth } {
  return { 'key-auth': attributes };
}

/** The attributes of key-auth on a consumer or credential. */
export interface KeyAuthCredential {
  /** The key; unique among all consumers. Bounds: not empty; never printed. */
  readonly key: string;
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** key-auth on a consumer or credential: what identifies the caller. */
export function keyAuthCredential(attributes: KeyAuthCredential): { readonly 'key-auth': KeyAuthCredential } {
  return { 'key-auth': attributes };
}
