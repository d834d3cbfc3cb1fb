/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';
import type { PluginMetadata } from '../objects/plugin-metadata.ts';

/** The attributes of hmac-auth. */
export interface HmacAuth {
  /** Algorithms that signatures may have. Default: `["hmac-sha1","hmac-sha256","hmac-sha512"]`. Bounds: not empty; each once. */
  readonly allowed_algorithms?: readonly ('hmac-sha1' | 'hmac-sha256' | 'hmac-sha512')[];
  /** Seconds by which Date may differ from the time here. Default: `300`. Bounds: ≥ 1. */
  readonly clock_skew?: number;
  /** Headers that a signature must cover, whatever else it covers. Default: `["date"]`. Bounds: ≤ 64 items; each once; each: not empty. */
  readonly signed_headers?: readonly string[];
  /** Whether it must cover method and target too, as @request-target: by default it has to, unless `gateway.profile` is apisix. Our own. */
  readonly require_request_target?: boolean;
  /** Whether a signature lets in one request only; kept in the memory of limits for twice clock_skew. Our own. Default: `false`. */
  readonly reject_replays?: boolean;
  /** Whether the body must be the one whose SHA-256 is in Digest. Default: `false`. */
  readonly validate_request_body?: boolean;
  /** Bytes of a body that are read for that; longer ones are answered with 413. Default: `67108864`. Bounds: ≥ 1. */
  readonly max_req_body_size?: number;
  /** Whether the credentials are taken out of what the upstream gets. Default: `false`. */
  readonly hide_credentials?: boolean;
  /** Consumer that callers without valid credentials are treated as; without it they are refused. Bounds: not empty. */
  readonly anonymous_consumer?: string;
  /** Realm in the WWW-Authenticate header of a refusal. Default: `"hmac"`. Bounds: not empty. */
  readonly realm?: string;
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Lets in callers that sign their requests with a key that a consumer shares with the gateway. */
export function hmacAuth(attributes: HmacAuth = {}): { readonly 'hmac-auth': HmacAuth } {
  return { 'hmac-auth': attributes };
}

/** The attributes of hmac-auth on a consumer or credential. */
export interface HmacAuthCredential {
  /** What signatures name the key by, as keyId; unique among all consumers. Bounds: not empty. */
  readonly key_id: string;
  /** Key of both sides. Bounds: not empty; never printed. */
  readonly secret_key: string;
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** hmac-auth on a consumer or credential: what identifies the caller. */
export function hmacAuthCredential(attributes: HmacAuthCredential): { readonly 'hmac-auth': HmacAuthCredential } {
  return { 'hmac-auth': attributes };
}

/** What all instances of hmac-auth share. */
export interface HmacAuthMetadata {
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

/** The item of `plugin_metadata` for hmac-auth. */
export function hmacAuthMetadata(attributes: HmacAuthMetadata): PluginMetadata {
  return { ...attributes, id: 'hmac-auth' };
}
