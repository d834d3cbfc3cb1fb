import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { argumentOf, cookieOf } from './variables.ts';

const queries: [query: string, name: string, expected: string | undefined][] = [
  ['a=1&b=2', 'a', '1'],
  ['a=1&b=2', 'b', '2'],
  ['a=1&b=2', 'c', undefined],
  ['', 'a', undefined],
  ['a', 'a', ''],
  ['a=', 'a', ''],
  ['a=1&a=2', 'a', '1'],
  ['ab=1', 'a', undefined],
  ['A=1', 'a', undefined],
  ['a=%70rod', 'a', 'prod'],
  ['%61=x', 'a', 'x'],
  ['a=x+y%2B', 'a', 'x y+'],
  ['a+b=1', 'a b', '1'],
  ['a=%E4%BD%A0', 'a', '\u4f60'],
  ['a=%zz%4', 'a', '%zz%4'],
  ['a=b=c', 'a', 'b=c'],
  ['=x&a=1', '', undefined],
  ['&&a=1&', 'a', '1'],
  ['b&a=1', 'b', ''],
];

for (const [query, name, expected] of queries) {
  test(`arg_${name} of "${query}" is ${JSON.stringify(expected) ?? 'absent'}`, () => {
    assert.equal(argumentOf(query, name), expected);
  });
}

const cookies: [header: string, name: string, expected: string | undefined][] = [
  ['a=1; b=2', 'b', '2'],
  ['a=1;b=2', 'b', '2'],
  ['a=1; a=2', 'a', '1'],
  ['a=1', 'A', undefined],
  ['ab=1', 'a', undefined],
  ['a', 'a', undefined],
  ['a=x=y', 'a', 'x=y'],
  ['a = 1 ', 'a', '1'],
  ['a="q"; b', 'a', '"q"'],
  ['', 'a', undefined],
  [';;', '', undefined],
];

for (const [header, name, expected] of cookies) {
  test(`cookie_${name} of "${header}" is ${JSON.stringify(expected) ?? 'absent'}`, () => {
    assert.equal(cookieOf(header, name), expected);
  });
}

test('arguments are read as URLSearchParams reads them', () => {
  const query = fc.string({
    unit: fc.constantFrom('a', 'b', '=', '&', '+', '%41', '%20', '%c3%a9', '1'),
    maxLength: 16,
  });
  fc.assert(
    fc.property(query, fc.constantFrom('a', 'b', 'ab', 'A', 'a b', '1', '\u00e9'), (text, name) => {
      assert.equal(argumentOf(text, name), new URLSearchParams(text).get(name) ?? undefined);
      assert.equal(argumentOf(`?${text}`, name, 1), argumentOf(text, name));
    }),
    { numRuns: 3000 },
  );
});
