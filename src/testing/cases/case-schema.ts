/** What a file of tests in YAML may say. */
import type { Schema } from '../../sdk/schema.ts';
import { anyAnswerSchema, answerSchema, DURATION, fieldsSchema } from '../answer.ts';

const NON_EMPTY = { type: 'string', minLength: 1 } as const satisfies Schema;

const answersSchema = {
  anyOf: [...anyAnswerSchema.anyOf, { type: 'array', minItems: 1, items: anyAnswerSchema }],
  remedy: anyAnswerSchema.remedy,
} as const satisfies Schema;

const nodeSchema = {
  anyOf: [
    ...anyAnswerSchema.anyOf.slice(0, 2),
    { type: 'array', minItems: 1, items: anyAnswerSchema },
    {
      type: 'object',
      properties: {
        ...answerSchema.properties,
        answers: { ...answersSchema, description: 'Answers to requests, where `probe` stands beside them.' },
        probe: {
          ...answersSchema,
          description: 'Answers to health checks; without it, these get what a request would get next.',
        },
      },
    },
  ],
  remedy: 'is no script of a node: write an answer, a list of answers, or an object with answers and probe',
} as const satisfies Schema;

const upstreamsSchema = {
  type: 'object',
  description: 'What each upstream node answers, by `host:port` as the configuration has it; `*` for every other one.',
  additionalProperties: nodeSchema,
} as const satisfies Schema;

const recordsSchema = {
  type: 'array',
  items: {
    anyOf: [
      NON_EMPTY,
      {
        type: 'object',
        required: ['address'],
        properties: {
          address: { ...NON_EMPTY, description: 'An IP address.' },
          port: { type: 'integer', minimum: 0, maximum: 65_535, description: 'Of a service.' },
          weight: { type: 'integer', minimum: 0, description: 'Of a service.' },
          priority: { type: 'integer', description: 'Of a service.' },
        },
      },
    ],
  },
} as const satisfies Schema;

const namesSchema = {
  type: 'object',
  description: 'What names resolve to: addresses, or null for a name that there is not.',
  additionalProperties: {
    anyOf: [
      { type: 'null' },
      recordsSchema,
      {
        type: 'object',
        required: ['records', 'ttl'],
        properties: {
          records: { anyOf: [{ type: 'null' }, recordsSchema], description: 'Addresses.' },
          ttl: { ...DURATION, description: 'How long they hold.' },
        },
      },
    ],
    remedy: 'is no list of addresses',
  },
} as const satisfies Schema;

const tlsSchema = {
  anyOf: [
    { type: 'boolean' },
    {
      type: 'object',
      properties: {
        server_name: { type: 'string', description: 'The name that the client asks for; default: the host.' },
        protocol: { enum: ['TLSv1.2', 'TLSv1.3'], description: 'Default TLSv1.3.' },
        certificate: {
          type: 'object',
          description: 'The certificate of the client.',
          properties: {
            subject: { type: 'object', additionalProperties: { type: 'string' }, description: 'Such as `CN: jack`.' },
            issuer: { type: 'object', additionalProperties: { type: 'string' }, description: 'Of whom it is.' },
            serial_number: { type: 'string', description: 'Hexadecimal.' },
            fingerprint: { type: 'string', description: 'SHA-1, hexadecimal.' },
            is_trusted: { type: 'boolean', description: 'Whether the authorities vouch for it; default true.' },
          },
        },
      },
    },
  ],
  description: 'Whether the connection is over TLS, as one to an https URL is.',
} as const satisfies Schema;

export const sentSchema = {
  type: 'object',
  required: ['path'],
  properties: {
    path: {
      type: 'string',
      pattern: '^(?:/|https?://)\\S*$',
      description: 'Path and query, or a URL with the host.',
    },
    method: { ...NON_EMPTY, description: 'Default GET, POST with a body.' },
    headers: { ...fieldsSchema, description: 'Fields of the request.' },
    body: { type: 'string', description: 'Body of the request.' },
    json: { description: 'A body in JSON, with its Content-Type.' },
    pieces: { type: 'array', items: { type: 'string' }, description: 'A body that is sent in chunks.' },
    from: { ...NON_EMPTY, description: 'Address of the client; default 127.0.0.1.' },
    port: { type: 'integer', minimum: 1, maximum: 65_535, description: 'Port of the gateway that it connects to.' },
    tls: tlsSchema,
    http_version: { enum: ['1.0', '1.1'], description: 'Default 1.1.' },
    gives_up_after: { ...DURATION, description: 'The client goes away after so long.' },
  },
} as const satisfies Schema;

