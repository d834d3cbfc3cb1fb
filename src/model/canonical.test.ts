import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalText } from './canonical.ts';

test('the order of keys does not count, that of items does', () => {
  assert.equal(canonicalText({ b: 1, a: { d: [1, 2], c: null } }), canonicalText({ a: { c: null, d: [1, 2] }, b: 1 }));
  assert.notEqual(canonicalText([1, 2]), canonicalText([2, 1]));
  assert.notEqual(canonicalText({ a: '1' }), canonicalText({ a: 1 }));
});

test('two values have the same canonical text exactly if they are equal as JSON', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
      assert.deepEqual(JSON.parse(canonicalText(a)), JSON.parse(JSON.stringify(a)));
      assert.equal(
        canonicalText(a) === canonicalText(b),
        canonicalText(JSON.parse(canonicalText(a))) === canonicalText(b),
      );
    }),
  );
});
