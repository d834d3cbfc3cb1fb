import { definePlugin } from '../../sdk/index.ts';
import type { ConfigProblem, Exchange, Reply } from '../../sdk/index.ts';
import { headerNameFault } from '../../sdk/header-names.ts';
import { headerValueFault } from '../header-actions.ts';
import { compileTemplate } from '../template.ts';
import { checkExampleSchema, exampleOf } from './example-value.ts';

export default definePlugin({
  name: 'mocking',
  priority: 10_900,
  kind: 'traffic',
  summary: 'Answers in place of an upstream that is not there yet, with an example or with random values.',
  schema: {
    type: 'object',
    properties: {
      delay: {
        type: 'integer',
        minimum: 0,
        maximum: 50,
        default: 0,
        description: 'How long the answer waits, in seconds.',
      },
      response_status: {
        type: 'integer',
        minimum: 200,
        maximum: 599,
        default: 200,
        description: 'Status of the answer.',
      },
      content_type: {
        type: 'string',
        minLength: 1,
        maxLength: 256,
        pattern: '^[\\x20-\\x7e]*$',
        remedy: 'may hold printable ASCII only',
        default: 'application/json;charset=utf8',
        description: 'Its `Content-Type`.',
      },
      response_example: { type: 'string', description: 'Its body, with variables such as `$remote_addr`.' },
      response_schema: {
        type: 'object',
        additionalProperties: true,
        description: 'A JSON Schema that the body is made up by, where there is no `response_example`.',
      },
      with_mock_header: {
        type: 'boolean',
        default: true,
        description: 'Whether the answer says `x-mock-by: Gatewright`.',
      },
      response_headers: {
        type: 'object',
        minProperties: 1,
        additionalProperties: { anyOf: [{ type: 'string' }, { type: 'number' }] },
        description: 'Further fields of the answer.',
      },
    },
    anyOf: [{ required: ['response_example'] }, { required: ['response_schema'] }],
    remedy: 'write "response_example" or "response_schema"',
  },
  examples: [
    {
      title: 'An example',
      config: { response_status: 201, response_example: '{"Lastname":"Brown","Age":56}' },
    },
    {
      title: 'With fields of its own, and a variable',
      config: {
        response_headers: { 'X-User-Id': '100', 'X-Product-Id': 'apac-398-472' },
        response_example: 'Client IP: $remote_addr',
      },
    },
    {
      title: 'Random values',
      config: {
        response_schema: {
          type: 'object',
          properties: { id: { type: 'string', example: 'abcd' }, names: { type: 'array', items: { type: 'string' } } },
        },
      },
    },
  ],
  check({ response_schema, response_example, response_headers = {} }) {
    const problems: ConfigProblem[] = [];
    for (const [name, value] of Object.entries(response_headers)) {
      const message = headerNameFault(name) ?? headerValueFault(value);
      if (message !== null) problems.push({ path: `response_headers.${name}`, message });
    }
    if (response_example !== undefined || response_schema === undefined) return problems;
    return [...problems, ...checkExampleSchema(response_schema, 'response_schema')];
  },
  create(config, host) {
    const { delay, response_status, content_type, response_example, response_schema, response_headers = {} } = config;
    const headers: Record<string, string> = { 'Content-Type': content_type };
    if (config.with_mock_header) headers['x-mock-by'] = 'Gatewright';
    for (const [name, value] of Object.entries(response_headers)) headers[name] = String(value);
    const template = response_example === undefined ? null : compileTemplate(response_example);
    const bodyOf = (exchange: Exchange): Buffer =>
      template === null
        ? Buffer.from(JSON.stringify(exampleOf(response_schema, () => host.random())))
        : Buffer.from(template(exchange, null), 'latin1');
    const answer = (exchange: Exchange): Reply => ({ status: response_status, headers, body: bodyOf(exchange) });
    return {
      rewrite: (exchange) =>
        delay === 0 ? answer(exchange) : exchange.delay(delay * 1000).then(() => answer(exchange)),
    };
  },
});
