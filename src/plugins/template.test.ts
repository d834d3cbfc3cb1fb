import assert from 'node:assert/strict';
import { it } from 'node:test';
import { compileTemplate } from './template.ts';

const VALUES: Readonly<Record<string, string>> = {
  remote_addr: '192.0.2.7',
  arg_name: 'José',
  http_x_name: 'Jos\u00c3\u00a9',
  a: '1',
  a_b: '2',
};
const source = { variable: (name: string) => (Object.hasOwn(VALUES, name) ? VALUES[name] : undefined) };

const ROWS: readonly (readonly [text: string, expected: string])[] = [
  ['', ''],
  ['plain', 'plain'],
  ['$remote_addr', '192.0.2.7'],
  ['${remote_addr}', '192.0.2.7'],
  ['from ${remote_addr}, $a', 'from 192.0.2.7, 1'],
  ['$a$a_b', '12'],
  ['${a}_b', '1_b'],
  ['$a-b', '1-b'],
  ['$unknown', ''],
  ['[${unknown}]', '[]'],
  ['$__proto__', ''],
  ['$0|$1|${2}|$3|$99', 'whole|first|second||'],
  ['$1abc', 'firstabc'],
  ['$1-$2', 'first-second'],
  ['${1abc}', '${1abc}'],
  ['$', '$'],
  ['$$a', '$1'],
  ['5 $ and $', '5 $ and $'],
  ['${a', '${a'],
  ['${}', '${}'],
  ['${a b}', '${a b}'],
  // One character for each byte, wherever the text comes from.
  ['é', '\u00c3\u00a9'],
  ['$arg_name', 'Jos\u00c3\u00a9'],
  ['$http_x_name', 'Jos\u00c3\u00a9'],
];

for (const [text, expected] of ROWS) {
  it(`${JSON.stringify(text)} gives ${JSON.stringify(expected)}`, () => {
    assert.equal(compileTemplate(text)(source, ['whole', 'first', 'second', undefined]), expected);
  });
}

it('captures are empty where nothing was captured', () => {
  assert.equal(compileTemplate('/$1-${2}')(source, null), '/-');
});

it('each part is encoded by what it is and by what stands before it', () => {
  const template = compileTemplate('x$a?y=${a_b}$1', {
    literal: (bytes, before) => `<${before}|${bytes}>`,
    value: (name, before) => (bytes) => `[${name},${before},${bytes}]`,
  });
  assert.equal(template(source, ['', 'c']), '<|x>[a,x,1]<x|?y=>[a_b,x?y=,2][,x?y=,c]');
});

it('what a value says is text, never a reference', () => {
  const hostile = { variable: (name: string) => (name === 'arg_x' ? '$remote_addr ${arg_x} $1' : 'secret') };
  assert.equal(compileTemplate('$arg_x')(hostile, ['', 'captured']), '$remote_addr ${arg_x} $1');
});
