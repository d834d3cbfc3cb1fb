/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';
import type { PluginMetadata } from '../objects/plugin-metadata.ts';

/** The attributes of key-auth. */
export interface KeyAuth {
  /** Header that the key is read from. Default: `"apikey"`. Bounds: not empty. */
  readonly header?: string;
  /** Query argument that the key is read from where the header is missing. Default: `"apikey"`. Bounds: not empty. */
  readonly query?: string;
  /** Whether the credentials are taken out of what the upstream gets. Default: `false`. */
  readonly hide_credentials?: boolean;
  /** Consumer that callers without valid credentials are treated as; without it they are refused. Bounds: not empty. */
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

/** What all instances of key-auth share. */
export interface KeyAuthMetadata {
  /** Which attempts the error log tells of, each with who, from where, on which route and why. Default: `"refused"`. */
  readonly events?: 'none' | 'refused' | 'all';
  /** What guessing costs: see docs/authentication.md. Default: `{}`. */
  readonly damping?: {
    /** Wrong credentials that an address may send at once before it is answered with 429; 0: no bound. By default 30 for passwords and keys, and no bound for signatures and tokens, which nobody guesses, and with `gateway.profile: apisix`; with `blocks: all` always 30. Bounds: 0 to 1000000. */
    readonly failures?: number;
    /** Time in which so many are forgiven, evenly, in seconds. Default: `60`. Bounds: 1 to 86400. */
    readonly window_s?: number;
    /** What an address beyond its bound gets 429 for: failures: further wrong credentials; all: whatever it sends, before anybody looks at it. Default: `"failures"`. */
    readonly blocks?: 'failures' | 'all';
  };
}

/** The item of `plugin_metadata` for key-auth. */
export function keyAuthMetadata(attributes: KeyAuthMetadata): PluginMetadata {
  return { ...attributes, id: 'key-auth' };
}
