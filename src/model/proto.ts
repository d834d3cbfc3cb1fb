/** Proto: a protocol buffers definition, for plugins that speak gRPC. */
import type { Schema } from '../sdk/schema.ts';
import { BOOKKEEPING, DESCRIPTION, LABELS, NAME } from './attributes.ts';
import { defineModel } from './object-model.ts';

export const protoSchema = {
  type: 'object',
  description: 'A protocol buffers definition.',
  required: ['content'],
  properties: {
    ...BOOKKEEPING,
    name: NAME,
    desc: DESCRIPTION,
    labels: LABELS,
    content: {
      type: 'string',
      minLength: 1,
      maxLength: 1_048_576,
      description: 'The text of a .proto file, or a descriptor set in base64.',
    },
  },
} as const satisfies Schema;

export const protoModel = defineModel({
  kind: 'protos',
  noun: 'proto',
  schema: protoSchema,
  check(_, report) {
    report('', 'not_available', 'protocol buffers are not available in this version');
  },
});
