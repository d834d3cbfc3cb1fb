import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { loadConfiguration, parseConfiguration } from '../config/configuration.ts';
import { watchConfiguration } from '../config/watch.ts';
import { FileStore } from './file.ts';
import { Mirror, put, refuses, ROUTE } from './mirror.ts';
import { followObjects, type Objects } from './object-view.ts';
import type { Change, Store } from './store.ts';
import { readingSuite } from './suite.ts';
import { SEEDS } from './suite-reading.ts';
import { VirtualParts } from './virtual-parts.ts';

/** The seeds as a file says them. */
function seedText(): string {
  const kinds = new Map<string, unknown[]>();
  for (const { kind, value } of SEEDS) kinds.set(kind, [...(kinds.get(kind) ?? []), value]);
  return JSON.stringify(Object.fromEntries(kinds));
}

function parse(text: string) {
  return parseConfiguration(text, { format: 'yaml', dialect: 'gatewright', env: {} });
}

readingSuite('file', (t) => {
  const store = new FileStore('gatewright.yaml', parse(seedText()), new VirtualParts());
  t.after(() => store.close());
  return Promise.resolve(store);
});

void test('file: every write is refused with the file that is to be changed instead', async () => {
  const store = new FileStore('/etc/gatewright.yaml', parse(seedText()), new VirtualParts());
  const before = await store.readAll();
  const writable: Store = store;
  const writes: readonly Change[][] = [
    [put(ROUTE, {})],
    [{ op: 'delete', ...ROUTE }],
    [{ op: 'check', ...ROUTE, expect: 'present' }],
    [],
  ];
  for (const changes of writes) {
    await refuses('read_only', writable.write(changes), /objects come from \/etc\/gatewright\.yaml: change them there/);
  }
  assert.deepEqual(await store.readAll(), before);
});

void test('file: what changed in the file has a new revision, the rest keeps its own', async () => {
  const store = new FileStore(
    'gatewright.yaml',
    parse('routes: [{ id: 1, uri: /a }, { id: 2, uri: /b }]'),
    new VirtualParts(),
  );
  const mirror = new Mirror();
  const seen: Objects[] = [];
  store.watch(mirror);
  followObjects(store, { plugins: null, onObjects: (objects) => seen.push(objects), onStatus: () => undefined });
  await mirror.until(() => mirror.log.length === 1);
  const next = parse('routes: [{ id: 3, uri: /c }, { id: 1, uri: /a }, { id: 2, uri: /changed }]');
  store.take(next);
  await mirror.reaches(2);
  const revisions = [...mirror.objects.values()].map(({ id, path, createdRevision, modifiedRevision }) => [
    id,
    path,
    createdRevision,
    modifiedRevision,
  ]);
  assert.deepEqual(revisions, [
    ['3', 'routes[0]', 2, 2],
    ['1', 'routes[1]', 1, 1],
    ['2', 'routes[2]', 1, 2],
  ]);
  assert.equal(seen.at(-1)?.set, next.objects);
  assert.equal(seen.at(-1)?.configuration, next);
  store.take(parse('routes: {'));
  await mirror.reaches(3);
  assert.equal(seen.at(-1)?.set.isIncomplete, true, 'who compiles it has to know');
  assert.equal((await store.readAll()).objects.length, 3, 'who reads it sees the last whole one');
});

void test('file: of objects with the same id the first one is the one that counts', async () => {
  const store = new FileStore('x', parse('routes: [{ id: 1, uri: /a }, { id: 1, uri: /b }]'), new VirtualParts());
  assert.equal((await store.get(ROUTE))?.value['uri'], '/a');
});

void test('file: what is saved reaches those who watch the store', async (t: TestContext) => {
  const where = mkdtempSync(join(tmpdir(), 'gatewright-file-'));
  t.after(() => rmSync(where, { recursive: true, force: true }));
  const path = join(where, 'gatewright.yaml');
  writeFileSync(path, seedText());
  const configuration = await loadConfiguration(path, {});
  const store = new FileStore(path, configuration, new VirtualParts());
  const mirror = new Mirror();
  store.watch(mirror);
  const watch = watchConfiguration({
    path,
    env: {},
    current: configuration,
    schedule: (delay_ms, callback) => {
      const timer = setTimeout(callback, delay_ms);
      return () => clearTimeout(timer);
    },
    onChange: (changed) => store.take(changed),
    onHeldBack: assert.fail,
  });
  t.after(() => watch.close());
  writeFileSync(`${path}.next`, 'routes: [{ id: 1, uri: /saved }]');
  renameSync(`${path}.next`, path);
  await mirror.reaches(2);
  assert.deepEqual([...mirror.objects.keys()], ['routes/1']);
  assert.equal(mirror.objects.get('routes/1')?.value['uri'], '/saved');
});
