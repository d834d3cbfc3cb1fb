import { definePlugin } from '../../sdk/index.ts';
import { headerNameFault } from '../../sdk/header-names.ts';
import { identifiers } from './identifiers.ts';

/** Longer values, or such that could break a log line, are not taken over from a client. */
const ACCEPTABLE = /^[\x21-\x7e]{1,256}$/;

export default definePlugin({
  name: 'request-id',
  priority: 12_015,
  kind: 'observability',
  summary: 'Gives every request an id, passes it to the upstream and returns it to the client.',
  schema: {
    type: 'object',
    properties: {
      header_name: {
        type: 'string',
        minLength: 1,
        maxLength: 256,
        pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
        remedy: 'is no header name: use letters, digits and hyphens',
        default: 'X-Request-Id',
        description:
          'Header that carries the id. An id that the request brings in it is kept, if it is one value of at most 256 printable ASCII characters.',
      },
      include_in_response: {
        type: 'boolean',
        default: true,
        description: 'Whether the response carries the id too.',
      },
      algorithm: {
        enum: ['uuid', 'nanoid', 'range_id', 'ksuid'],
        default: 'uuid',
        description:
          'How ids are made: uuid: random, RFC 9562 version 4; nanoid: 21 URL-safe characters; range_id: characters of a set; ksuid: sortable by time.',
      },
      range_id: {
        type: 'object',
        description: 'For the algorithm range_id.',
        properties: {
          char_set: {
            type: 'string',
            minLength: 6,
            maxLength: 256,
            pattern: '^[\\x21-\\x7e]*$',
            remedy: 'may hold printable ASCII without space only: an id is a header value',
            default: 'abcdefghijklmnopqrstuvwxyzABCDEFGHIGKLMNOPQRSTUVWXYZ0123456789',
            description: 'Characters that ids are made of.',
          },
          length: { type: 'integer', minimum: 6, maximum: 256, default: 16, description: 'Characters of an id.' },
        },
        default: {},
      },
    },
  },
  examples: [
    { title: 'Defaults', config: {} },
    { title: 'Short ids in a header of its own', config: { header_name: 'X-Trace', algorithm: 'nanoid' } },
  ],
  check({ header_name }) {
    const message =
      header_name.toLowerCase() === 'host'
        ? 'Host says where a request goes: use a header of its own'
        : headerNameFault(header_name);
    return message === null ? [] : [{ path: 'header_name', message }];
  },
  create({ header_name, include_in_response, algorithm, range_id }, host) {
    const nextId = identifiers(algorithm, range_id, host);
    return {
      rewrite(exchange) {
        const { request } = exchange;
        const given = request.header(header_name);
        // Of several ids, the upstream and the log might each believe another one.
        if (given !== undefined && ACCEPTABLE.test(given) && request.headerAll(header_name).length === 1) {
          exchange.setRequestId(given, true);
          return;
        }
        const id = nextId();
        exchange.setRequestId(id, true);
        request.setHeader(header_name, id);
      },
      ...(include_in_response && {
        responseHead(exchange) {
          const id = exchange.request.header(header_name);
          if (id !== undefined && exchange.response.header(header_name) === undefined) {
            exchange.response.setHeader(header_name, id);
          }
        },
      }),
    };
  },
});
