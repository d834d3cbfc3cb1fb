/** The attributes of response-rewrite. */
import type { Infer, Schema } from '../../sdk/index.ts';

const VALUE = { anyOf: [{ type: 'string' }, { type: 'number' }] } as const satisfies Schema;

export const schema = {
  type: 'object',
  properties: {
    status_code: {
      type: 'integer',
      minimum: 200,
      maximum: 598,
      description: 'Status of the response. 204, 205 and 304 leave its body out.',
    },
    body: {
      type: 'string',
      description: 'Body in place of the one that comes. Not beside filters.',
    },
    body_base64: {
      type: 'boolean',
      default: false,
      description: 'Whether body is Base64 and is sent decoded: for images and other bytes.',
    },
    headers: {
      type: 'object',
      description:
        'Header fields to change: add, then remove, then set. Without any of these three, names and values to set. Variables may stand in values.',
      properties: {
        add: {
          type: 'array',
          items: { type: 'string', minLength: 1 },
          description: 'Fields that are added to those of the response, each as "Name: value".',
        },
        remove: {
          type: 'array',
          items: { type: 'string', minLength: 1 },
          description: 'Names of fields that are taken away.',
        },
        set: {
          type: 'object',
          additionalProperties: VALUE,
          description: 'Fields that take the place of those of the response.',
        },
      },
      additionalProperties: VALUE,
    },
    vars: {
      type: 'array',
      items: {},
      description: 'Conditions on variables, among them status; the response stays as it is where they do not hold.',
    },
    filters: {
      type: 'array',
      minItems: 1,
      description:
        'Replacements in the body, one after the other. The body is kept until it is complete; gzip, deflate, br and zstd are decoded, and what goes on is not compressed. A body in another coding stays as it is; one that takes more than half a second, and a millisecond for each 1,000 bytes, is refused.',
      items: {
        type: 'object',
        required: ['regex', 'replace'],
        properties: {
          regex: { type: 'string', minLength: 1, description: 'Regular expression for what is replaced.' },
          scope: {
            enum: ['once', 'global'],
            default: 'once',
            description: 'once: the first match; global: every match.',
          },
          replace: {
            type: 'string',
            description: 'What is put in its place; $0 is the whole match, $1, ${2} … its groups, $$ a dollar sign.',
          },
          options: {
            type: 'string',
            pattern: '^[aijosuU]*$',
            remedy:
              'has an option that is not available: i ignores case, s lets a dot match line ends, a holds matches together from the start; j, o, u and U change nothing',
            default: 'jo',
            description:
              'Letters: i ignores case, s lets a dot match line ends, a accepts a match only at the start or at the end of the one before. j, o, u and U are accepted and change nothing: expressions are always compiled once, and bodies in UTF-8 are read as such.',
          },
        },
      },
    },
    max_resp_body_size: {
      type: 'integer',
      minimum: 1,
      default: 67_108_864,
      description:
        'Bytes of a body that are kept for filters, compressed and decoded alike. A longer response is answered with 502 if its length is told beforehand, and otherwise with 500 or by breaking it off: a part is never passed off as the whole.',
    },
  },
} as const satisfies Schema;

export type Config = Infer<typeof schema>;