const requestSchema = {
  anyOf: [
    {
      type: 'string',
      pattern: '^(?:[A-Z]+ )?(?:/|https?://)\\S*$',
      remedy: 'is no request: write "GET /path", or an object with path',
    },
    sentSchema,
  ],
  description: 'What is sent: `GET /path`, `/path`, or an object.',
  remedy: 'is no request: write "GET /path", or an object with path',
} as const satisfies Schema;

const textSchema = {
  anyOf: [
    { type: 'string' },
    { type: 'number' },
    {
      type: 'object',
      minProperties: 1,
      properties: {
        equals: { type: 'string', description: 'The whole text.' },
        contains: { type: 'string', description: 'A part of it.' },
        matches: { type: 'string', description: 'A regular expression of JavaScript.' },
        not_contains: { type: 'string', description: 'What is no part of it.' },
      },
    },
  ],
  remedy: 'is neither a text nor an object with equals, contains, matches or not_contains',
} as const satisfies Schema;

const headersExpected = {
  type: 'object',
  additionalProperties: { anyOf: [{ type: 'null' }, { type: 'boolean' }, ...textSchema.anyOf] },
  description: 'Fields by name: a text, an object as for `body`, true for any value, null or false for none.',
} as const satisfies Schema;

const bodyExpected = {
  body: { ...textSchema, description: 'The body as text.' },
  json: { description: 'What the body in JSON has at least; lists have to have the same length.' },
} as const satisfies Record<string, Schema>;

const elapsedSchema = {
  anyOf: [
    ...DURATION.anyOf,
    {
      type: 'object',
      minProperties: 1,
      properties: {
        at_least: { ...DURATION, description: 'Lower bound.' },
        at_most: { ...DURATION, description: 'Upper bound.' },
      },
    },
  ],
  remedy: 'is no duration, nor an object with at_least and at_most',
} as const satisfies Schema;

export const expectedSchema = {
  type: 'object',
  minProperties: 1,
  properties: {
    status: {
      anyOf: [
        { type: 'integer', minimum: 0, maximum: 599 },
        { type: 'array', items: { type: 'integer' } },
      ],
      description: 'Status, or a list of those that are right; 0 for no answer.',
    },
    headers: headersExpected,
    ...bodyExpected,
    complete: {
      type: 'boolean',
      description: 'Whether the whole answer comes; an answer that is cut off is wrong without it.',
    },
    route: {
      anyOf: [{ type: 'string' }, { type: 'integer' }, { type: 'null' }],
      description: 'Id of the route, null for none.',
    },
    service: {
      anyOf: [{ type: 'string' }, { type: 'integer' }, { type: 'null' }],
      description: 'Id of the service, null for none.',
    },
    consumer: { anyOf: [{ type: 'string' }, { type: 'null' }], description: 'Name of the consumer, null for none.' },
    replied_by: { ...NON_EMPTY, description: '`upstream`, `gateway`, or the name of the plugin that answered.' },
    error: { type: 'string', description: 'Code of the error, such as `route_not_found`; empty for none.' },
    upstream: {
      anyOf: [
        { type: 'null' },
        {
          type: 'object',
          minProperties: 1,
          properties: {
            node: { ...NON_EMPTY, description: 'As its script is named.' },
            method: { ...NON_EMPTY, description: 'Method that it got.' },
            path: { ...textSchema, description: 'Path and query that it got.' },
            headers: headersExpected,
            ...bodyExpected,
          },
        },
      ],
      description: 'The request that the last upstream node got, null if none got any.',
    },
    attempts: {
      anyOf: [
        { type: 'integer', minimum: 0 },
        { type: 'array', items: NON_EMPTY },
      ],
      description: 'How many there were, or each as `10.0.0.1:80 200` or `10.0.0.1:80 upstream_refused`.',
    },
    limits: {
      type: 'object',
      description: 'How limits stand after the request, by plugin.',
      additionalProperties: {
        type: 'object',
        minProperties: 1,
        properties: {
          limit: { type: 'integer', description: 'What is allowed.' },
          remaining: { type: 'integer', description: 'What is left.' },
          reset_s: { type: 'integer', description: 'Seconds until there is more.' },
        },
      },
    },
    elapsed: { ...elapsedSchema, description: 'Virtual time from the request to the end of its answer.' },
    health: {
      type: 'object',
      additionalProperties: { enum: ['healthy', 'unhealthy', 'mostly_healthy', 'mostly_unhealthy'] },
      description: 'State of checked nodes, by `address:port`.',
    },
    log: {
      type: 'array',
      items: NON_EMPTY,
      description: 'Events in the error log since the test began, in their order.',
    },
  },
} as const satisfies Schema;

