/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';
import type { PluginMetadata } from '../objects/plugin-metadata.ts';

/** The attributes of openid-connect. */
export interface OpenidConnect {
  /** Who the gateway is to the provider. Bounds: 1 to 1024 characters. */
  readonly client_id: string;
  /** Its secret there; not needed where all methods are private_key_jwt. Bounds: 1 to 4096 characters; never printed. */
  readonly client_secret?: string;
  /** URL of the provider's discovery document. */
  readonly discovery: string;
  /** What is asked for, with spaces between; without openid the provider tells nobody's name. Default: `"openid"`. Bounds: 1 to 1024 characters. */
  readonly scope?: string;
  /** What a token must have been granted; others are answered with 403. Bounds: ≤ 100 items; each: not empty. */
  readonly required_scopes?: readonly string[];
  /** Realm in the WWW-Authenticate header of a refusal. Default: `"apisix"`. Bounds: not empty. */
  readonly realm?: string;
  /** Whether callers must bring an access token: nobody is sent to log in. Default: `false`. */
  readonly bearer_only?: boolean;
  /** Path that logs out. Default: `"/logout"`. */
  readonly logout_path?: string;
  /** Where a browser is sent after that. */
  readonly post_logout_redirect_uri?: string;
  /** Where the provider sends browsers back to; by default the path that was asked for with /.apisix/redirect behind it. */
  readonly redirect_uri?: string;
  /** Path on which the provider may end sessions by itself (OpenID Connect Back-Channel Logout); an addition. */
  readonly backchannel_logout_path?: string;
  /** Within which the provider must answer each request, in seconds. Default: `3`. Bounds: 1 to 60. */
  readonly timeout?: number;
  /** Whether the provider's certificate is verified. Default: `true`. */
  readonly ssl_verify?: boolean;
  /** Where tokens are introspected, in place of what the discovery document says. */
  readonly introspection_endpoint?: string;
  /** How the gateway proves there who it is. Default: `"client_secret_basic"`. */
  readonly introspection_endpoint_auth_method?: 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt' | 'client_secret_jwt';
  /** How it does so elsewhere; where the provider does not offer that, by the first of its methods that is one of these. Default: `"client_secret_basic"`. */
  readonly token_endpoint_auth_method?: 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt' | 'client_secret_jwt';
  /** Public key (PEM) that access tokens are verified with, instead of by introspection. Bounds: 1 to 16384 characters. */
  readonly public_key?: string;
  /** Whether access tokens are verified with the provider's published keys, instead of by introspection. Default: `false`. */
  readonly use_jwks?: boolean;
  /** Whether a log-in is bound to its beginning by PKCE (RFC 7636). Default: `true`. */
  readonly use_pkce?: boolean;
  /** Pushed authorization requests (RFC 9126). Default: `{}`. */
  readonly par?: {
    /** Whether the parameters of a log-in are sent to the provider directly. Default: `false`. */
    readonly enabled?: boolean;
    /** Where to, in place of what the discovery document says. */
    readonly endpoint?: string;
    /** How the gateway proves there who it is; as elsewhere unless told. */
    readonly endpoint_auth_method?: 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt' | 'client_secret_jwt';
  };
  /** Access tokens that are bound to a key of the gateway (RFC 9449). Default: `{}`. */
  readonly dpop?: {
    /** Whether they are. Default: `false`. */
    readonly enabled?: boolean;
    /** How proofs are signed. Default: `"ES256"`. */
    readonly signing_alg?: 'ES256' | 'RS256' | 'PS256';
    /** Key (PEM, PKCS #8) that signs them. Bounds: 1 to 16384 characters; never printed. */
    readonly private_key?: string;
    /** Its public part as a JWK. */
    readonly public_jwk?: {
      readonly [name: string]: unknown;
    };
  };
  /** The one algorithm that tokens may be signed with; HS… with the client secret. */
  readonly token_signing_alg_values_expected?: string;
  /** Whether the upstream gets the access token, in X-Access-Token. Default: `true`. */
  readonly set_access_token_header?: boolean;
  /** Whether it gets it in Authorization instead. Default: `false`. */
  readonly access_token_in_authorization_header?: boolean;
  /** Whether it gets what the ID token says, as JSON in base64, in X-ID-Token. Default: `true`. */
  readonly set_id_token_header?: boolean;
  /** Whether it gets the signed ID token, in X-Raw-ID-Token. Default: `false`. */
  readonly set_raw_id_token_header?: boolean;
  /** Whether it gets what is known of the user, as JSON in base64, in X-Userinfo. Default: `true`. */
  readonly set_userinfo_header?: boolean;
  /** Whether it gets the refresh token, in X-Refresh-Token. Default: `false`. */
  readonly set_refresh_token_header?: boolean;
  /** How people stay logged in; without it, with a secret that follows from that of the client. */
  readonly session?: {
    /** What sessions and log-ins under way are encrypted with; the same on all gateways that share them. Bounds: 16 to 1024 characters; never printed. */
    readonly secret: string;
    /** Name of the cookie. Default: `"session"`. Bounds: 1 to 64 characters. */
    readonly cookie_name?: string;
    /** Paths that browsers send the cookie to. Default: `"/"`. Bounds: 1 to 256 characters. */
    readonly cookie_path?: string;
    /** Domain that browsers send it to; by default the host alone. Bounds: 1 to 256 characters. */
    readonly cookie_domain?: string;
    /** Whether browsers send it over https only; by default, where it was given over https. */
    readonly cookie_secure?: boolean;
    /** Whether scripts of a page cannot read it. Default: `true`. */
    readonly cookie_http_only?: boolean;
    /** Which pages of others browsers send it from; Default leaves that to the browser. Default: `"Lax"`. */
    readonly cookie_same_site?: 'Strict' | 'Lax' | 'None' | 'Default';
    /** How long a session lives without a request, in seconds. Default: `900`. Bounds: 1 to 31536000. */
    readonly idling_timeout?: number;
    /** How long it lives before it is renewed, which a request in the last quarter does, in seconds. Default: `3600`. Bounds: 1 to 31536000. */
    readonly rolling_timeout?: number;
    /** How long it lives at most, in seconds; 86400 unless told. Bounds: 1 to 31536000. */
    readonly absolute_timeout?: number;
    /** An earlier spelling. Default: `{}`. */
    readonly cookie?: {
      /** The same as absolute_timeout, which goes before it. Bounds: 1 to 31536000. */
      readonly lifetime?: number;
    };
    /** Where sessions are: with the browser, encrypted, or in Redis. Default: `"cookie"`. */
    readonly storage?: 'cookie' | 'redis';
    /** The server of storage redis. Default: `{}`. */
    readonly redis?: {
      /** Its address. Default: `"127.0.0.1"`. Bounds: 1 to 255 characters. */
      readonly host?: string;
      /** Its port. Default: `6379`. Bounds: 1 to 65535. */
      readonly port?: number;
      /** User of its ACL. Bounds: not empty. */
      readonly username?: string;
      /** Password of that user, or of the server. Bounds: not empty; never printed. */
      readonly password?: string;
      /** Number of the database. Default: `0`. Bounds: ≥ 0. */
      readonly database?: number;
      /** First part of the keys. Default: `"sessions"`. Bounds: 1 to 64 characters. */
      readonly prefix?: string;
      /** Whether the connection is encrypted. Default: `false`. */
      readonly ssl?: boolean;
      /** Whether its certificate is verified. Default: `true`. */
      readonly ssl_verify?: boolean;
      /** Name that the certificate is to be for, in place of the host. Bounds: not empty. */
      readonly server_name?: string;
      /** Part of what a call may take, in milliseconds: the three are added. Default: `1000`. Bounds: 1 to 60000. */
      readonly connect_timeout?: number;
      /** Another part of it. Default: `1000`. Bounds: 1 to 60000. */
      readonly send_timeout?: number;
      /** The third part of it. Default: `1000`. Bounds: 1 to 60000. */
      readonly read_timeout?: number;
      /** After which a connection that nobody needs is closed, in milliseconds. Default: `10000`. Bounds: 1000 to 86400000. */
      readonly keepalive_timeout?: number;
    };
  };
  /** What a session keeps; without it, everything. What it does not keep, the upstream does not get. */
  readonly session_contents?: {
    /** The access token, with the refresh token. */
    readonly access_token?: boolean;
    /** What the ID token says. */
    readonly id_token?: boolean;
    /** The signed ID token. */
    readonly enc_id_token?: boolean;
    /** What is known of the user. */
    readonly user?: boolean;
  };
  /** What becomes of callers without a session: auth sends them to log in, deny answers 401, pass lets them through unknown. Default: `"auth"`. */
  readonly unauth_action?: 'auth' | 'deny' | 'pass';
  /** Refused: is not supported: the provider is asked directly; let a network rule send that through a proxy. */
  readonly proxy_opts?: never;
  /** Further parameters for the beginning of a log-in. Bounds: ≤ 50 attributes. */
  readonly authorization_params?: {
    readonly [name: string]: string;
  };
  /** Key (PEM) that private_key_jwt signs with. Bounds: 1 to 16384 characters; never printed. */
  readonly client_rsa_private_key?: string;
  /** Its id. Bounds: 1 to 256 characters. */
  readonly client_rsa_private_key_id?: string;
  /** How long such a signature is good for, in seconds. Default: `60`. Bounds: 1 to 3600. */
  readonly client_jwt_assertion_expires_in?: number;
  /** How it signs; RS256 with private_key_jwt and HS256 with client_secret_jwt unless told. */
  readonly client_jwt_assertion_alg?: 'HS256' | 'HS512' | 'RS256' | 'RS512' | 'ES256' | 'ES512';
  /** Whom it is meant for; the endpoint unless told. Bounds: 1 to 1024 characters. */
  readonly client_jwt_assertion_audience?: string;
  /** Whether an access token that has expired is renewed by the refresh token. Default: `true`. */
  readonly renew_access_token_on_expiry?: boolean;
  /** How long an access token is good for where the provider does not say, in seconds. Bounds: 1 to 31536000. */
  readonly access_token_expires_in?: number;
  /** After which the provider is asked, without a question to the user, whether the log-in still holds, in seconds. Bounds: 1 to 31536000. */
  readonly refresh_session_interval?: number;
  /** How far the provider's clock may be off, in seconds. Default: `120`. Bounds: 0 to 3600. */
  readonly iat_slack?: number;
  /** ID tokens without signature are never accepted. Default: `false`. */
  readonly accept_none_alg?: boolean;
  /** ID tokens whose signature cannot be verified are never accepted. Default: `false`. */
  readonly accept_unsupported_alg?: boolean;
  /** A session that is good is used. Default: `false`. */
  readonly force_reauthorize?: boolean;
  /** How long before it expires an access token is renewed, in seconds. Default: `0`. Bounds: 0 to 86400. */
  readonly access_token_expires_leeway?: number;
  /** Whether an ID token must answer the very log-in that was begun. Default: `true`. */
  readonly use_nonce?: boolean;
  /** Whether the provider is told at a logout that the tokens are not needed any more. Default: `false`. */
  readonly revoke_tokens_on_logout?: boolean;
  /** How long the provider's keys are kept, in seconds; for an unknown one they are asked for anew, at most every ten seconds. Default: `86400`. Bounds: 1 to 31536000. */
  readonly jwk_expires_in?: number;
  /** Whether every access token is verified anew each time. Default: `false`. */
  readonly jwt_verification_cache_ignore?: boolean;
  /** Name that keeps the verified tokens of this configuration apart from those of others. Bounds: 1 to 64 characters. */
  readonly cache_segment?: string;
  /** How long the answer of an introspection counts at most, in seconds; 0: until the token expires. Default: `0`. Bounds: 0 to 86400. */
  readonly introspection_interval?: number;
  /** Claim that says when that is. Default: `"exp"`. Bounds: not empty. */
  readonly introspection_expiry_claim?: string;
  /** Headers of the request that introspections are sent with as well. Bounds: ≤ 20 items; each: not empty. */
  readonly introspection_addon_headers?: readonly string[];
  /** What access tokens must say. Default: `{}`. */
  readonly claim_validator?: {
    /** Who may have made them. */
    readonly issuer?: {
      /** The issuers; the one of the discovery document unless told. Bounds: 1 to 100 items; each: not empty. */
      readonly valid_issuers?: readonly string[];
    };
    /** Whom they are meant for. */
    readonly audience?: {
      /** Claim that says so. Default: `"aud"`. Bounds: not empty. */
      readonly claim?: string;
      /** Whether it must be there. Default: `false`. */
      readonly required?: boolean;
      /** Whether the gateway must be among them, by its client_id. Default: `false`. */
      readonly match_with_client_id?: boolean;
    };
  };
  /** JSON Schema that access_token, id_token and user must follow together. */
  readonly claim_schema?: {
    readonly [name: string]: unknown;
  };
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Lets people in who log in at an OpenID Connect provider, and callers with an access token of it. */
export function openidConnect(attributes: OpenidConnect): { readonly 'openid-connect': OpenidConnect } {
  return { 'openid-connect': attributes };
}

/** What all instances of openid-connect share. */
export interface OpenidConnectMetadata {
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

/** The item of `plugin_metadata` for openid-connect. */
export function openidConnectMetadata(attributes: OpenidConnectMetadata): PluginMetadata {
  return { ...attributes, id: 'openid-connect' };
}
