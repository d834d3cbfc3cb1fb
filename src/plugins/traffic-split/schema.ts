import type { Schema } from '../../sdk/index.ts';

export const schema = {
  type: 'object',
  required: ['rules'],
  properties: {
    rules: {
      type: 'array',
      maxItems: 1_000,
      description: 'The first one that matches decides; without any, the request goes where its route says.',
      items: {
        type: 'object',
        properties: {
          match: {
            type: 'array',
            description: 'The rule matches where one of these does; without any, always.',
            items: {
              type: 'object',
              properties: {
                vars: { type: 'array', items: {}, description: 'Conditions on variables, all of which must hold.' },
              },
            },
          },
          weighted_upstreams: {
            type: 'array',
            minItems: 1,
            maxItems: 100,
            default: [{ weight: 1 }],
            description: 'Where requests go; an item without an upstream stands for that of the route.',
            items: {
              type: 'object',
              properties: {
                upstream_id: {
                  anyOf: [
                    { type: 'string', minLength: 1, maxLength: 64 },
                    { type: 'integer', minimum: 1 },
                  ],
                  description: 'Id of an upstream object.',
                },
                upstream: {
                  type: 'object',
                  additionalProperties: true,
                  description: 'An upstream of its own, with the attributes of upstream objects.',
                },
                weight: {
                  type: 'integer',
                  minimum: 0,
                  maximum: 1_000_000,
                  default: 1,
                  description: 'Its share, relative to the others.',
                },
              },
            },
          },
          sticky_key: {
            type: 'string',
            minLength: 1,
            maxLength: 1024,
            description:
              'A text with variables, such as `$cookie_user`: requests with an equal one go to the same upstream, and a change of weights moves as few of them as can be. Where it is empty, turns are taken.',
          },
        },
      },
    },
  },
} as const satisfies Schema;
