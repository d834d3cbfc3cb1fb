import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { RequestBody } from './body-variables.ts';
import { createBodyVariables } from './body-variables.ts';
import { compileExpression } from './expression.ts';
import type { VariableValue } from './variable-source.ts';

const FORM = 'application/x-www-form-urlencoded';
const JSON_TYPE = 'application/json';

function valueOf(name: string, body: Partial<RequestBody>): VariableValue {
  return createBodyVariables({ contentType: '', text: '', query: '', ...body }).value(name);
}

const chat = JSON.stringify({
  model: { name: 'deepseek' },
  stream: true,
  n: 3,
  stop: null,
  tags: ['a', 'b'],
  messages: [
    { role: 'system', content: [{ type: 'text', text: 'x' }] },
    { role: 'user', content: [{ type: 'text' }, { type: 'image_url' }] },
    { role: 'user', content: 'plain' },
  ],
  '[odd]': 'odd',
});

const values: [name: string, contentType: string, text: string, expected: VariableValue][] = [
  ['post_arg_name', FORM, 'name=json', 'json'],
  ['post_arg.name', `${FORM}; charset=utf-8`, 'a=1&name=js%6fn', 'json'],
  ['post_arg.a.b', FORM, 'a.b=1', '1'],
  ['post_arg.user[name]', FORM, 'user%5Bname%5D=jack', 'jack'],
  ['post_arg_name', 'text/plain', 'name=json', undefined],
  ['post_arg_name', '', 'name=json', undefined],
  ['post_arg.name', JSON_TYPE, '{"name":"xyz"}', 'xyz'],
  ['post_arg.name', 'Application/LD+JSON', '{"name":"xyz"}', 'xyz'],
  ['post_arg.name', JSON_TYPE, '{"name":', undefined],
  ['post_arg.name', JSON_TYPE, '"name"', undefined],
  ['post_arg.model.name', JSON_TYPE, chat, 'deepseek'],
  ['post_arg.model', JSON_TYPE, chat, { name: 'deepseek' }],
  ['post_arg.stream', JSON_TYPE, chat, true],
  ['post_arg.n', JSON_TYPE, chat, 3],
  ['post_arg.stop', JSON_TYPE, chat, null],
  ['post_arg.tags', JSON_TYPE, chat, ['a', 'b']],
  ['post_arg.tags[1]', JSON_TYPE, chat, 'b'],
  ['post_arg.tags[2]', JSON_TYPE, chat, undefined],
  ['post_arg.tags.length', JSON_TYPE, chat, undefined],
  ['post_arg.[odd]', JSON_TYPE, chat, 'odd'],
  ['post_arg.toString', JSON_TYPE, chat, undefined],
  ['post_arg.__proto__', JSON_TYPE, chat, undefined],
  ['post_arg.messages[*].role', JSON_TYPE, chat, ['system', 'user', 'user']],
  ['post_arg.messages[*].content[*].type', JSON_TYPE, chat, ['text', 'text', 'image_url']],
  ['post_arg.messages[0].content[0].text', JSON_TYPE, chat, 'x'],
  ['post_arg.none[*].x', JSON_TYPE, chat, []],
];

for (const [name, contentType, text, expected] of values) {
  test(`${name} of ${contentType || 'a body without type'} ${text.slice(0, 24)} is ${JSON.stringify(expected) ?? 'absent'}`, () => {
    assert.deepEqual(valueOf(name, { contentType, text }), expected);
  });
}

test('an image in any message is found with "has"', () => {
  const expression = compileExpression([['post_arg.messages[*].content[*].type', 'has', 'image_url']]);
  const body = createBodyVariables({ contentType: JSON_TYPE, text: chat, query: '' });
  assert.equal(expression.evaluate({ variable: () => undefined, body }), true);
});

const part = (head: string, value: string) => `--b0undary\r\n${head}\r\n\r\n${value}\r\n`;
const multipart: [text: string, expected: VariableValue, why: string][] = [
  [`${part('Content-Disposition: form-data; name="x"', 'one')}--b0undary--`, 'one', 'a field'],
  [
    `${part('content-disposition:form-data;name=x\r\nContent-Type: text/plain', 'one')}--b0undary--\r\n`,
    'one',
    'a bare name',
  ],
  [
    `pre\r\n${part('Content-Disposition: form-data; name="x"', 'a\r\n--b0undaryX\r\nb')}--b0undary--`,
    'a\r\n--b0undaryX\r\nb',
    'a longer line',
  ],
  [
    `${part('Content-Disposition: form-data; name="x"; filename="x"', 'file')}--b0undary--`,
    undefined,
    'a file is no field',
  ],
  [
    `${part('Content-Disposition: form-data; name="x"', '1')}${part('Content-Disposition: form-data; name="x"', '2')}--b0undary--`,
    '1',
    'the first one',
  ],
  [`--b0undary\r\nContent-Disposition: form-data; name="x"\r\n\r\nhalf`, undefined, 'a part that is not complete'],
  [`${part('Content-Type: text/plain', 'one')}--b0undary--`, undefined, 'a part without name'],
  ['x=1', undefined, 'no part at all'],
];

for (const [text, expected, why] of multipart) {
  test(`of a multipart body, post_arg.x is ${JSON.stringify(expected) ?? 'absent'} for ${why}`, () => {
    assert.equal(valueOf('post_arg.x', { contentType: 'multipart/form-data; boundary=b0undary', text }), expected);
  });
}

test('a multipart body without boundary has no values', () => {
  assert.equal(valueOf('post_arg.x', { contentType: 'multipart/form-data', text: '--x\r\n' }), undefined);
});

