import type { Schema } from '../../sdk/index.ts';

const AMOUNT = {
  anyOf: [
    { type: 'integer', minimum: 1, maximum: 2_147_483_647 },
    { type: 'string', minLength: 1 },
  ],
} as const;

const REDIS = {
  not: {},
  remedy: 'counts in Redis are not available in this version: leave this out, counts are kept in the gateway',
} as const;

const HEADER_NAME = {
  type: 'string',
  minLength: 1,
  maxLength: 128,
  pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
  remedy: 'is no header name: it may hold letters, digits and hyphens',
} as const;

/** For all limits but those of rules, whose headers have prefixes of their own. */
export const metadataSchema = {
  type: 'object',
  properties: {
    limit_header: {
      ...HEADER_NAME,
      default: 'X-RateLimit-Limit',
      description: 'Header with the requests allowed per window.',
    },
    remaining_header: {
      ...HEADER_NAME,
      default: 'X-RateLimit-Remaining',
      description: 'Header with the requests that are left.',
    },
    reset_header: {
      ...HEADER_NAME,
      default: 'X-RateLimit-Reset',
      description:
        'Header with the seconds until the count begins anew or, in a sliding window, until there is room again.',
    },
  },
} as const satisfies Schema;

export const schema = {
  type: 'object',
  properties: {
    count: {
      ...AMOUNT,
      description: 'Requests allowed per window; a number, or a variable such as "${http_quota ?? 5}".',
    },
    time_window: { ...AMOUNT, description: 'Length of the window in seconds; a number or a variable.' },
    window_type: {
      enum: ['fixed', 'sliding'],
      default: 'fixed',
      description:
        'fixed: the window begins with its first request; sliding: the last window counts by how much of it still overlaps.',
    },
    rules: {
      type: 'array',
      minItems: 1,
      maxItems: 64,
      description:
        'Several limits at once, in place of count, time_window and key. What one refuses, later ones do not count.',
      items: {
        type: 'object',
        required: ['count', 'time_window', 'key'],
        properties: {
          count: { ...AMOUNT, description: 'Requests allowed per window.' },
          time_window: { ...AMOUNT, description: 'Length of the window in seconds.' },
          key: {
            type: 'string',
            minLength: 1,
            description:
              'Variables that requests are counted by, such as "$http_a $http_b"; without any value the rule is skipped.',
          },
          header_prefix: {
            type: 'string',
            minLength: 1,
            maxLength: 64,
            pattern: '^[0-9A-Za-z-]+$',
            remedy: 'may hold letters, digits and hyphens only: it becomes part of a header name',
            description: 'X-PREFIX-RateLimit-… headers; the number of the rule, from 1, if it has none.',
          },
        },
      },
    },
    key_type: {
      enum: ['var', 'var_combination', 'constant'],
      default: 'var',
      description:
        'var: key is a variable; var_combination: a text with $variables; constant: the same for every request.',
    },
    key: {
      type: 'string',
      minLength: 1,
      default: 'remote_addr',
      description: 'By what requests are counted; where the request has no such value, by its address.',
    },
    rejected_code: { type: 'integer', minimum: 200, maximum: 599, default: 503, description: 'Status of a refusal.' },
    rejected_msg: { type: 'string', minLength: 1, description: 'error_msg in the body of a refusal.' },
    policy: {
      type: 'string',
      pattern: '^local$',
      default: 'local',
      remedy: 'can only be "local" in this version: counts in Redis are not available yet',
      description: 'Where counts are kept; local: in this gateway.',
    },
    allow_degradation: {
      type: 'boolean',
      default: false,
      description:
        'Whether requests pass for which the limit cannot be determined, instead of being answered with 500.',
    },
    show_limit_quota_header: {
      type: 'boolean',
      default: true,
      description: 'Whether responses carry X-RateLimit-Limit, -Remaining and -Reset.',
    },
    group: {
      type: 'string',
      minLength: 1,
      description: 'Everything with the same group counts together, wherever it is configured.',
    },
    sync_interval: REDIS,
    redis_host: REDIS,
    redis_port: REDIS,
    redis_username: REDIS,
    redis_password: REDIS,
    redis_ssl: REDIS,
    redis_ssl_verify: REDIS,
    redis_database: REDIS,
    redis_timeout: REDIS,
    redis_keepalive_timeout: REDIS,
    redis_keepalive_pool: REDIS,
    redis_cluster_nodes: REDIS,
    redis_cluster_name: REDIS,
    redis_cluster_ssl: REDIS,
    redis_cluster_ssl_verify: REDIS,
    redis_sentinels: REDIS,
    redis_master_name: REDIS,
    redis_role: REDIS,
    redis_connect_timeout: REDIS,
    redis_read_timeout: REDIS,
    sentinel_username: REDIS,
    sentinel_password: REDIS,
  },
} as const satisfies Schema;
