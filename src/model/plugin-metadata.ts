/** Plugin metadata: what all instances of one plugin share; the plugin's own schema says more. */
import type { Schema } from '../sdk/schema.ts';
import { BOOKKEEPING } from './attributes.ts';
import { defineModel } from './object-model.ts';

export const pluginMetadataSchema = {
  type: 'object',
  description: 'What all instances of one plugin share.',
  required: ['id'],
  properties: {
    ...BOOKKEEPING,
    id: { type: 'string', minLength: 1, maxLength: 64, description: 'Name of the plugin.' },
  },
  additionalProperties: true,
} as const satisfies Schema;

export const pluginMetadataModel = defineModel({
  kind: 'plugin_metadata',
  noun: 'plugin metadata',
  schema: pluginMetadataSchema,
});
