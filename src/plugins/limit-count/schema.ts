import type { Schema } from '../../sdk/index.ts';
import { amountSchema } from '../limit-amount.ts';
import { QUOTA_ATTRIBUTES, QUOTA_METADATA } from '../limit-headers.ts';
import { KEY, KEY_ATTRIBUTES, RULE_KEY } from '../limit-key.ts';
import { ALL_POLICY_ATTRIBUTES, DEGRADATION, REFUSAL_ATTRIBUTES } from '../limit-policy.ts';

const AMOUNT = amountSchema(1);

const SYNC_INTERVAL = {
  type: 'number',
  minimum: -1,
  maximum: 3600,
  description:
    'Seconds after which a worker tells Redis what it has let in, from 0.1 on: no request waits for Redis, and the limit is approximate. −1, or nothing: every request is counted there at once, exactly.',
} as const;

/** For all limits but those of rules, whose headers have prefixes of their own. */
export const metadataSchema = { type: 'object', properties: QUOTA_METADATA } as const satisfies Schema;

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
          key: RULE_KEY,
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
    cost: {
      ...amountSchema(0),
      default: 1,
      description: 'What a request counts for; a number, or a variable such as "${http_cost ?? 1}".',
    },
    ...KEY_ATTRIBUTES,
    key: KEY,
    ...REFUSAL_ATTRIBUTES,
    allow_degradation: DEGRADATION,
    ...QUOTA_ATTRIBUTES,
    group: {
      type: 'string',
      minLength: 1,
      description: 'Everything with the same group counts together, wherever it is configured.',
    },
    ...ALL_POLICY_ATTRIBUTES,
    sync_interval: SYNC_INTERVAL,
  },
} as const satisfies Schema;
