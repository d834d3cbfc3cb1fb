import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compile, EMPTY_SNAPSHOT } from '../compile/compile.ts';
import { changeOf } from '../compile/set-changes.ts';
import { MemoryStore } from './memory.ts';
import { put, seeded } from './mirror.ts';
import { followObjects, type Objects, ObjectView } from './object-view.ts';
import type { ObjectRef, StoredObject } from './store.ts';
import { VirtualParts } from './virtual-parts.ts';

const SETTINGS = { router: 'radixtree_host_uri', merge_slashes: true } as const;
const UPSTREAM = { type: 'roundrobin', nodes: { '127.0.0.1:1': 1 } };

const stored = (object: Partial<StoredObject> & Pick<StoredObject, 'kind' | 'id'>): StoredObject => ({
  key: `/apisix/${object.kind}/${object.id}`,
  path: `/apisix/${object.kind}/${object.id}`,
  value: {},
  createdRevision: 1,
  modifiedRevision: 1,
  ...object,
});

void test('what a store tells becomes sets of objects that compile takes as they are', async () => {
  const store = new MemoryStore(new VirtualParts());
  const seen: Objects[] = [];
  const statuses: string[] = [];
  const watch = followObjects(store, {
    plugins: ['key-auth'],
    onObjects: (objects) => seen.push(objects),
    onStatus: ({ state }) => statuses.push(state),
  });
  await store.write([put({ kind: 'routes', id: 'b' }, { uri: '/b', upstream: UPSTREAM })]);
  await store.write([
    put({ kind: 'routes', id: 'a' }, { uri: '/a', upstream: UPSTREAM }),
    put({ kind: 'consumers', id: 'jack' }, { plugins: {} }),
    put({ kind: 'credentials', id: 'jack/credentials/one' }, { plugins: { x: {} } }),
  ]);
  await store.write([put({ kind: 'routes', id: 'b' }, { uri: '/b2', upstream: UPSTREAM })]);
  await Promise.resolve();
  watch.close();
  const last = seen.at(-1);
  assert.equal(last?.revision, 3);
  assert.deepEqual(
    last.set.objects.routes.map(({ id }) => id),
    ['b', 'a'],
    'in the order of their creation',
  );
  assert.equal(last.set.objects.routes[0]?.path, '/apisix/routes/b');
  assert.equal(last.set.objects.credentials[0]?.value['id'], 'jack/credentials/one');
  assert.equal(last.set.objects.consumers[0]?.value['id'], undefined);
  assert.deepEqual(last.set.plugins, ['key-auth']);
  assert.deepEqual(statuses, ['live']);
  const routesOnly = { ...last.set, plugins: null, objects: { ...last.set.objects, credentials: [] } };
  const { problems, warnings, snapshot } = compile(routesOnly, { settings: SETTINGS, revision: last.revision });
  assert.deepEqual([...problems, ...warnings], []);
  assert.notEqual(snapshot, EMPTY_SNAPSHOT);
});

void test('what cannot be read where it is stored is bad: its last good version serves, and it is never taken for empty', () => {
  const view = new ObjectView(null);
  const service = stored({ kind: 'services', id: 's', value: { upstream: UPSTREAM, plugins: {} } });
  const route = stored({ kind: 'routes', id: 'r', value: { uri: '/a', service_id: 's' } });
  const first = view.begin({ revision: 1, objects: [service, route], isStale: false });
  const good = compile(first.set, { settings: SETTINGS, revision: 1 });
  assert.deepEqual(good.problems, []);
  const problem = { path: '/apisix/services/s', code: 'syntax', message: 'not valid JSON' } as const;
  const broken = view.apply({
    revision: 2,
    changed: [{ ...service, value: {}, modifiedRevision: 2, problem }],
    deleted: [],
  });
  const bad = compile(broken.set, { settings: SETTINGS, revision: 2, previous: good.snapshot });
  assert.deepEqual(bad.problems, [problem]);
  assert.equal(bad.isBlocked, false);
  const again = compile(broken.set, { settings: SETTINGS, revision: 3, previous: bad.snapshot });
  assert.deepEqual(again.problems, [problem], 'it stays bad');
  const unreadable = view.apply({ revision: 3, changed: [stored({ kind: 'routes', id: 'x', problem })], deleted: [] });
  assert.equal(compile(unreadable.set, { settings: SETTINGS, revision: 4, previous: bad.snapshot }).isBlocked, true);
});

