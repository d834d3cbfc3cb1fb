/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';
import type { PluginMetadata } from '../objects/plugin-metadata.ts';

/** The attributes of jwe-decrypt. */
export interface JweDecrypt {
  /** Header that the token is read from. Default: `"Authorization"`. Bounds: not empty. */
  readonly header?: string;
  /** Header in which the upstream gets the plain text; nobody else can say it. Default: `"Authorization"`. Bounds: not empty. */
  readonly forward_header?: string;
  /** Whether requests without a token are refused with 403. Default: `true`. */
  readonly strict?: boolean;
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Decrypts tokens (JWE) with keys of consumers, and gives the upstream what was in them. */
export function jweDecrypt(attributes: JweDecrypt = {}): { readonly 'jwe-decrypt': JweDecrypt } {
  return { 'jwe-decrypt': attributes };
}

/** The attributes of jwe-decrypt on a consumer or credential. */
export interface JweDecryptCredential {
  /** What tokens name it by, as kid; unique among all consumers. Bounds: not empty. */
  readonly key: string;
  /** Key of 32 bytes. Bounds: not empty; never printed. */
  readonly secret: string;
  /** Whether secret is written in base64. Default: `false`. */
  readonly is_base64_encoded?: boolean;
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** jwe-decrypt on a consumer or credential: what identifies the caller. */
export function jweDecryptCredential(attributes: JweDecryptCredential): { readonly 'jwe-decrypt': JweDecryptCredential } {
  return { 'jwe-decrypt': attributes };
}

/** What all instances of jwe-decrypt share. */
export interface JweDecryptMetadata {
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

/** The item of `plugin_metadata` for jwe-decrypt. */
export function jweDecryptMetadata(attributes: JweDecryptMetadata): PluginMetadata {
  return { ...attributes, id: 'jwe-decrypt' };
}
