import assert from 'node:assert/strict';
import { test } from 'node:test';
import { peersOf } from './peers.ts';

test('peers are found by address, by block, and on UNIX domain sockets', () => {
  assert.equal(peersOf([]), null);
  const some = peersOf(['10.0.0.0/8', '192.0.2.1', 'fe80::/10', '2001:db8::1']);
  for (const address of ['10.1.2.3', '192.0.2.1', 'fe80::1', '2001:db8::1']) assert.ok(some?.has(address), address);
  for (const address of ['11.0.0.1', '192.0.2.2', '2001:db8::2', 'unix:', '', 'x']) {
    assert.ok(some?.has(address) === false, address);
  }
  const local = peersOf(['unix:']);
  assert.ok(local?.has('unix:'));
  assert.ok(local?.has('127.0.0.1') === false);
  assert.ok(local?.has('') === false);
});
