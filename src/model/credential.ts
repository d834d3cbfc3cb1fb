/** Credential: one of several ways in which a consumer authenticates. */
import type { Schema } from '../sdk/schema.ts';
import { BOOKKEEPING, DESCRIPTION, LABELS, NAME, PLUGINS } from './attributes.ts';
import { defineModel } from './object-model.ts';

export const credentialSchema = {
  type: 'object',
  description: 'One of several ways in which a consumer authenticates.',
  required: ['plugins'],
  properties: {
    ...BOOKKEEPING,
    id: {
      type: 'string',
      pattern: '^[a-zA-Z0-9_-]{1,100}/credentials/[a-zA-Z0-9._-]{1,64}$',
      remedy: 'is no id of a credential: write USERNAME/credentials/ID',
      description: 'USERNAME/credentials/ID.',
    },
    name: NAME,
    desc: DESCRIPTION,
    labels: LABELS,
    plugins: {
      ...PLUGINS,
      minProperties: 1,
      maxProperties: 1,
      description: 'Exactly one authentication plugin.',
    },
  },
} as const satisfies Schema;

export const credentialModel = defineModel({ kind: 'credentials', noun: 'credential', schema: credentialSchema });
