import type { ConfigProblem, Infer, Schema } from '../../sdk/index.ts';
import {
  ANONYMOUS_CONSUMER,
  authMetadataSchema,
  HEADER_NAME,
  HIDE_CREDENTIALS,
  realmAttribute,
} from '../auth-attributes.ts';
import { JWKS_SETTINGS, jwksUrlFault } from '../jwk-source.ts';
import { ALGORITHMS, keyFault, publicKey } from '../jws.ts';

export const schema = {
  type: 'object',
  properties: {
    header: {
      ...HEADER_NAME,
      default: 'authorization',
      description: 'Header that the token is read from, with the scheme Bearer or none.',
    },
    query: {
      type: 'string',
      minLength: 1,
      default: 'jwt',
      description: 'Query argument that it is read from where the header is missing.',
    },
    cookie: {
      type: 'string',
      minLength: 1,
      pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
      remedy: 'is no name of a cookie: use letters, digits and hyphens',
      default: 'jwt',
      description: 'Cookie that it is read from where both are missing.',
    },
    hide_credentials: HIDE_CREDENTIALS,
    key_claim_name: {
      type: 'string',
      minLength: 1,
      default: 'key',
      description: 'Claim that names the credential by its key, such as iss.',
    },
    claims_to_verify: {
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      items: { enum: ['exp', 'nbf'] },
      default: ['exp', 'nbf'],
      description: 'Claims of time that must hold where a token has them.',
    },
    store_in_ctx: {
      type: 'boolean',
      default: false,
      description: 'Whether other plugins find the claims in the exchange, under the key JWT_PAYLOAD.',
    },
    anonymous_consumer: ANONYMOUS_CONSUMER,
    realm: realmAttribute('jwt'),
  },
} as const satisfies Schema;

export const consumerSchema = {
  type: 'object',
  required: ['key'],
  properties: {
    key: { type: 'string', minLength: 1, description: 'What tokens name it by; unique among all consumers.' },
    algorithm: {
      enum: ALGORITHMS,
      default: 'HS256',
      description: 'The one algorithm that its tokens are signed with.',
    },
    secret: {
      type: 'string',
      minLength: 1,
      secret: true,
      description: 'Key of both sides; needed with HS256, HS384 and HS512.',
    },
    base64_secret: { type: 'boolean', default: false, description: 'Whether secret is written in base64.' },
    public_key: {
      type: 'string',
      minLength: 1,
      description: 'Public key (PEM), or a certificate; needed with all other algorithms, unless there is jwks_url.',
    },
    jwks_url: {
      type: 'string',
      minLength: 1,
      description: 'Address at which the keys are published as a JWK Set, in place of public_key. Our own.',
    },
    exp: {
      type: 'integer',
      minimum: 1,
      default: 86_400,
      description: 'Of tokens that APISIX signs. Tokens are not signed here, and say themselves when they expire.',
    },
    lifetime_grace_period: {
      type: 'integer',
      minimum: 0,
      default: 0,
      description: 'Seconds by which the clocks of both sides may differ.',
    },
  },
} as const satisfies Schema;

export const metadataSchema = {
  ...authMetadataSchema,
  properties: {
    ...authMetadataSchema.properties,
    cached_tokens: {
      type: 'integer',
      minimum: 0,
      maximum: 1_000_000,
      default: 4_096,
      description:
        'Tokens that were verified and that each worker keeps, for all routes that verify alike, so as not to verify them again.',
    },
    jwks: JWKS_SETTINGS,
  },
} as const satisfies Schema;

export type Config = Infer<typeof schema>;
export type Credential = Infer<typeof consumerSchema>;
export type Metadata = Infer<typeof metadataSchema>;

export function isSymmetric({ algorithm }: Credential): boolean {
  return algorithm.startsWith('HS');
}

/** The bytes of the secret. */
export function secretOf({ secret = '', base64_secret }: Credential): Buffer {
  return Buffer.from(secret, base64_secret ? 'base64' : 'utf8');
}

export function checkCredential(credential: Credential): ConfigProblem[] {
  const { algorithm, secret, base64_secret, public_key, jwks_url } = credential;
  if (isSymmetric(credential)) {
    if (jwks_url !== undefined) {
      const message = `nobody publishes keys for ${algorithm}: set algorithm to that of the published ones`;
      return [{ path: 'jwks_url', message }];
    }
    if (secret === undefined) return [{ path: 'secret', message: `"secret" is needed with ${algorithm}` }];
    if (base64_secret && !/^[\w+/-]+={0,2}$/.test(secret)) {
      return [{ path: 'secret', message: 'is no base64: leave base64_secret out where it is a text' }];
    }
    return [];
  }
  if (jwks_url !== undefined) {
    const message = public_key === undefined ? jwksUrlFault(jwks_url) : 'does not go with "public_key": leave one out';
    return message === null ? [] : [{ path: 'jwks_url', message }];
  }
  if (public_key === undefined) {
    return [{ path: 'public_key', message: `"public_key" is needed with ${algorithm}, or "jwks_url"` }];
  }
  const message = publicKeyFault(public_key, credential);
  return message === null ? [] : [{ path: 'public_key', message }];
}

function publicKeyFault(pem: string, { algorithm }: Credential): string | null {
  try {
    return keyFault(publicKey(pem), algorithm);
  } catch (error) {
    if (error instanceof TypeError && error.message.startsWith('is a private key')) return error.message;
    return 'is no public key: write it as PEM, with its first and last line on lines of their own';
  }
}
