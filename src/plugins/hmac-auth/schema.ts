import type { Infer, Schema } from '../../sdk/index.ts';
import { ANONYMOUS_CONSUMER, HIDE_CREDENTIALS, realmAttribute } from '../auth-attributes.ts';

export const schema = {
  type: 'object',
  properties: {
    allowed_algorithms: {
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      items: { enum: ['hmac-sha1', 'hmac-sha256', 'hmac-sha512'] },
      default: ['hmac-sha1', 'hmac-sha256', 'hmac-sha512'],
      description: 'Algorithms that signatures may have.',
    },
    clock_skew: {
      type: 'integer',
      minimum: 1,
      default: 300,
      description: 'Seconds by which Date may differ from the time here.',
    },
    signed_headers: {
      type: 'array',
      maxItems: 64,
      uniqueItems: true,
      items: {
        type: 'string',
        minLength: 1,
        pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
        remedy: 'is no header name: use letters, digits and hyphens',
      },
      default: ['date'],
      description: 'Headers that a signature must cover, whatever else it covers.',
    },
    require_request_target: {
      type: 'boolean',
      description:
        'Whether it must cover method and target too, as @request-target: by default it has to, unless `gateway.profile` is apisix. Our own.',
    },
    reject_replays: {
      type: 'boolean',
      default: false,
      description:
        'Whether a signature lets in one request only; kept in the memory of limits for twice clock_skew. Our own.',
    },
    validate_request_body: {
      type: 'boolean',
      default: false,
      description: 'Whether the body must be the one whose SHA-256 is in Digest.',
    },
    max_req_body_size: {
      type: 'integer',
      minimum: 1,
      default: 67_108_864,
      description: 'Bytes of a body that are read for that; longer ones are answered with 413.',
    },
    hide_credentials: HIDE_CREDENTIALS,
    anonymous_consumer: ANONYMOUS_CONSUMER,
    realm: realmAttribute('hmac'),
  },
} as const satisfies Schema;

export const consumerSchema = {
  type: 'object',
  required: ['key_id', 'secret_key'],
  properties: {
    key_id: {
      type: 'string',
      minLength: 1,
      pattern: '^[\\x20\\x21\\x23-\\x5b\\x5d-\\x7e]*$',
      remedy: 'may hold printable ASCII without quotes and backslashes only',
      description: 'What signatures name the key by, as keyId; unique among all consumers.',
    },
    secret_key: { type: 'string', minLength: 1, secret: true, description: 'Key of both sides.' },
  },
} as const satisfies Schema;

export type Credential = Infer<typeof consumerSchema>;
