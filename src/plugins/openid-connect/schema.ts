/** The attributes of openid-connect. */
import { hkdfSync } from 'node:crypto';
import type { Infer, Schema } from '../../sdk/index.ts';
import { realmAttribute } from '../auth-attributes.ts';
import { DEFAULT_SESSION, flag, SECONDS, SESSION } from './session-schema.ts';

const METHODS = ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'client_secret_jwt'] as const;
const HTTP_URL = {
  type: 'string',
  pattern: '^https?://[^\\s/?#]+(?:[/?][^\\s#]*)?$',
  remedy: 'is no URL of the kind https://host/path, without fragment',
} as const satisfies Schema;
/** An attribute of APISIX's that is refused where it is true. */
const never = (remedy: string, description: string) =>
  ({ type: 'boolean', default: false, not: { const: true }, remedy, description }) as const satisfies Schema;

export const OPENID_SCHEMA = {
  type: 'object',
  required: ['client_id', 'discovery'],
  properties: {
    client_id: { type: 'string', minLength: 1, maxLength: 1024, description: 'Who the gateway is to the provider.' },
    client_secret: {
      type: 'string',
      minLength: 1,
      maxLength: 4096,
      secret: true,
      description: 'Its secret there; not needed where all methods are private_key_jwt.',
    },
    discovery: { ...HTTP_URL, description: "URL of the provider's discovery document." },
    scope: {
      type: 'string',
      minLength: 1,
      maxLength: 1024,
      default: 'openid',
      description: "What is asked for, with spaces between; without openid the provider tells nobody's name.",
    },
    required_scopes: {
      type: 'array',
      items: { type: 'string', minLength: 1 },
      maxItems: 100,
      description: 'What a token must have been granted; others are answered with 403.',
    },
    realm: realmAttribute('apisix'),
    bearer_only: flag(false, 'Whether callers must bring an access token: nobody is sent to log in.'),
    logout_path: {
      type: 'string',
      pattern: '^/[^\\s?#]*$',
      remedy: 'is no path: write /logout',
      default: '/logout',
      description: 'Path that logs out.',
    },
    post_logout_redirect_uri: { ...HTTP_URL, description: 'Where a browser is sent after that.' },
    redirect_uri: {
      type: 'string',
      pattern: '^(?:https?://[^\\s/?#]+)?/[^\\s?#]*$',
      remedy: 'is neither a URL nor a path, such as https://host/callback or /callback',
      description:
        'Where the provider sends browsers back to; by default the path that was asked for with /.apisix/redirect behind it.',
    },
    backchannel_logout_path: {
      type: 'string',
      pattern: '^/[^\\s?#]*$',
      remedy: 'is no path: write /backchannel-logout',
      description:
        'Path on which the provider may end sessions by itself (OpenID Connect Back-Channel Logout); an addition.',
    },
    timeout: {
      type: 'integer',
      minimum: 1,
      maximum: 60,
      default: 3,
      description: 'Within which the provider must answer each request, in seconds.',
    },
    ssl_verify: flag(true, "Whether the provider's certificate is verified."),
    introspection_endpoint: {
      ...HTTP_URL,
      description: 'Where tokens are introspected, in place of what the discovery document says.',
    },
    introspection_endpoint_auth_method: {
      enum: METHODS,
      default: 'client_secret_basic',
      description: 'How the gateway proves there who it is.',
    },
    token_endpoint_auth_method: {
      enum: METHODS,
      default: 'client_secret_basic',
      description:
        'How it does so elsewhere; where the provider does not offer that, by the first of its methods that is one of these.',
    },
    public_key: {
      type: 'string',
      minLength: 1,
      maxLength: 16_384,
      description: 'Public key (PEM) that access tokens are verified with, instead of by introspection.',
    },
    use_jwks: flag(
      false,
      "Whether access tokens are verified with the provider's published keys, instead of by introspection.",
    ),
    use_pkce: flag(true, 'Whether a log-in is bound to its beginning by PKCE (RFC 7636).'),
    par: {
      type: 'object',
      default: {},
      description: 'Pushed authorization requests (RFC 9126).',
      properties: {
        enabled: flag(false, 'Whether the parameters of a log-in are sent to the provider directly.'),
        endpoint: { ...HTTP_URL, description: 'Where to, in place of what the discovery document says.' },
        endpoint_auth_method: {
          enum: METHODS,
          description: 'How the gateway proves there who it is; as elsewhere unless told.',
        },
      },
    },
    dpop: {
      type: 'object',
      default: {},
      description: 'Access tokens that are bound to a key of the gateway (RFC 9449).',
      properties: {
        enabled: flag(false, 'Whether they are.'),
        signing_alg: { enum: ['ES256', 'RS256', 'PS256'], default: 'ES256', description: 'How proofs are signed.' },
        private_key: {
          type: 'string',
          minLength: 1,
          maxLength: 16_384,
          secret: true,
          description: 'Key (PEM, PKCS #8) that signs them.',
        },
        public_jwk: { type: 'object', additionalProperties: true, description: 'Its public part as a JWK.' },
      },
    },
    token_signing_alg_values_expected: {
      type: 'string',
      pattern: '^(?:(?:HS|RS|PS|ES)(?:256|384|512)|EdDSA)$',
      remedy: 'is no algorithm: write RS256, PS256, ES256, EdDSA or HS256, or one of their longer kinds',
      description: 'The one algorithm that tokens may be signed with; HS… with the client secret.',
    },
    set_access_token_header: flag(true, 'Whether the upstream gets the access token, in X-Access-Token.'),
    access_token_in_authorization_header: flag(false, 'Whether it gets it in Authorization instead.'),
    set_id_token_header: flag(true, 'Whether it gets what the ID token says, as JSON in base64, in X-ID-Token.'),
    set_raw_id_token_header: flag(false, 'Whether it gets the signed ID token, in X-Raw-ID-Token.'),
    set_userinfo_header: flag(true, 'Whether it gets what is known of the user, as JSON in base64, in X-Userinfo.'),
    set_refresh_token_header: flag(false, 'Whether it gets the refresh token, in X-Refresh-Token.'),
    session: SESSION,
    session_contents: {
      type: 'object',
      description: 'What a session keeps; without it, everything. What it does not keep, the upstream does not get.',
      properties: {
        access_token: { type: 'boolean', description: 'The access token, with the refresh token.' },
        id_token: { type: 'boolean', description: 'What the ID token says.' },
        enc_id_token: { type: 'boolean', description: 'The signed ID token.' },
        user: { type: 'boolean', description: 'What is known of the user.' },
      },
    },
    unauth_action: {
      enum: ['auth', 'deny', 'pass'],
      default: 'auth',
      description:
        'What becomes of callers without a session: auth sends them to log in, deny answers 401, pass lets them through unknown.',
    },
    proxy_opts: {
      type: 'object',
      not: {},
      remedy: 'is not supported: the provider is asked directly; let a network rule send that through a proxy',
      description: 'Refused: the provider is asked directly.',
    },
    authorization_params: {
      type: 'object',
      additionalProperties: { type: 'string', maxLength: 1024 },
      maxProperties: 50,
      description: 'Further parameters for the beginning of a log-in.',
    },
    client_rsa_private_key: {
      type: 'string',
      minLength: 1,
      maxLength: 16_384,
      secret: true,
      description: 'Key (PEM) that private_key_jwt signs with.',
    },
    client_rsa_private_key_id: { type: 'string', minLength: 1, maxLength: 256, description: 'Its id.' },
    client_jwt_assertion_expires_in: {
      ...SECONDS,
      maximum: 3600,
      default: 60,
      description: 'How long such a signature is good for, in seconds.',
    },
    client_jwt_assertion_alg: {
      enum: ['HS256', 'HS512', 'RS256', 'RS512', 'ES256', 'ES512'],
      description: 'How it signs; RS256 with private_key_jwt and HS256 with client_secret_jwt unless told.',
    },
    client_jwt_assertion_audience: {
      type: 'string',
      minLength: 1,
      maxLength: 1024,
      description: 'Whom it is meant for; the endpoint unless told.',
    },
    renew_access_token_on_expiry: flag(
      true,
      'Whether an access token that has expired is renewed by the refresh token.',
    ),
    access_token_expires_in: {
      ...SECONDS,
      description: 'How long an access token is good for where the provider does not say, in seconds.',
    },
    refresh_session_interval: {
      ...SECONDS,
      description:
        'After which the provider is asked, without a question to the user, whether the log-in still holds, in seconds.',
    },
    iat_slack: {
      type: 'integer',
      minimum: 0,
      maximum: 3600,
      default: 120,
      description: "How far the provider's clock may be off, in seconds.",
    },
    accept_none_alg: never(
      'must be false: an ID token that nobody signed proves nothing',
      'ID tokens without signature are never accepted.',
    ),
    accept_unsupported_alg: never(
      'must be false: the signature of an ID token is always verified',
      'ID tokens whose signature cannot be verified are never accepted.',
    ),
    force_reauthorize: never(
      'must be false: every request would lead to another log-in, without end',
      'A session that is good is used.',
    ),
    access_token_expires_leeway: {
      type: 'integer',
      minimum: 0,
      maximum: 86_400,
      default: 0,
      description: 'How long before it expires an access token is renewed, in seconds.',
    },
    use_nonce: flag(true, 'Whether an ID token must answer the very log-in that was begun.'),
    revoke_tokens_on_logout: flag(
      false,
      'Whether the provider is told at a logout that the tokens are not needed any more.',
    ),
    jwk_expires_in: {
      ...SECONDS,
      default: 86_400,
      description:
        "How long the provider's keys are kept, in seconds; for an unknown one they are asked for anew, at most every ten seconds.",
    },
    jwt_verification_cache_ignore: flag(false, 'Whether every access token is verified anew each time.'),
    cache_segment: {
      type: 'string',
      minLength: 1,
      maxLength: 64,
      description: 'Name that keeps the verified tokens of this configuration apart from those of others.',
    },
    introspection_interval: {
      type: 'integer',
      minimum: 0,
      maximum: 86_400,
      default: 0,
      description: 'How long the answer of an introspection counts at most, in seconds; 0: until the token expires.',
    },
    introspection_expiry_claim: {
      type: 'string',
      minLength: 1,
      default: 'exp',
      description: 'Claim that says when that is.',
    },
    introspection_addon_headers: {
      type: 'array',
      maxItems: 20,
      items: {
        type: 'string',
        minLength: 1,
        pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
        remedy: 'is no header name: use letters, digits and hyphens',
      },
      description: 'Headers of the request that introspections are sent with as well.',
    },
    claim_validator: {
      type: 'object',
      default: {},
      description: 'What access tokens must say.',
      properties: {
        issuer: {
          type: 'object',
          description: 'Who may have made them.',
          properties: {
            valid_issuers: {
              type: 'array',
              minItems: 1,
              maxItems: 100,
              items: { type: 'string', minLength: 1 },
              description: 'The issuers; the one of the discovery document unless told.',
            },
          },
        },
        audience: {
          type: 'object',
          description: 'Whom they are meant for.',
          properties: {
            claim: { type: 'string', minLength: 1, default: 'aud', description: 'Claim that says so.' },
            required: flag(false, 'Whether it must be there.'),
            match_with_client_id: flag(false, 'Whether the gateway must be among them, by its client_id.'),
          },
        },
      },
    },
    claim_schema: {
      type: 'object',
      additionalProperties: true,
      description: 'JSON Schema that access_token, id_token and user must follow together.',
    },
  },
} as const satisfies Schema;

