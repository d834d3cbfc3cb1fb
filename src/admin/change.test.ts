import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { mergePatch, replaceAt } from './change.ts';

test('a merge follows the examples of RFC 7396, appendix A', () => {
  const cases: readonly [target: unknown, patch: unknown, result: unknown][] = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ a: 'foo' }, null, null],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ];
  for (const [target, patch, result] of cases) assert.deepEqual(mergePatch(target, patch), result);
});

test('a merge does what the pseudocode of RFC 7396 says, on random values', () => {
  const json = fc.jsonValue({ maxDepth: 4 });
  fc.assert(
    fc.property(json, json, (target, patch) => {
      assert.deepEqual(mergePatch(target, patch), naive(structuredClone(target), patch));
    }),
  );
});

/** The pseudocode of section 2, word for word, with a map so that no key is special. */
function naive(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const isObject = typeof target === 'object' && target !== null && !Array.isArray(target);
  const members = new Map<string, unknown>(isObject ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) {
      if (members.has(name)) members.delete(name);
    } else members.set(name, naive(members.get(name), value));
  }
  return Object.fromEntries(members);
}

test('a key named __proto__ is a member like any other', () => {
  const patch: unknown = JSON.parse('{"__proto__":{"polluted":true}}');
  const merged = mergePatch({ a: 1 }, patch);
  assert.equal(JSON.stringify(merged), '{"a":1,"__proto__":{"polluted":true}}');
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
});

test('one attribute is replaced, added or removed by its path', () => {
  const value = { uri: '/a', upstream: { nodes: { 'a:1': 1 } }, hosts: ['a', 'b'] };
  const cases: readonly [keys: string[], replacement: unknown, result: unknown][] = [
    [['uri'], '/b', { value: { ...value, uri: '/b' } }],
    [['upstream', 'nodes'], { 'b:2': 1 }, { value: { ...value, upstream: { nodes: { 'b:2': 1 } } } }],
    [['upstream', 'nodes', 'a:1'], null, { value: { ...value, upstream: { nodes: {} } } }],
    [['timeout', 'read'], 3, { value: { ...value, timeout: { read: 3 } } }],
    [['hosts', '1'], 'c', { value: { ...value, hosts: ['a', 'c'] } }],
    [['hosts', '0'], null, { value: { ...value, hosts: ['b'] } }],
    [['hosts', '2'], 'c', { missing: 'hosts.2' }],
    [['hosts', 'x'], 'c', { missing: 'hosts.x' }],
    [['uri', 'x'], 1, { missing: 'uri.x' }],
    [[], 'whole', { value: 'whole' }],
  ];
  for (const [keys, replacement, result] of cases) {
    const before = structuredClone(value);
    const found = replaceAt(value, keys, replacement);
    if ('missing' in found)
      assert.equal(
        found.missing.replace(/\["?|"?\]/g, '.').replace(/\.$/, ''),
        (result as { missing: string }).missing,
      );
    else assert.deepEqual(found, result);
    assert.deepEqual(value, before, 'the old version stays as it is');
  }
});