const GET_REPO = 'query getRepo { owner {name } repo {created}}';
const documents: [document: string, expected: [operation: string, name: string, fields: string[]] | null][] = [
  [GET_REPO, ['query', 'getRepo', ['owner', 'repo']]],
  ['{ a }', ['query', '', ['a']]],
  ['query { a }', ['query', '', ['a']]],
  [
    'mutation m($x: [Int!]! = [1, 2] @d, $y: T = {k: "}"}) @auth(role: "(") { do(a: {b: ")"}) @skip(if: true) { x } }',
    ['mutation', 'm', ['do']],
  ],
  ['subscription s { on }', ['subscription', 's', ['on']]],
  ['{ first: a, second: a b }', ['query', '', ['a', 'b']]],
  ['# { x }\n{ a # }\n }', ['query', '', ['a']]],
  ['{ a(t: """ \\""" } { "" """) b }', ['query', '', ['a', 'b']]],
  ['{ a(t: "\\"}") b }', ['query', '', ['a', 'b']]],
  ['{ a(t: "") b(t: """""") }', ['query', '', ['a', 'b']]],
  [
    'query q { ...f } fragment f on Query { secret { x } ...g } fragment g on Query { more ...f }',
    ['query', 'q', ['secret', 'more']],
  ],
  ['{ ... { a } ... on Query @d { b ... { c } } d }', ['query', '', ['a', 'b', 'c', 'd']]],
  ['\ufeffquery query { query: fragment }', ['query', 'query', ['fragment']]],
  ['', null],
  ['{ }', null],
  ['{ a', null],
  ['{ a(b: ] ) }', null],
  ['{ a("unterminated) }', null],
  ['{ a(t: """ ) }', null],
  ['query a { x } query b { y }', null],
  ['{ ...nowhere }', null],
  ['type A { b: C }', null],
  ['{ a } }', null],
  ['{ a } fragment f on T { x } fragment f on T { y }', null],
  [`${'{ ... '.repeat(60)}{ a ${'}'.repeat(61)}`, null],
  ['hello', null],
];

for (const [text, expected] of documents) {
  test(`the GraphQL document ${JSON.stringify(text.slice(0, 70))} is ${expected === null ? 'refused' : `a ${expected[0]}`}`, () => {
    const body = createBodyVariables({ contentType: 'application/graphql', text, query: '' });
    const found = ['graphql_operation', 'graphql_name', 'graphql_root_fields'].map((name) => body.value(name));
    assert.deepEqual(found, expected ?? [undefined, undefined, undefined]);
  });
}

const carriers: [body: Partial<RequestBody>, expected: VariableValue, why: string][] = [
  [{ contentType: 'application/graphql', text: GET_REPO }, 'getRepo', 'the body itself'],
  [{ contentType: JSON_TYPE, text: JSON.stringify({ query: GET_REPO }) }, 'getRepo', 'the member query'],
  [
    { contentType: 'application/graphql', query: `query=${encodeURIComponent(GET_REPO)}` },
    'getRepo',
    'the argument query',
  ],
  [{ query: 'query=query+a{x}query+b{y}&operationName=b' }, 'b', 'the argument operationName'],
  [
    { contentType: JSON_TYPE, text: '{"query":"query a{x}query b{y}","operationName":"a"}' },
    'a',
    'the member operationName',
  ],
  [
    { contentType: JSON_TYPE, text: '{"query":"query a{x}","operationName":"b"}' },
    undefined,
    'an operation that is not there',
  ],
  [{ contentType: JSON_TYPE, text: JSON.stringify([{ query: GET_REPO }]) }, undefined, 'a batch'],
  [{ contentType: JSON_TYPE, text: '{"query":5}' }, undefined, 'a number'],
  [{}, undefined, 'nothing'],
];

for (const [body, expected, why] of carriers) {
  test(`graphql_name is ${JSON.stringify(expected) ?? 'absent'} for ${why}`, () => {
    assert.equal(valueOf('graphql_name', body), expected);
  });
}

test('no body makes a variable throw', () => {
  const pieces = [
    '{',
    '}',
    '(',
    ')',
    '[',
    ']',
    '"',
    '"""',
    '\\',
    '...',
    'on ',
    'query ',
    'fragment f on T',
    'a',
    ':',
    '@',
    '$',
    '#',
    '\n',
    '1',
    ',',
  ];
  const text = fc.array(fc.constantFrom(...pieces), { maxLength: 20 }).map((parts) => parts.join(''));
  const type = fc.constantFrom(FORM, JSON_TYPE, 'application/graphql', 'multipart/form-data; boundary=a', '');
  const name = fc.constantFrom('graphql_name', 'graphql_root_fields', 'post_arg.a', 'post_arg.a[*].b[0]', 'post_arg_a');
  fc.assert(
    fc.property(text, type, name, (body, contentType, variable) => {
      valueOf(variable, { contentType, text: body });
      valueOf(variable, { contentType: JSON_TYPE, text: JSON.stringify({ query: body, a: [{ b: [body] }] }) });
    }),
    { numRuns: 4000 },
  );
});

test('a long document is read in linear time', { timeout: 60_000 }, () => {
  const fields = Array.from({ length: 50_000 }, (_, i) => `f${i}`).join(' ');
  for (const text of [
    `{ ${fields} }`,
    `{ ...x } fragment x on Q { ${fields} }`,
    `{ a(t: "${'\\'.repeat(400_000)}`,
    '{a('.repeat(100_000),
  ]) {
    valueOf('graphql_root_fields', { contentType: 'application/graphql', text });
  }
});
