import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parseJson } from './json-text.ts';

const CASES: readonly (readonly [text: string, value: unknown])[] = [
  [
    '{"cert": "-----BEGIN\nMIID\r\n-----END\n",\n\t"key": "a\tb"}',
    { cert: '-----BEGIN\nMIID\r\n-----END\n', key: 'a\tb' },
  ],
  ['"\u0000\u001f"', '\u0000\u001f'],
  ['["\\"\n", "\\\\", "\n"]', ['"\n', '\\', '\n']],
  ['{"a\nb": 1}', { 'a\nb': 1 }],
  [' {"a": "\\n"} ', { a: '\n' }],
];

for (const [text, value] of CASES) {
  it(`${JSON.stringify(text)} is read`, () => assert.deepEqual(parseJson(text), value));
}

for (const text of ['', '{', '{"a": "\n', '["a\n]', '"\\\n"', '{"a"\u0001: 1}', "{'a': 1}", '[1,]', '"a\n" "b"']) {
  it(`${JSON.stringify(text)} is no JSON`, () => assert.throws(() => parseJson(text), SyntaxError));
}

it('what needs no help is what JSON.parse makes of it', () => {
  const value = { a: ['\n', { b: '"\\' }], c: null, d: 1.5 };
  assert.deepEqual(parseJson(JSON.stringify(value, null, 2)), value);
});
