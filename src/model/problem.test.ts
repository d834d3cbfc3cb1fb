import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keysOf, nearest, pathOf, quote } from './problem.ts';

test('a path names members with dots, items and odd keys with brackets, and can be taken apart again', () => {
  const cases: readonly (readonly (string | number)[])[] = [
    ['routes', 0, 'upstream', 'nodes', '127.0.0.1:80'],
    ['plugins', 'key-auth', 'key'],
    ['labels', 'with "quotes" and ]', 3],
    ['labels', '', 'x.y'],
    ['7'],
  ];
  for (const keys of cases) {
    const path = keys.reduce<string>((parent, key) => pathOf(parent, key), '');
    assert.deepEqual(keysOf(path), keys, path);
  }
  assert.equal(pathOf(pathOf('routes', 3), 'uri'), 'routes[3].uri');
});

test('the nearest name is the one that a slip of the keyboard makes of it', () => {
  const names = ['upstream', 'upstream_id', 'uri', 'uris', 'methods', 'retries'];
  const cases: readonly [string, string | undefined][] = [
    ['upsteam', 'upstream'],
    ['upstreamid', 'upstream_id'],
    ['URI', 'uri'],
    ['retrys', 'retries'],
    ['method', 'methods'],
    ['colour', undefined],
    ['x', undefined],
    ['u'.repeat(1000), undefined],
  ];
  for (const [name, expected] of cases) assert.equal(nearest(name, names), expected, name);
});

test('a value is quoted on one line and cut short', () => {
  assert.equal(quote('a\nb'), '"a\\nb"');
  assert.equal(quote(['a']), 'a list of 1');
  assert.equal(quote({}), 'an object');
  assert.ok(quote('x'.repeat(500)).length < 90);
});
