/** Global rule: plugins that run for every request. */
import type { Schema } from '../sdk/schema.ts';
import { BOOKKEEPING, PLUGINS } from './attributes.ts';
import { defineModel } from './object-model.ts';

export const globalRuleSchema = {
  type: 'object',
  description: 'Plugins that run for every request, before those of its route.',
  required: ['plugins'],
  properties: { ...BOOKKEEPING, plugins: PLUGINS },
} as const satisfies Schema;

export const globalRuleModel = defineModel({ kind: 'global_rules', noun: 'global rule', schema: globalRuleSchema });
