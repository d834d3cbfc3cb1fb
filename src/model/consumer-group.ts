/** Consumer group: plugins that several consumers share. */
import type { Schema } from '../sdk/schema.ts';
import { BOOKKEEPING, DESCRIPTION, LABELS, NAME, PLUGINS } from './attributes.ts';
import { defineModel } from './object-model.ts';

export const consumerGroupSchema = {
  type: 'object',
  description: 'Plugins that several consumers share.',
  required: ['plugins'],
  properties: { ...BOOKKEEPING, name: NAME, desc: DESCRIPTION, labels: LABELS, plugins: PLUGINS },
} as const satisfies Schema;

export const consumerGroupModel = defineModel({
  kind: 'consumer_groups',
  noun: 'consumer group',
  schema: consumerGroupSchema,
});
