import { definePlugin } from '../../sdk/index.ts';
import type { ConfigProblem, Exchange, Reply } from '../../sdk/index.ts';
import { type CheckData, compileSchema } from './people-schema.ts';

type Schema = Readonly<Record<string, unknown>>;

export default definePlugin({
  name: 'request-validation',
  priority: 2_800,
  kind: 'security',
  summary: 'Lets in requests whose header and body follow a JSON Schema.',
  buffers: 'request',
  schema: {
    type: 'object',
    properties: {
      max_req_body_size: {
        type: 'integer',
        minimum: 1,
        maximum: 268_435_456,
        default: 67_108_864,
        description: 'Longest body that is held to be checked, in bytes; a longer one is answered with 413.',
      },
      header_schema: {
        type: 'object',
        additionalProperties: true,
        description: 'Schema of the header: an object of fields, whose names match in any case.',
      },
      body_schema: {
        type: 'object',
        additionalProperties: true,
        description: 'Schema of the body: JSON, or a form by its Content-Type.',
      },
      rejected_code: {
        type: 'integer',
        minimum: 200,
        maximum: 599,
        default: 400,
        description: 'Status of a refusal.',
      },
      rejected_msg: {
        type: 'string',
        minLength: 1,
        maxLength: 256,
        description: 'Its body; by default, what is wrong.',
      },
    },
    anyOf: [{ required: ['header_schema'] }, { required: ['body_schema'] }],
    remedy: 'write "header_schema", "body_schema", or both',
  },
  examples: [
    {
      title: 'JSON with one property that must be there',
      config: {
        header_schema: {
          type: 'object',
          required: ['Content-Type'],
          properties: { 'Content-Type': { type: 'string', pattern: '^application/json$' } },
        },
        body_schema: {
          type: 'object',
          required: ['required_payload'],
          properties: { required_payload: { type: 'string' }, boolean_payload: { type: 'boolean' } },
        },
      },
    },
  ],
  check({ header_schema, body_schema }) {
    return [...schemaProblems('header_schema', header_schema), ...schemaProblems('body_schema', body_schema)];
  },
  create({ header_schema, body_schema, max_req_body_size, rejected_code, rejected_msg }) {
    const checkHeader = header_schema === undefined ? null : headerCheck(header_schema);
    const checkBody = body_schema === undefined ? null : compileSchema(body_schema);
    const refuse = (reason: string): Reply => ({
      status: rejected_code,
      code: 'request_invalid',
      body: `${rejected_msg ?? reason}\n`,
    });
    const bodyReply = (exchange: Exchange, bytes: Uint8Array | null, check: CheckData): Reply | undefined => {
      if (bytes === null) {
        const code = 'body_too_large';
        return { status: 413, code, body: { message: 'the body is too large', code, request_id: exchange.id } };
      }
      const read = readBody(exchange.request.header('content-type') ?? '', Buffer.from(bytes).toString('utf8'));
      const fault = typeof read === 'string' ? read : check(read.data);
      return fault === null ? undefined : refuse(fault);
    };
    return {
      rewrite(exchange) {
        const fault = checkHeader === null ? null : checkHeader(exchange);
        if (fault !== null) return refuse(fault);
        if (checkBody === null) return undefined;
        return exchange.request.readBody(max_req_body_size).then((bytes) => bodyReply(exchange, bytes, checkBody));
      },
    };
  },
});

function schemaProblems(path: string, schema: Schema | undefined): ConfigProblem[] {
  if (schema === undefined) return [];
  try {
    compileSchema(schema);
    return [];
  } catch (error) {
    return [{ path, message: error instanceof Error ? error.message : String(error) }];
  }
}

/** Names of fields match in any case: the schema sees them as it spells them itself. */
function headerCheck(schema: Schema): (exchange: Exchange) => string | null {
  const check = compileSchema(schema);
  const { properties, required } = schema;
  const names = [
    ...(typeof properties === 'object' && properties !== null ? Object.keys(properties) : []),
    ...(Array.isArray(required) ? required.filter((name) => typeof name === 'string') : []),
  ];
  const spellings = new Map(names.map((name) => [name.toLowerCase(), name]));
  return ({ request }) => {
    const fields: Record<string, string> = Object.create(null) as Record<string, string>;
    for (const [name, value] of request.headerEntries()) {
      const lower = name.toLowerCase();
      const spelled = spellings.get(lower) ?? lower;
      fields[spelled] = fields[spelled] === undefined ? value : `${fields[spelled]}, ${value}`;
    }
    return check(fields);
  };
}

/** @returns a text that says why the body cannot be read */
function readBody(contentType: string, text: string): { readonly data: unknown } | string {
  if (text === '') return 'the request has no body';
  const mediaType = (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();
  if (mediaType === 'application/x-www-form-urlencoded') return { data: formOf(text) };
  try {
    return { data: JSON.parse(text) as unknown };
  } catch {
    return 'the body is no JSON';
  }
}

/** A name that comes several times has all of its values. */
function formOf(text: string): Record<string, string | string[]> {
  const form: Record<string, string | string[]> = Object.create(null) as Record<string, string | string[]>;
  for (const [name, value] of new URLSearchParams(text)) {
    const before = form[name];
    form[name] = before === undefined ? value : [before, value].flat();
  }
  return form;
}
