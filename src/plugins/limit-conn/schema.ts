import type { Schema } from '../../sdk/index.ts';
import { amountSchema } from '../limit-amount.ts';
import { KEY, KEY_ATTRIBUTES, RULE_KEY } from '../limit-key.ts';
import { DEGRADATION, POLICY_ATTRIBUTES, REFUSAL_ATTRIBUTES } from '../limit-policy.ts';

const CONN = {
  ...amountSchema(1),
  description: 'Requests that may be under way at the same time; a number, or a variable such as "${http_quota ?? 5}".',
} as const;

const BURST = {
  ...amountSchema(0),
  description: 'Requests beyond conn that are delayed; those beyond conn + burst are refused.',
} as const;

export const schema = {
  type: 'object',
  required: ['default_conn_delay'],
  properties: {
    conn: CONN,
    burst: BURST,
    default_conn_delay: {
      type: 'number',
      exclusiveMinimum: 0,
      maximum: 50,
      description: 'How long a request beyond conn is delayed, in seconds, for each one that it is beyond.',
    },
    only_use_default_delay: {
      type: 'boolean',
      default: false,
      description: 'Whether all requests beyond conn are delayed for the same time.',
    },
    rules: {
      type: 'array',
      minItems: 1,
      maxItems: 64,
      description: 'Several limits at once, in place of conn, burst and key; the longest delay counts.',
      items: {
        type: 'object',
        required: ['conn', 'burst', 'key'],
        properties: {
          conn: CONN,
          burst: BURST,
          key: RULE_KEY,
        },
      },
    },
    ...KEY_ATTRIBUTES,
    key: KEY,
    ...REFUSAL_ATTRIBUTES,
    allow_degradation: DEGRADATION,
    ...POLICY_ATTRIBUTES,
    key_ttl: {
      type: 'integer',
      minimum: 1,
      default: 3600,
      description: 'Seconds after which a request that never ended frees its place in Redis. Nothing to policy local.',
    },
  },
} as const satisfies Schema;
