/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';
import type { PluginMetadata } from '../objects/plugin-metadata.ts';

/** The attributes of jwt-auth. */
export interface JwtAuth {
  /** Header that the token is read from, with the scheme Bearer or none. Default: `"authorization"`. Bounds: not empty. */
  readonly header?: string;
  /** Query argument that it is read from where the header is missing. Default: `"jwt"`. Bounds: not empty. */
  readonly query?: string;
  /** Cookie that it is read from where both are missing. Default: `"jwt"`. Bounds: not empty. */
  readonly cookie?: string;
  /** Whether the credentials are taken out of what the upstream gets. Default: `false`. */
  readonly hide_credentials?: boolean;
  /** Claim that names the credential by its key, such as iss. Default: `"key"`. Bounds: not empty. */
  readonly key_claim_name?: string;
  /** Claims of time that must hold where a token has them. Default: `["exp","nbf"]`. Bounds: not empty; each once. */
  readonly claims_to_verify?: readonly ('exp' | 'nbf')[];
  /** Whether other plugins find the claims in the exchange, under the key JWT_PAYLOAD. Default: `false`. */
  readonly store_in_ctx?: boolean;
  /** Consumer that callers without valid credentials are treated as; without it they are refused. Bounds: not empty. */
  readonly anonymous_consumer?: string;
  /** Realm in the WWW-Authenticate header of a refusal. Default: `"jwt"`. Bounds: not empty. */
  readonly realm?: string;
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Lets in callers that send a token (JWT) which a consumer, or somebody whom it trusts, has signed. */
export function jwtAuth(attributes: JwtAuth = {}): { readonly 'jwt-auth': JwtAuth } {
  return { 'jwt-auth': attributes };
}

/** The attributes of jwt-auth on a consumer or credential. */
export interface JwtAuthCredential {
  /** What tokens name it by; unique among all consumers. Bounds: not empty. */
  readonly key: string;
  /** The one algorithm that its tokens are signed with. Default: `"HS256"`. */
  readonly algorithm?: 'HS256' | 'HS384' | 'HS512' | 'RS256' | 'RS384' | 'RS512' | 'ES256' | 'ES384' | 'ES512' | 'PS256' | 'PS384' | 'PS512' | 'EdDSA';
  /** Key of both sides; needed with HS256, HS384 and HS512. Bounds: not empty; never printed. */
  readonly secret?: string;
  /** Whether secret is written in base64. Default: `false`. */
  readonly base64_secret?: boolean;
  /** Public key (PEM), or a certificate; needed with all other algorithms, unless there is jwks_url. Bounds: not empty. */
  readonly public_key?: string;
  /** Address at which the keys are published as a JWK Set, in place of public_key. Our own. Bounds: not empty. */
  readonly jwks_url?: string;
  /** Of tokens that APISIX signs. Tokens are not signed here, and say themselves when they expire. Default: `86400`. Bounds: ≥ 1. */
  readonly exp?: number;
  /** Seconds by which the clocks of both sides may differ. Default: `0`. Bounds: ≥ 0. */
  readonly lifetime_grace_period?: number;
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** jwt-auth on a consumer or credential: what identifies the caller. */
export function jwtAuthCredential(attributes: JwtAuthCredential): { readonly 'jwt-auth': JwtAuthCredential } {
  return { 'jwt-auth': attributes };
}

/** What all instances of jwt-auth share. */
export interface JwtAuthMetadata {
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
  /** Tokens that were verified and that each worker keeps, for all routes that verify alike, so as not to verify them again. Default: `4096`. Bounds: 0 to 1000000. */
  readonly cached_tokens?: number;
  /** How keys are fetched that are published at an address. Default: `{}`. */
  readonly jwks?: {
    /** For an answer, connecting included, in milliseconds; as long a request waits at most. Default: `3000`. Bounds: 1 to 30000. */
    readonly timeout_ms?: number;
    /** An address is asked once in so many seconds at most, by all workers together, also where it fails. Default: `10`. Bounds: 1 to 3600. */
    readonly refetch_s?: number;
    /** Keys that are older are fetched anew: as long a key is believed after it was taken back. Default: `300`. Bounds: 1 to 86400. */
    readonly max_age_s?: number;
    /** For so long beyond max_age_s keys are used that cannot be fetched anew, in seconds. Default: `3600`. Bounds: 0 to 604800. */
    readonly stale_s?: number;
    /** Certificates (PEM) by which those of the addresses are verified, in place of the system’s. Bounds: not empty. */
    readonly ca?: string;
  };
}

/** The item of `plugin_metadata` for jwt-auth. */
export function jwtAuthMetadata(attributes: JwtAuthMetadata): PluginMetadata {
  return { ...attributes, id: 'jwt-auth' };
}
