/** Consumer: a caller that authentication plugins recognise. */
import type { Infer, Schema } from '../sdk/schema.ts';
import { BOOKKEEPING, DESCRIPTION, ID, LABELS, PLUGINS } from './attributes.ts';
import { defineModel } from './object-model.ts';

export const consumerSchema = {
  type: 'object',
  description: 'A caller that authentication plugins recognise.',
  required: ['username'],
  properties: {
    ...BOOKKEEPING,
    username: {
      type: 'string',
      minLength: 1,
      maxLength: 100,
      pattern: '^[a-zA-Z0-9_-]+$',
      remedy: 'is no username: use letters, digits, "_" and "-"',
      description: 'Name of the consumer, and its id.',
    },
    desc: DESCRIPTION,
    labels: LABELS,
    group_id: { ...ID, description: 'Consumer group whose plugins it has.' },
    plugins: { ...PLUGINS, description: 'What authenticates it, and plugins for its requests.' },
  },
} as const satisfies Schema;

export type ConsumerObject = Infer<typeof consumerSchema>;

export const consumerModel = defineModel({ kind: 'consumers', noun: 'consumer', schema: consumerSchema });
