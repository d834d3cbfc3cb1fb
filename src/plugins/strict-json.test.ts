import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { parseStrictObject } from './strict-json.ts';

const parse = (text: string): unknown => parseStrictObject(Buffer.from(text));
const nested = (depth: number): string => `{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;

const READ: readonly (readonly [text: string, result: unknown])[] = [
  ['{}', {}],
  [' { "a" : [ { "b" : 1 } , { "b" : 2 } ] } ', { a: [{ b: 1 }, { b: 2 }] }],
  ['{"a":{"a":{"a":1}}}', { a: { a: { a: 1 } } }],
  ['{"a":"a","b":"a\\":1,\\"b"}', { a: 'a', b: 'a":1,"b' }],
  ['{"a":["b","b"],"b":"{","c":"]"}', { a: ['b', 'b'], b: '{', c: ']' }],
  ['{"a\\\\":1,"a":2}', { 'a\\': 1, a: 2 }],
  [nested(32), JSON.parse(nested(32))],
  ['', 'not_json'],
  ['{', 'not_json'],
  ['{"a":1,}', 'not_json'],
  ["{'a':1}", 'not_json'],
  ['{"a":NaN}', 'not_json'],
  ['{"a":1}x', 'not_json'],
  ['{"a":"\n"}', 'not_json'],
  ['\ufeff{}', 'not_json'],
  ['null', 'not_object'],
  ['[]', 'not_object'],
  ['[{}]', 'not_object'],
  ['"a"', 'not_object'],
  ['1', 'not_object'],
  ['{"a":1,"a":1}', 'member_repeated'],
  ['{"a":1,"b":{"c":1},"\\u0061":2}', 'member_repeated'],
  ['{"x":[{"a":1 , "a" \t: 2}]}', 'member_repeated'],
  ['{"":1,"":2}', 'member_repeated'],
  ['{"__proto__":1,"__proto__":2}', 'member_repeated'],
  [nested(33), 'too_deep'],
  [`{"a":${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}}`, 'too_deep'],
];

it('an object is read, anything that could be read in two ways is not', () => {
  for (const [text, result] of READ) assert.deepEqual(parse(text), result, text.slice(0, 80));
  for (const bytes of [
    [0x7b, 0xff, 0x7d],
    [0x7b, 0x22, 0xc3, 0x22, 0x3a, 0x31, 0x7d],
  ])
    assert.equal(parseStrictObject(Buffer.from(bytes)), 'not_utf8');
});

it('a member named __proto__ is a member like any other', () => {
  const value = parse('{"__proto__":{"key":"x"}}');
  assert.equal(Object.getPrototypeOf(value), Object.prototype);
  assert.equal(Object.hasOwn(value as object, 'key'), false);
});

it('whatever JSON.stringify writes of an object is read as it was, and refused once a member is doubled', () => {
  const value = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 }), { minKeys: 1 });
  fc.assert(
    fc.property(value, fc.nat(), fc.boolean(), (object, at, isEscaped) => {
      const text = JSON.stringify(object);
      assert.deepEqual(parse(text), JSON.parse(text));
      const names = Object.keys(object);
      const name = names[at % names.length] ?? '';
      // By code units: a pair of surrogates is two escapes.
      const escape = (_: unknown, i: number): string => `\\u${name.charCodeAt(i).toString(16).padStart(4, '0')}`;
      const spelled = isEscaped ? `"${Array.from({ length: name.length }, escape).join('')}"` : JSON.stringify(name);
      assert.equal(parse(`${text.slice(0, -1)},${spelled}:0}`), 'member_repeated');
    }),
  );
});

it('random bytes are refused or read, and never throw', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => void parseStrictObject(bytes)));
  const pieces = fc.array(fc.constantFrom('{', '}', '[', ']', '"', '\\', ':', ',', 'a', '1', ' ', '\\u00', 'null'));
  fc.assert(
    fc.property(pieces, (parts) => void parse(parts.join(''))),
    { numRuns: 2_000 },
  );
});
