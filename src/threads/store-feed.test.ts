import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ObjectSet } from '../model/object-set.ts';
import { MemoryStore } from '../store/memory.ts';
import { put } from '../store/mirror.ts';
import { VirtualParts } from '../store/virtual-parts.ts';
import { StoreFeed } from './store-feed.ts';

test('what changes while a change is put in force is taken together, and everyone who waits for a part of it is told', async () => {
  const store = new MemoryStore(new VirtualParts());
  const applied: ObjectSet[] = [];
  let go: (isServed: boolean) => void = () => undefined;
  const feed = new StoreFeed({
    store,
    plugins: null,
    apply: (set) => {
      applied.push(set);
      return new Promise((resolve) => (go = resolve));
    },
    onStatus: () => undefined,
  });
  const { revision } = await feed.first;
  feed.begin(revision, true);
  const waits: Promise<boolean>[] = [];
  for (let i = 0; i < 100; i++) {
    const written = await store.write([put({ kind: 'routes', id: `r${i}` }, { uri: `/${i}` })]);
    waits.push(feed.reached(written.revision, 10_000));
    await new Promise(setImmediate);
  }
  assert.equal(applied.length, 1, 'the first is still under way');
  go(true);
  assert.equal(await waits[0], true);
  await new Promise(setImmediate);
  assert.deepEqual(
    applied.map(({ objects }) => objects.routes.length),
    [1, 100],
  );
  go(true);
  assert.deepEqual(new Set(await Promise.all(waits)), new Set([true]));
  feed.close();
});
