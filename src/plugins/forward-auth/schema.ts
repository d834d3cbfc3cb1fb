import type { Infer, Schema } from '../../sdk/index.ts';

const NAMES = {
  type: 'array',
  minItems: 1,
  maxItems: 100,
  items: { type: 'string', minLength: 1 },
} as const;

export const schema = {
  type: 'object',
  required: ['uri'],
  properties: {
    uri: {
      type: 'string',
      pattern: '^https?://[^\\s]+$',
      remedy: 'is no URL: write it whole, such as https://auth.example/check',
      description: 'URL of the authorization service.',
    },
    ssl_verify: { type: 'boolean', default: true, description: 'Whether its certificate is verified.' },
    request_method: {
      type: 'string',
      enum: ['GET', 'POST'],
      default: 'GET',
      description: 'Method it is asked with; with `POST` it gets the body of the request.',
    },
    max_req_body_size: {
      type: 'integer',
      minimum: 1,
      maximum: 1_073_741_824,
      default: 67_108_864,
      description:
        'With `POST`: longest body in bytes, which is kept in memory meanwhile; a longer one is answered with 413.',
    },
    request_headers: {
      ...NAMES,
      description: 'Fields of the request that it gets, besides `X-Forwarded-*`.',
    },
    upstream_headers: {
      ...NAMES,
      description:
        'Fields of its answer that the upstream gets where the request passes. What the client sends under these names is always dropped.',
    },
    client_headers: {
      ...NAMES,
      description: 'Fields of its answer that the client gets where the request is refused.',
    },
    extra_headers: {
      type: 'object',
      minProperties: 1,
      maxProperties: 100,
      additionalProperties: { anyOf: [{ type: 'string', minLength: 1 }, { type: 'number' }] },
      description:
        'Further fields that it gets, with variables in their values, such as `$remote_addr`, or `$post_arg.tenant_id` of a body of up to 64 KiB.',
    },
    timeout: {
      type: 'integer',
      minimum: 1,
      maximum: 60_000,
      default: 3_000,
      description: 'Time in milliseconds from the question to the last byte of its answer.',
    },
    keepalive: { type: 'boolean', default: true, description: 'Whether connections to it are used again.' },
    keepalive_timeout: {
      type: 'integer',
      minimum: 1_000,
      maximum: 86_400_000,
      default: 60_000,
      description: 'Time in milliseconds after which an unused connection is closed.',
    },
    keepalive_pool: {
      type: 'integer',
      minimum: 1,
      maximum: 65_536,
      default: 5,
      description: 'Unused connections that each worker keeps.',
    },
    allow_degradation: {
      type: 'boolean',
      default: false,
      description: 'Whether requests pass while it cannot be asked; otherwise they are refused.',
    },
    status_on_error: {
      type: 'integer',
      minimum: 200,
      maximum: 599,
      default: 403,
      description: 'Status of the refusal while it cannot be asked.',
    },
  },
} as const satisfies Schema;

export type Config = Infer<typeof schema>;
