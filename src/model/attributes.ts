/** Attributes that several kinds of objects have, with the constraints that APISIX 3.18 publishes for them. */
import type { Schema } from '../sdk/schema.ts';

export const ID = {
  anyOf: [
    { type: 'string', minLength: 1, maxLength: 64, pattern: '^[a-zA-Z0-9._-]+$' },
    { type: 'integer', minimum: 1 },
  ],
  description: 'Identifier: 1 to 64 letters, digits, "-", "_" and ".", or an integer from 1.',
  remedy: 'is no id: use 1 to 64 letters, digits, "-", "_" and ".", or an integer from 1',
} as const satisfies Schema;

export const NAME = {
  type: 'string',
  minLength: 1,
  maxLength: 256,
  description: 'A name for people; it need not be unique.',
} as const satisfies Schema;

export const DESCRIPTION = {
  type: 'string',
  maxLength: 256,
  description: 'What the object is for.',
} as const satisfies Schema;

export const LABELS = {
  type: 'object',
  description: 'Key-value pairs to find objects by.',
  additionalProperties: {
    type: 'string',
    minLength: 1,
    maxLength: 256,
    pattern: '^\\S+$',
    remedy: 'is no label: white space is not allowed',
  },
} as const satisfies Schema;

export const TIMESTAMP = {
  type: 'integer',
  minimum: 0,
  description: 'Seconds since 1970, written by whoever stores the object.',
} as const satisfies Schema;

/** The attributes that every stored object may carry. */
export const BOOKKEEPING = { id: ID, create_time: TIMESTAMP, update_time: TIMESTAMP } as const;

export const PLUGINS = {
  type: 'object',
  description: 'Plugins by name, each with its attributes.',
  additionalProperties: { type: 'object', additionalProperties: true },
} as const satisfies Schema;

export const HOST_PATTERN = '^\\*?[0-9a-zA-Z\\-._\\[\\]:]+$';

export const HOST = {
  type: 'string',
  minLength: 1,
  maxLength: 253,
  pattern: HOST_PATTERN,
  remedy: 'is no host: use a name such as example.com or *.example.com, without scheme, port or path',
} as const satisfies Schema;

export const HOSTS = { type: 'array', minItems: 1, uniqueItems: true, items: HOST } as const satisfies Schema;

const seconds = <const T extends string>(description: T) =>
  ({ type: 'number', exclusiveMinimum: 0, maximum: 2_147_483, description }) as const;

export const TIMEOUT = {
  type: 'object',
  description: 'How long the upstream may take, in seconds.',
  required: ['connect', 'send', 'read'],
  properties: {
    connect: seconds('Until the connection is established.'),
    send: seconds('Between two successive writes.'),
    read: seconds('Between two successive reads.'),
  },
} as const satisfies Schema;
