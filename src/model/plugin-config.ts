/** Plugin config: plugins that several routes share. */
import type { Schema } from '../sdk/schema.ts';
import { BOOKKEEPING, DESCRIPTION, LABELS, NAME, PLUGINS } from './attributes.ts';
import { defineModel } from './object-model.ts';

export const pluginConfigSchema = {
  type: 'object',
  description: 'Plugins that several routes share.',
  required: ['plugins'],
  properties: { ...BOOKKEEPING, name: NAME, desc: DESCRIPTION, labels: LABELS, plugins: PLUGINS },
} as const satisfies Schema;

export const pluginConfigModel = defineModel({
  kind: 'plugin_configs',
  noun: 'plugin config',
  schema: pluginConfigSchema,
});
