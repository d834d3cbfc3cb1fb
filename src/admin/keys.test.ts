import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AdminKeys, cookieOf, keyOf } from './keys.ts';

const keys = new AdminKeys([
  { name: 'root', key: 'first-secret', role: 'admin' },
  { name: 'guest', key: 'second-secret', role: 'viewer' },
]);

test('a key leads to its name and role, anything else to nobody', () => {
  assert.deepEqual(keys.identify('first-secret'), { name: 'root', role: 'admin' });
  assert.deepEqual(keys.identify('second-secret'), { name: 'guest', role: 'viewer' });
  for (const wrong of ['', 'first', 'first-secret ', 'FIRST-SECRET', 'x'.repeat(10_000)])
    assert.equal(keys.identify(wrong), null);
  assert.equal(new AdminKeys([]).identify(''), null);
});

test('the argument counts before the header, the header before the cookie, and only a cookie is sent by browsers unasked', () => {
  assert.deepEqual(keyOf({ header: 'h', argument: 'a', cookie: 'c' }), { key: 'a', isAmbient: false });
  assert.deepEqual(keyOf({ header: 'h', argument: '', cookie: 'c' }), { key: 'h', isAmbient: false });
  assert.deepEqual(keyOf({ header: '', argument: '', cookie: 'c' }), { key: 'c', isAmbient: true });
  assert.deepEqual(keyOf({ header: '', argument: '', cookie: '' }), { key: '', isAmbient: false });
});

test('a cookie is found by its whole name', () => {
  assert.equal(cookieOf('a=1; x_api_key=abc; b=2', 'x_api_key'), 'abc');
  assert.equal(cookieOf('x_api_key=a%3Db', 'x_api_key'), 'a=b');
  assert.equal(cookieOf('x_api_key=%zz', 'x_api_key'), '%zz');
  assert.equal(cookieOf('my_x_api_key=abc', 'x_api_key'), '');
  assert.equal(cookieOf('', 'x_api_key'), '');
});
