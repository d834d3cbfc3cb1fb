/** What every Store that takes writes does with them. Not part of the gateway. */
import assert from 'node:assert/strict';
import { contentOf, Mirror, put, refuses, ROUTE } from './mirror.ts';
import type { StoreErrorCode } from './store-error.ts';
import type { Change, ObjectRef, Put } from './store.ts';
import type { Case } from './suite.ts';
import { update } from './update.ts';

export const WRITING: Readonly<Record<string, Case>> = {
  'what was put is read back with its id, its times and its revisions': async (store) => {
    assert.deepEqual((await store.readAll()).objects, []);
    assert.equal(await store.get(ROUTE), null);
    const value = { uri: '/a', desc: 'ünï ✓ \u0000', plugins: { 'key-auth': {} }, vars: [['a', '==', null]] };
    const { revision, results } = await store.write([put(ROUTE, value)]);
    const { create_time, update_time, ...rest } = results[0]?.after?.value ?? {};
    assert.deepEqual(rest, { ...value, id: '1' });
    assert.equal(create_time, update_time);
    assert.ok(Number.isSafeInteger(create_time) && Number(create_time) > 1_000_000_000);
    const read = await store.get(ROUTE);
    assert.deepEqual(read, results[0]?.after);
    assert.equal(read?.createdRevision, revision);
    assert.equal(read?.modifiedRevision, revision);
    assert.match(read?.key ?? '', /^\/[a-z0-9/-]*routes\/1$/);
    assert.deepEqual(await store.readAll(), { revision, objects: [read], isStale: false });
  },

  'every kind has the id that it needs, and none that it does not have in APISIX': async (store) => {
    const refs: ObjectRef[] = [
      { kind: 'consumers', id: 'jack' },
      { kind: 'credentials', id: 'jack/credentials/one' },
      { kind: 'secrets', id: 'vault/one' },
      { kind: 'plugin_metadata', id: 'http-logger' },
    ];
    await store.write(refs.map((ref) => put(ref, { a: 1 })));
    const { objects } = await store.readAll();
    const ids = objects.map(({ key, value }) => [
      key.replace(/^.*?(?=\/(?:consumers|secrets|plugin_))/, ''),
      value['id'],
    ]);
    assert.deepEqual(Object.fromEntries(ids), {
      '/consumers/jack': undefined,
      '/consumers/jack/credentials/one': 'one',
      '/secrets/vault/one': 'vault/one',
      '/plugin_metadata/http-logger': 'http-logger',
    });
    assert.equal((await store.get({ kind: 'consumers', id: 'jack' }))?.value['username'], 'jack');
    const credentials = await store.readAll('credentials');
    assert.deepEqual(
      credentials.objects.map(({ id }) => id),
      ['jack/credentials/one'],
    );
    assert.deepEqual(
      (await store.readAll('consumers')).objects.map(({ id }) => id),
      ['jack'],
    );
  },

  'a new version replaces the whole value and keeps when the object was created': async (store) => {
    const first = await store.write([put(ROUTE, { uri: '/a', desc: 'gone', create_time: 5 })]);
    const second = await store.write([put(ROUTE, { uri: '/b' })]);
    const { before, after } = second.results[0] ?? {};
    assert.deepEqual(before, first.results[0]?.after);
    assert.equal(after?.createdRevision, first.revision);
    assert.equal(after?.modifiedRevision, second.revision);
    assert.ok(second.revision > first.revision);
    const { update_time, ...rest } = after?.value ?? {};
    assert.deepEqual(rest, { uri: '/b', id: '1', create_time: 5 });
    assert.ok(Number(update_time) > 1_000_000_000);
  },

  'what was deleted is gone, cannot be deleted again, and comes back as a new object': async (store) => {
    const { revision } = await store.write([put(ROUTE, { uri: '/a' })]);
    const gone = await store.write([{ op: 'delete', ...ROUTE }]);
    assert.equal(gone.results[0]?.before?.value['uri'], '/a');
    assert.equal(gone.results[0]?.after, null);
    assert.equal(await store.get(ROUTE), null);
    await refuses('not_found', store.write([{ op: 'delete', ...ROUTE }]), /there is no routes\/1/);
    const again = await store.write([put(ROUTE, { uri: '/a' })]);
    assert.equal(again.results[0]?.after?.createdRevision, again.revision);
    assert.ok(again.revision > revision);
  },

  'an expectation that does not hold refuses the write and says what is there': async (store) => {
    const { revision } = await store.write([put(ROUTE, { uri: '/a' })]);
    const other: ObjectRef = { kind: 'routes', id: '2' };
    const cases: readonly [Change, RegExp][] = [
      [put(ROUTE, {}, { expect: 'absent' }), /routes\/1 exists already/],
      [put(ROUTE, {}, { expect: revision - 1 }), /it is at revision \d+, not \d+/],
      [put(ROUTE, {}, { expect: revision + 1 }), /it is at revision \d+, not \d+/],
      [put(other, {}, { expect: 'present' }), /there is no routes\/2/],
      [put(other, {}, { expect: revision }), /there is no routes\/2/],
      [{ op: 'delete', ...ROUTE, expect: revision + 1 }, /it is at revision/],
      [{ op: 'check', ...ROUTE, expect: 'absent' }, /exists already/],
      [{ op: 'check', ...other, expect: 'present' }, /there is no routes\/2/],
    ];
    for (const [change, message] of cases) {
      const error = await refuses('conflict', store.write([change]), message);
      assert.deepEqual(error.ref, { kind: change.kind, id: change.id });
    }
    assert.equal((await store.readAll()).revision, revision);
    await store.write([put(other, {}, { expect: 'absent' }), { op: 'check', ...ROUTE, expect: revision }]);
    await store.write([put(ROUTE, {}, { expect: revision }), put(other, {}, { expect: 'present' })]);
    await store.write([{ op: 'delete', ...ROUTE, expect: 'present' }]);
    assert.equal(await store.get(ROUTE), null);
  },

  'a transaction happens as a whole, in one revision, or not at all': async (store) => {
    const service: ObjectRef = { kind: 'services', id: 's' };
    const first = await store.write([put(ROUTE, { uri: '/a' }), put(service, { name: 'x' })]);
    for (const { after } of first.results) assert.equal(after?.modifiedRevision, first.revision);
    const bad: Change[] = [
      put(ROUTE, { uri: '/changed' }),
      { op: 'delete', ...service },
      put({ kind: 'routes', id: '2' }, {}, { expect: 'present' }),
    ];
    await refuses('conflict', store.write(bad));
    const { revision, objects } = await store.readAll();
    assert.equal(revision, first.revision);
    assert.deepEqual(contentOf(objects), contentOf(first.results.flatMap(({ after }) => after ?? [])));
    const only = await store.write([{ op: 'check', ...ROUTE, expect: 'present' }]);
    assert.equal(only.revision, first.revision);
  },

  'a rule about all objects holds: a put by someone else in between refuses the write': async (store) => {
    await store.write([put(ROUTE, { uri: '/a' })]);
    const { revision } = await store.readAll();
    await store.write([put({ kind: 'consumers', id: 'other' }, {})]);
    await refuses('conflict', store.write([{ op: 'delete', ...ROUTE }], { unchangedSince: revision }), /changed since/);
    assert.notEqual(await store.get(ROUTE), null);
    const now = (await store.readAll()).revision;
    await store.write([{ op: 'delete', ...ROUTE }], { unchangedSince: now });
    assert.equal(await store.get(ROUTE), null);
  },

  'what cannot be stored is refused, with nothing changed': async (store) => {
    const { revision } = await store.readAll();
    const long = { uri: 'x'.repeat(1_500_000) };
    const cases: readonly [StoreErrorCode, readonly Change[], RegExp][] = [
      ['invalid', [put({ kind: 'routes', id: '../consumers/jack' }, {})], /is no id of an object of "routes"/],
      ['invalid', [put({ kind: 'consumers', id: 'jack/credentials/one' }, {})], /is no id/],
      ['invalid', [put({ kind: 'credentials', id: 'jack' }, {})], /is no id/],
      ['invalid', [put({ kind: 'routes', id: '' }, {})], /is no id/],
      ['invalid', [{ op: 'delete', kind: 'secrets', id: '1' }], /is no id/],
      ['invalid', [put(ROUTE, [] as never)], /is no object/],
      ['invalid', [put(ROUTE, null as never)], /is no object/],
      ['invalid', [put(ROUTE, {}), put(ROUTE, {})], /stands twice/],
      ['invalid', [put(ROUTE, {}, { ttl_s: 0 })], /ttl 0 is none/],
      ['invalid', [put(ROUTE, {}, { ttl_s: 1.5 })], /ttl 1.5 is none/],
      ['too_large', [put(ROUTE, long)], /has \d+ bytes, at most/],
    ];
    for (const [code, changes, message] of cases) await refuses(code, store.write(changes), message);
    assert.deepEqual(await store.readAll(), { revision, objects: [], isStale: false });
  },

  'names that mean something to JavaScript are names like any other': async (store) => {
    const value = JSON.parse('{"plugins":{"__proto__":{"a":1},"constructor":{}},"toString":"x"}') as Put['value'];
    await store.write([put({ kind: 'plugin_metadata', id: 'constructor' }, value)]);
    const read = await store.get({ kind: 'plugin_metadata', id: 'constructor' });
    assert.equal(JSON.stringify(read?.value['plugins']), '{"__proto__":{"a":1},"constructor":{}}');
    assert.equal(await store.get({ kind: 'plugin_metadata', id: '__proto__' }), null);
  },

  'changes that are made at the same moment all count': async (store) => {
    await store.write([put(ROUTE, { priority: 0 })]);
    const once = (): Promise<unknown> =>
      update(store, ROUTE, ({ value }) => ({ ...value, priority: Number(value['priority']) + 1 }));
    await Promise.all(Array.from({ length: 5 }, once));
    assert.equal((await store.get(ROUTE))?.value['priority'], 5);
    await refuses(
      'not_found',
      update(store, { kind: 'routes', id: 'none' }, ({ value }) => value),
    );
  },

  'of two that create the same object one is told that it exists': async (store) => {
    const create = (): Promise<unknown> => store.write([put(ROUTE, {}, { expect: 'absent' })]);
    const outcomes = await Promise.allSettled([create(), create(), create()]);
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
  },

  'an object with a time to live vanishes, and one that was put again without stays': async (store, { pass }) => {
    const mirror = new Mirror();
    store.watch(mirror);
    const kept: ObjectRef = { kind: 'routes', id: 'kept' };
    await store.write([put(ROUTE, {}, { ttl_s: 1 }), put(kept, {}, { ttl_s: 1 })]);
    await store.write([put(kept, {})]);
    await mirror.until(() => mirror.objects.size === 2);
    await pass(1100);
    await mirror.until(() => mirror.objects.size === 1);
    assert.deepEqual(
      (await store.readAll()).objects.map(({ id }) => id),
      ['kept'],
    );
  },

  'a closed store refuses everything': async (store) => {
    const mirror = new Mirror();
    store.watch(mirror);
    await mirror.until(() => mirror.log.length === 1);
    const written = store.write([put(ROUTE, {})]).catch(() => undefined);
    await store.close();
    await written;
    await refuses('closed', store.write([put(ROUTE, {})]));
    await refuses('closed', store.get(ROUTE));
    await refuses('closed', store.readAll());
    assert.deepEqual(mirror.log, ['state']);
    await store.close();
  },
};
