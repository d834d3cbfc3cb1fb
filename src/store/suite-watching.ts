/** What every Store that takes writes tells its watchers. Not part of the gateway. */
import assert from 'node:assert/strict';
import { contentOf, Mirror, put, type Random, refuses, ROUTE } from './mirror.ts';
import { nameOf } from './object-key.ts';
import type { Change, ObjectRef } from './store.ts';
import type { Case } from './suite.ts';

export const WATCHING: Readonly<Record<string, Case>> = {
  'a watch begins with everything and goes on with whole transactions in their order': async (store) => {
    const first = await store.write([put(ROUTE, { uri: '/a' })]);
    const mirror = new Mirror();
    const watch = store.watch(mirror);
    assert.equal(mirror.log.length, 0, 'nothing is told during the call');
    await mirror.reaches(first.revision);
    assert.equal(mirror.log[0], 'state');
    // A store elsewhere may tell of the first write a moment later than its answer came.
    const begun = mirror.log.length;
    assert.deepEqual(
      mirror.statuses.map(({ state }) => state),
      ['live'],
    );
    const second = await store.write([put({ kind: 'routes', id: '2' }, {}), { op: 'delete', ...ROUTE }]);
    await mirror.reaches(second.revision);
    const third = await store.write([put(ROUTE, {}), put({ kind: 'services', id: '1' }, {})]);
    await mirror.reaches(third.revision);
    assert.deepEqual(mirror.log.slice(begun), ['-routes/1 routes/2', 'routes/1 services/1']);
    assert.deepEqual(mirror.content, contentOf((await store.readAll()).objects));
    watch.close();
    const other = new Mirror();
    store.watch(other);
    const last = await store.write([{ op: 'delete', ...ROUTE }]);
    await other.reaches(last.revision);
    assert.equal(mirror.log.length, begun + 2, 'a closed watch tells nothing');
  },

  'a watch resumes after the revision that it is given': async (store) => {
    const first = await store.write([put(ROUTE, {}), put({ kind: 'routes', id: '2' }, {})]);
    const mirror = new Mirror();
    const watch = store.watch(mirror);
    await mirror.reaches(first.revision);
    watch.close();
    await store.write([put({ kind: 'routes', id: '3' }, {})]);
    await store.write([{ op: 'delete', kind: 'routes', id: '2' }]);
    const last = await store.write([put(ROUTE, { uri: '/new' })]);
    store.watch(mirror, first.revision);
    await mirror.reaches(last.revision);
    assert.equal(mirror.log.filter((entry) => entry === 'state').length, 1, 'it is not told everything again');
    assert.deepEqual(mirror.content, contentOf((await store.readAll()).objects));
  },

  'a watch after the current revision tells nothing until something happens': async (store) => {
    const { revision } = await store.write([put(ROUTE, {})]);
    const mirror = new Mirror();
    store.watch(mirror, revision);
    await mirror.until(() => mirror.statuses.length === 1);
    assert.deepEqual(mirror.log, []);
    const next = await store.write([put({ kind: 'routes', id: '2' }, {})]);
    await mirror.reaches(next.revision);
    assert.deepEqual(mirror.log, ['routes/2']);
  },

  'a watcher that throws disturbs neither the others nor the writer': async (store) => {
    const fail = (): never => {
      throw new Error('a fault of the watcher');
    };
    store.watch({ onState: fail, onChanges: fail });
    const mirror = new Mirror();
    store.watch(mirror);
    const { revision } = await store.write([put(ROUTE, {})]);
    await mirror.reaches(revision);
    assert.ok(mirror.objects.has('routes/1'));
  },

  'after random writes, watchers that came and went know what the store has and what a map would have': async (
    store,
    { random },
  ) => {
    const model = new Map<string, unknown>();
    const always = new Mirror();
    store.watch(always);
    const sometimes = new Mirror();
    let watch = store.watch(sometimes);
    let revision = 0;
    for (let i = 0; i < 60; i++) {
      const changes = randomChanges(random, i);
      const isSound = changes.every((change) => change.op === 'put' || model.has(nameOf(change)));
      if (isSound) {
        ({ revision } = await store.write(changes));
        for (const change of changes) {
          if (change.op === 'put') model.set(nameOf(change), change.value['priority']);
          else model.delete(nameOf(change));
        }
      } else await refuses('not_found', store.write(changes));
      if (random() < 0.1) {
        watch.close();
        watch = store.watch(sometimes, sometimes.revision < 0 ? undefined : sometimes.revision);
      }
    }
    await Promise.all([always.reaches(revision), sometimes.reaches(revision)]);
    const { objects } = await store.readAll();
    assert.deepEqual(always.content, contentOf(objects), `SEED=${random.seed}`);
    assert.deepEqual(sometimes.content, contentOf(objects), `SEED=${random.seed}`);
    const found = objects.map((object) => [nameOf(object), object.value['priority']]);
    assert.deepEqual(Object.fromEntries(found), Object.fromEntries(model), `SEED=${random.seed}`);
  },
};

function randomChanges(random: Random, i: number): Change[] {
  const ids = new Set(Array.from({ length: 1 + Math.floor(random() * 3) }, () => String(Math.floor(random() * 8))));
  return Array.from(ids, (id): Change => {
    const ref: ObjectRef = { kind: random() < 0.5 ? 'routes' : 'upstreams', id };
    return random() < 0.7 ? put(ref, { priority: i }) : { op: 'delete', ...ref };
  });
}