const expectSchema = {
  anyOf: [{ type: 'integer', minimum: 0, maximum: 599 }, expectedSchema],
  description: 'What is expected: a status, or an object.',
  remedy: 'is neither a status nor an object',
} as const satisfies Schema;

const stepAttributes = {
  request: requestSchema,
  expect: expectSchema,
  times: {
    type: 'integer',
    minimum: 1,
    maximum: 100_000,
    default: 1,
    description: 'How often the request is sent, one after the other.',
  },
} as const satisfies Record<string, Schema>;

export const stepSchema = {
  type: 'object',
  description: 'One step.',
  minProperties: 1,
  properties: {
    ...stepAttributes,
    advance: { ...DURATION, description: 'Lets time pass.' },
    apply: {
      anyOf: [NON_EMPTY, { type: 'object' }],
      description: 'Puts another configuration in force: a file beside this one, or the configuration itself.',
    },
    resolve: { ...namesSchema, description: 'Has names resolve to something else, from their next query on.' },
  },
} as const satisfies Schema;

export const testSchema = {
  type: 'object',
  description: 'One test: a gateway of its own.',
  required: ['name'],
  properties: {
    name: { ...NON_EMPTY, description: 'A sentence that says what is right.' },
    upstreams: upstreamsSchema,
    names: namesSchema,
    ...stepAttributes,
    steps: {
      type: 'array',
      minItems: 1,
      items: stepSchema,
      description: 'In place of request and expect: several, one after the other.',
    },
    seed: { type: 'integer', minimum: 0, description: 'Of randomness; default 1.' },
    now: { ...NON_EMPTY, description: 'Wall-clock time at the beginning; default 2026-01-01T00:00:00Z.' },
    skip: { ...NON_EMPTY, description: 'Why it is not run.' },
  },
} as const satisfies Schema;

export const rowsSchema = {
  type: 'array',
  minItems: 1,
  description: 'The test once for each row: the name of a column in angle brackets stands for its value, in any text.',
  items: {
    type: 'object',
    minProperties: 1,
    additionalProperties: { anyOf: [{ type: 'string' }, { type: 'number' }, { type: 'boolean' }, { type: 'null' }] },
  },
} as const satisfies Schema;

/** Of the file without its tests, which are checked one by one, as their tables make them. */
export const headSchema = {
  type: 'object',
  properties: {
    config: {
      anyOf: [NON_EMPTY, { type: 'object' }],
      description:
        'The configuration: a file beside this one, or the configuration itself. Default: that in the folder.',
    },
    env: {
      type: 'object',
      additionalProperties: { type: 'string' },
      description: 'Values of `${{VARIABLE}}` in the configuration, beside those of the environment.',
    },
    upstreams: upstreamsSchema,
    names: namesSchema,
    seed: testSchema.properties.seed,
    now: testSchema.properties.now,
  },
} as const satisfies Schema;

/** The whole file, for editors: a table's placeholders are texts where numbers stand otherwise. */
export const testFileSchema: Schema = {
  type: 'object',
  description: 'Tests of a configuration, run by `gatewright test`.',
  required: ['tests'],
  properties: {
    ...headSchema.properties,
    tests: {
      type: 'array',
      minItems: 1,
      description: 'The tests.',
      items: { ...testSchema, properties: { ...testSchema.properties, each: rowsSchema } },
    },
  },
};