export type OpenidConfig = Infer<typeof OPENID_SCHEMA>;
export type SessionConfig = NonNullable<OpenidConfig['session']>;
export type AuthMethod = (typeof METHODS)[number];

/** Whether people can log in. Where tokens are verified and no session is configured, callers must bring one. */
export function hasLogin(config: OpenidConfig): boolean {
  return !config.bearer_only && (config.session !== undefined || !verifiesTokens(config));
}

/** Whether tokens that callers bring are looked at. */
export function takesBearer(config: OpenidConfig): boolean {
  return config.bearer_only || verifiesTokens(config);
}

function verifiesTokens({ use_jwks, public_key, introspection_endpoint }: OpenidConfig): boolean {
  return use_jwks || public_key !== undefined || introspection_endpoint !== undefined;
}

/** As it is configured; else with a secret that follows from the client's, which is the same on all gateways and after a restart. */
export function sessionOf({ session, client_id, client_secret, client_rsa_private_key }: OpenidConfig): SessionConfig {
  if (session !== undefined) return session;
  const own = client_secret ?? client_rsa_private_key ?? '';
  const secret = Buffer.from(hkdfSync('sha256', own, client_id, 'gatewright openid-connect session', 32));
  return { ...DEFAULT_SESSION, secret: secret.toString('base64url') };
}