void test('a consumer under the key of another one is bad', () => {
  const consumer = stored({ kind: 'consumers', id: 'jack', value: { username: 'jill', plugins: {} } });
  const { set } = new ObjectView(null).begin({ revision: 1, objects: [consumer], isStale: true });
  assert.match(set.objects.consumers[0]?.problem?.message ?? '', /"jill" is not that of its key, which says "jack"/);
});

void test('however changes arrive, one by one, together or as a new beginning, the sets are the same', async () => {
  const random = seeded(Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31)));
  const store = new MemoryStore(new VirtualParts());
  const live = new ObjectView(null);
  let latest = live.begin(await store.readAll());
  store.watch({ onState: () => undefined, onChanges: (changes) => (latest = live.apply(changes)) }, 0);
  const again = new ObjectView(null);
  for (let i = 0; i < 200; i++) {
    const id = String(Math.floor(random() * 6));
    const exists = (await store.get({ kind: 'routes', id })) !== null;
    if (exists && random() < 0.4) await store.write([{ op: 'delete', kind: 'routes', id }]);
    else await store.write([put({ kind: 'routes', id }, { priority: i })]);
    if (random() < 0.5) continue;
    await new Promise(setImmediate);
    const state = await store.readAll();
    const { changes: _changes, ...set } = latest.set;
    assert.deepEqual({ ...latest, set }, new ObjectView(null).begin(state), `SEED=${random.seed}`);
    assert.deepEqual(again.begin(state), { ...latest, set }, `SEED=${random.seed}`);
    const kept = again.begin(state).set.objects.routes;
    again.begin(state).set.objects.routes.forEach((raw, j) => assert.equal(raw, kept[j]));
  }
});

void test('what a set says of its changes is what comparing all of it finds, also where sets in between are left out', () => {
  const random = seeded(Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31)));
  const draw = (most: number): number => Math.floor(random() * most);
  const view = new ObjectView(null);
  const created = new Map<string, number>();
  const { set: first } = view.begin({ revision: 0, objects: [], isStale: false });
  let { snapshot } = compile(first, { settings: SETTINGS, revision: 1 });
  let known = 0;
  for (let revision = 1; revision <= 300; revision++) {
    const changed: StoredObject[] = [];
    const deleted: ObjectRef[] = [];
    for (const id of new Set(Array.from({ length: 1 + draw(3) }, () => String(draw(12))))) {
      const object = { kind: 'routes', id } as const;
      if (created.has(id) && draw(4) === 0) deleted.push(object);
      if (deleted.at(-1) === object && created.delete(id) && draw(2) === 0) continue;
      if (!created.has(id)) created.set(id, revision);
      if (deleted.at(-1) === object) deleted.pop();
      const value = { uri: `/${draw(3)}`, upstream: UPSTREAM };
      changed.push(stored({ ...object, value, createdRevision: created.get(id) ?? 0, modifiedRevision: revision }));
    }
    const { set } = view.apply({ revision, changed, deleted });
    if (draw(3) === 0) continue;
    const { changes, ...plain } = set;
    if (changes?.since === snapshot.memory?.lists && changes?.places.routes !== undefined) known++;
    const sorted = (all: ReturnType<typeof changeOf>) => [
      all.changed.toSorted(([, a], [, b]) => (a.id < b.id ? -1 : 1)),
      all.removed.map(([, id]) => id).toSorted(),
    ];
    assert.deepEqual(
      sorted(changeOf(set, snapshot.memory)),
      sorted(changeOf(plain, snapshot.memory)),
      `SEED=${random.seed}`,
    );
    snapshot = compile(set, { settings: SETTINGS, revision: revision + 1, previous: snapshot }).snapshot;
  }
  assert.ok(known > 20, `places were known ${known} times`);
});
