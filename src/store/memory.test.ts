import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryStore } from './memory.ts';
import { Mirror, put } from './mirror.ts';
import { storeSuite } from './suite.ts';
import { VirtualParts } from './virtual-parts.ts';

storeSuite('memory', Math.floor(Math.random() * 2 ** 31), async () => {
  const parts = new VirtualParts();
  const store = new MemoryStore(parts);
  return { store, pass: async (ms) => parts.pass(ms) };
});

void test('a watcher that knows too little to be told what was deleted is told everything', async () => {
  const store = new MemoryStore(new VirtualParts());
  const { revision } = await store.write([put({ kind: 'routes', id: '1' }, {})]);
  for (let i = 0; i < 10_001; i++) {
    await store.write([put({ kind: 'routes', id: `r${i}` }, {})]);
    await store.write([{ op: 'delete', kind: 'routes', id: `r${i}` }]);
  }
  const late = new Mirror();
  store.watch(late, revision);
  await late.until(() => late.log.length > 0);
  assert.deepEqual(late.log, ['state']);
  const later = new Mirror();
  store.watch(later, revision + 3);
  await later.until(() => later.log.length > 0);
  assert.notDeepEqual(later.log, ['state']);
});

void test('an object may live longer than a timer can wait', async () => {
  const parts = new VirtualParts();
  const store = new MemoryStore(parts);
  await store.write([put({ kind: 'routes', id: '1' }, {}, { ttl_s: 40 * 86_400 })]);
  parts.pass(39 * 86_400_000);
  assert.equal((await store.readAll()).objects.length, 1);
  parts.pass(86_400_000);
  assert.equal((await store.readAll()).objects.length, 0);
  assert.equal(parts.waiting, 0);
});
