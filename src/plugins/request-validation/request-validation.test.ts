import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openLab, problemsOf, routeWith, type Ask } from '../../../test/plugins/lab.ts';
import requestValidation from './request-validation.ts';

const HEADER = {
  header_schema: {
    type: 'object',
    required: ['User-Agent', 'Host'],
    properties: {
      'User-Agent': { type: 'string', pattern: '^curl/' },
      Host: { type: 'string', enum: ['httpbin.org', 'httpbin'] },
    },
  },
};
const JSON_BODY = {
  header_schema: {
    type: 'object',
    required: ['Content-Type'],
    properties: { 'Content-Type': { type: 'string', pattern: '^application/json$' } },
  },
  body_schema: {
    type: 'object',
    required: ['required_payload'],
    properties: {
      required_payload: { type: 'string' },
      boolean_payload: { type: 'boolean' },
      array_payload: {
        type: 'array',
        minItems: 1,
        items: { type: 'integer', minimum: 200, maximum: 599 },
        uniqueItems: true,
        default: [200],
      },
    },
  },
};
const FORM = {
  body_schema: {
    type: 'object',
    required: ['required_payload', 'enum_payload'],
    properties: {
      required_payload: { type: 'string' },
      enum_payload: { type: 'string', enum: ['enum_string_1', 'enum_string_2'], default: 'enum_string_1' },
    },
  },
};

const curl = (host: string, agent: string | undefined): Ask => ({
  headers: { Host: host, ...(agent === undefined ? {} : { 'user-agent': agent }) },
});
const post = (body: string, type: string): Ask => ({ method: 'POST', body, headers: { 'Content-Type': type } });
const JSON_TYPE = 'application/json';
const FORM_TYPE = 'application/x-www-form-urlencoded';

const CASES: [attributes: object, ask: Ask, refusal: string | null][] = [
  [HEADER, curl('httpbin.org', 'curl/7.74.0'), null],
  [
    HEADER,
    curl('httpbin.org', 'cli-mock'),
    'property "User-Agent" validation failed: failed to match pattern "^curl/" with "cli-mock"',
  ],
  [HEADER, curl('httpbin.org', undefined), 'property "User-Agent" is required'],
  [HEADER, curl('elsewhere', 'curl/1'), 'property "Host" validation failed: matches none of the enum values'],
  [JSON_BODY, post('{"required_payload":"hello","array_payload":[301]}', JSON_TYPE), null],
  [
    JSON_BODY,
    post('{"required_payload":"hello,world"}', FORM_TYPE),
    `property "Content-Type" validation failed: failed to match pattern "^application/json$" with "${FORM_TYPE}"`,
  ],
  [JSON_BODY, post('{}', JSON_TYPE), 'property "required_payload" is required'],
  [
    JSON_BODY,
    post('{"required_payload":7}', JSON_TYPE),
    'property "required_payload" validation failed: wrong type: expected string, got number',
  ],
  [
    JSON_BODY,
    post('{"required_payload":"a","array_payload":[600]}', JSON_TYPE),
    'property "array_payload.0" validation failed: must be <= 599',
  ],
  [JSON_BODY, post('{"required_payload":', JSON_TYPE), 'the body is no JSON'],
  [JSON_BODY, post('', JSON_TYPE), 'the request has no body'],
  [FORM, post('required_payload=hello&enum_payload=enum_string_1', FORM_TYPE), null],
  [FORM, post('required_payload=hello', FORM_TYPE), 'property "enum_payload" is required'],
  [
    FORM,
    post('required_payload=hello&enum_payload=a&enum_payload=b', `${FORM_TYPE}; charset=utf-8`),
    'property "enum_payload" validation failed: wrong type: expected string, got array',
  ],
  [FORM, post('__proto__=x&required_payload=a', FORM_TYPE), 'property "enum_payload" is required'],
];

for (const [attributes, ask, refusal] of CASES) {
  it(`${JSON.stringify(ask)} is ${refusal === null ? 'let in' : `refused: ${refusal}`}`, async (t) => {
    const lab = await openLab(t, routeWith({ 'request-validation': attributes }));
    const answer = await lab.request('/post', ask);
    if (refusal === null) {
      assert.equal(answer.status, 200, answer.text);
      assert.equal(lab.lastSeen.body, ask.body ?? '');
    } else {
      assert.deepEqual([answer.status, answer.text], [400, `${refusal}\n`]);
      assert.equal(lab.seen.length, 0);
      assert.equal(lab.log[0]?.errorCode, 'request_invalid');
    }
  });
}

it('status and message of its own take the place of the reason', async (t) => {
  const attributes = { ...JSON_BODY, rejected_code: 422, rejected_msg: 'customize reject message' };
  const lab = await openLab(t, routeWith({ 'request-validation': attributes }));
  const answer = await lab.request('/post', post('{}', JSON_TYPE));
  assert.deepEqual([answer.status, answer.text], [422, 'customize reject message\n']);
});

it('a body over its bound is 413, in chunks too', async (t) => {
  const lab = await openLab(t, routeWith({ 'request-validation': { ...FORM, max_req_body_size: 20 } }));
  for (const body of ['x'.repeat(21), ['x'.repeat(10), 'x'.repeat(11)]]) {
    assert.equal((await lab.request('/post', { method: 'POST', body })).status, 413);
  }
  assert.equal(lab.seen.length, 0);
});

it('a pattern over which a backtracking engine would despair takes no time', async (t) => {
  const body_schema = { type: 'object', properties: { a: { type: 'string', pattern: '^(a+)+$' } } };
  const lab = await openLab(t, routeWith({ 'request-validation': { body_schema } }));
  const answer = await lab.request('/', post(JSON.stringify({ a: `${'a'.repeat(50_000)}b` }), JSON_TYPE));
  assert.equal(answer.status, 400);
  assert.ok(answer.text.length < 500, 'and a long value is not repeated');
});

it('a schema of an older draft, with words that nobody knows, is used as it is', async (t) => {
  const body_schema = {
    $schema: 'http://json-schema.org/draft-04/schema#',
    type: 'object',
    'x-note': 'ours',
    properties: { mail: { type: 'string', format: 'email', example: 'a@b' } },
  };
  const lab = await openLab(t, routeWith({ 'request-validation': { body_schema } }));
  assert.equal((await lab.request('/', post('{"mail":"nobody"}', JSON_TYPE))).status, 200);
});

const FAULTY: [attributes: object, expected: RegExp][] = [
  [{}, /write "header_schema", "body_schema", or both/],
  [{ body_schema: { type: 'objekt' } }, /body_schema: /],
  [{ body_schema: { $ref: 'https://example.com/elsewhere.json' } }, /body_schema: can't resolve reference/],
  [{ header_schema: { properties: { a: { pattern: '(a' } } } }, /header_schema: /],
  [{ header_schema: { properties: { a: { pattern: '(?=a)' } } } }, /header_schema: /],
  [{ ...FORM, max_req_body_size: 0 }, /max_req_body_size: 0 is less than/],
  [{ ...FORM, rejected_code: 600 }, /rejected_code: 600 is more than/],
];
for (const [attributes, expected] of FAULTY) {
  it(`${JSON.stringify(attributes)} is refused`, () => {
    assert.match(problemsOf(routeWith({ 'request-validation': attributes })).join(), expected);
  });
}

it('every example is a right configuration', () => {
  for (const { config } of requestValidation.examples ?? [])
    assert.deepEqual(problemsOf(routeWith({ 'request-validation': config })), []);
});
