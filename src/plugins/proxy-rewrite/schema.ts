/** The attributes of proxy-rewrite. */
import type { Infer, Schema } from '../../sdk/index.ts';

const VALUE = {
  anyOf: [
    { type: 'string' },
    { type: 'number' },
    { type: 'array', minItems: 1, items: { anyOf: [{ type: 'string' }, { type: 'number' }] } },
  ],
} as const satisfies Schema;

export const schema = {
  type: 'object',
  properties: {
    uri: {
      type: 'string',
      pattern: '^[/$]',
      remedy: 'is no path: begin with "/"',
      description:
        'Path that is forwarded in place of the one that was asked for; variables may stand in it. Arguments after a question mark go before those of the request.',
    },
    regex_uri: {
      type: 'array',
      minItems: 2,
      items: { type: 'string' },
      description:
        'Pairs of a regular expression and a path. The path beside the first expression that matches the one that was asked for takes its place as a whole; $1, $2 … in it are what was captured. Without effect on the path where uri is there.',
    },
    use_real_request_uri_unsafe: {
      type: 'boolean',
      default: false,
      description:
        'Whether the path goes on as the client wrote it, neither normalised nor freed of dot segments. Unsafe: routes were chosen by the normalised one.',
    },
    method: {
      enum: [
        'GET',
        'POST',
        'PUT',
        'HEAD',
        'DELETE',
        'OPTIONS',
        'MKCOL',
        'COPY',
        'MOVE',
        'PROPFIND',
        'LOCK',
        'UNLOCK',
        'PATCH',
        'TRACE',
      ],
      description: 'Method that is forwarded.',
    },
    host: {
      type: 'string',
      minLength: 1,
      maxLength: 261,
      pattern: '^(?:\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?$',
      remedy: 'is no host: write a name or an address, with its port if it needs one',
      description: 'Host that the upstream is told.',
    },
    headers: {
      type: 'object',
      description:
        'Header fields to change: add, then remove, then set. Without any of these three, names and values to set. Variables may stand in values, and $1, $2 … for what regex_uri captured.',
      properties: {
        add: {
          type: 'object',
          additionalProperties: VALUE,
          description: 'Fields that are added to those of the request; a list adds each of its values.',
        },
        remove: {
          type: 'array',
          items: { type: 'string', minLength: 1 },
          description: 'Names of fields that are taken away.',
        },
        set: {
          type: 'object',
          additionalProperties: VALUE,
          description: 'Fields that take the place of those of the request; a list gives several fields of one name.',
        },
      },
      additionalProperties: VALUE,
    },
  },
} as const satisfies Schema;

export type Config = Infer<typeof schema>;
