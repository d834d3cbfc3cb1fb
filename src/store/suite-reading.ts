/** What every Store does for those who only read. Not part of the gateway. */
import assert from 'node:assert/strict';
import { Mirror, put, refuses } from './mirror.ts';
import { nameOf } from './object-key.ts';
import type { Put, Store } from './store.ts';

/** What the store holds when the tests begin. */
export const SEEDS: readonly Put[] = [
  put({ kind: 'routes', id: '1' }, { id: '1', uri: '/a', upstream_id: 'u' }),
  put({ kind: 'upstreams', id: 'u' }, { id: 'u', type: 'roundrobin', nodes: { '127.0.0.1:1': 1 } }),
  put({ kind: 'consumers', id: 'jack' }, { username: 'jack' }),
  put({ kind: 'plugin_metadata', id: 'cors' }, { id: 'cors', allow_origins: { a: 'http://a.test' } }),
];

const NAMES = SEEDS.map(nameOf);

export type ReadingCase = (store: Store) => Promise<void>;

export const READING: Readonly<Record<string, ReadingCase>> = {
  'everything is read at one revision, each object under its key': async (store) => {
    const { revision, objects, isStale } = await store.readAll();
    assert.ok(Number.isSafeInteger(revision) && revision >= 1);
    assert.equal(isStale, false);
    assert.deepEqual(objects.map(nameOf).toSorted(), NAMES.toSorted());
    for (const { key, path, kind, id, value, createdRevision, modifiedRevision } of objects) {
      assert.ok(key.endsWith(`/${kind}/${id}`), key);
      assert.notEqual(path, '');
      const seed = SEEDS.find((one) => one.kind === kind && one.id === id);
      assert.deepEqual(
        { ...value, create_time: 0, update_time: 0 },
        { ...seed?.value, create_time: 0, update_time: 0 },
      );
      assert.ok(createdRevision >= 1 && createdRevision <= modifiedRevision && modifiedRevision <= revision);
    }
  },

  'the objects of one kind, and single ones, are those that are among everything': async (store) => {
    const { objects } = await store.readAll();
    for (const object of objects) {
      assert.deepEqual((await store.readAll(object.kind)).objects, [object]);
      assert.deepEqual(await store.get({ kind: object.kind, id: object.id }), object);
    }
    assert.deepEqual((await store.readAll('services')).objects, []);
    assert.equal(await store.get({ kind: 'routes', id: 'u' }), null);
  },

  'a watch begins with everything, at the revision that is read': async (store) => {
    const mirror = new Mirror();
    store.watch(mirror);
    const { revision, objects } = await store.readAll();
    await mirror.reaches(revision);
    assert.equal(mirror.log[0], 'state');
    assert.equal(mirror.revision, revision);
    assert.deepEqual([...mirror.objects.values()].toSorted(byKey), objects.toSorted(byKey));
    assert.equal(store.status.state, 'live');
  },

  'once it is closed it refuses to be read': async (store) => {
    await store.close();
    await refuses('closed', store.readAll());
    await refuses('closed', store.get({ kind: 'routes', id: '1' }));
  },
};

function byKey(a: { readonly key: string }, b: { readonly key: string }): number {
  return a.key < b.key ? -1 : 1;
}
