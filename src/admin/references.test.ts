import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Kind } from '../model/object-set.ts';
import type { StoredObject } from '../store/store.ts';
import { checkReferences, dependentOf, referencesOf } from './references.ts';
import type { JsonObject, View } from './view.ts';

function view(objects: Readonly<Record<string, JsonObject>>): View {
  const list = (wanted: Kind): Map<string, StoredObject> => {
    const found = new Map<string, StoredObject>();
    for (const [name, value] of Object.entries(objects)) {
      const [kind = '', ...rest] = name.split('/');
      const id = rest.join('/');
      const stored = { kind: wanted, id, key: name, path: name, value, createdRevision: 1, modifiedRevision: 1 };
      if (kind === wanted) found.set(id, stored);
    }
    return found;
  };
  return { revision: 1, list };
}

const SPLIT = {
  plugins: { 'traffic-split': { rules: [{ weighted_upstreams: [{ upstream_id: 2 }, { weight: 1 }] }] } },
};

test('references are found at their places, also in the attributes of plugins', () => {
  const route = { upstream_id: 1, service_id: 's', upstream: { tls: { client_cert_id: 'c' } }, ...SPLIT };
  assert.deepEqual(referencesOf('routes', 'r', route), [
    { path: 'service_id', kind: 'services', id: 's' },
    { path: 'upstream_id', kind: 'upstreams', id: '1' },
    { path: 'upstream.tls.client_cert_id', kind: 'ssls', id: 'c' },
    { path: 'plugins.traffic-split.rules[0].weighted_upstreams[0].upstream_id', kind: 'upstreams', id: '2' },
  ]);
  assert.deepEqual(referencesOf('credentials', 'jack/credentials/1', {}), [
    { path: 'id', kind: 'consumers', id: 'jack' },
  ]);
  assert.deepEqual(referencesOf('routes', 'r', { upstream_id: { toString: 1 }, service_id: null, plugins: [] }), []);
});

test('what is presented to nodes has to be a certificate of type client', () => {
  const there = view({
    'ssls/server': { snis: ['a'] },
    'ssls/named': { type: 'server' },
    'ssls/client': { type: 'client' },
  });
  const told = ['server', 'named', 'client'].map((id) =>
    checkReferences('upstreams', 'u', { tls: { client_cert_id: id } }, there).map(({ path, value }) => [path, value]),
  );
  assert.deepEqual(told, [[['tls.client_cert_id', 'server']], [['tls.client_cert_id', 'named']], []]);
});

test('every reference to nothing is told', () => {
  const problems = checkReferences('routes', 'r', { uri: '/', service_id: 'no', ...SPLIT }, view({}));
  assert.deepEqual(
    problems.map(({ path }) => path),
    ['service_id', 'plugins.traffic-split.rules[0].weighted_upstreams[0].upstream_id'],
  );
  assert.deepEqual(checkReferences('routes', 'r', SPLIT, view({ 'upstreams/2': {} })), []);
});

test('a route whose service names no upstream leads nowhere', () => {
  const route = { uri: '/', service_id: 's' };
  assert.equal(checkReferences('routes', 'r', route, view({ 'services/s': {} }))[0]?.path, 'upstream');
  assert.deepEqual(checkReferences('routes', 'r', route, view({ 'services/s': { upstream_id: 1 } })), []);
  assert.deepEqual(checkReferences('routes', 'r', { ...route, plugins: {} }, view({ 'services/s': {} })), []);
});

test('what refers to an object is found, itself apart', () => {
  const objects = view({
    'routes/r': SPLIT,
    'services/s': { upstream_id: '1' },
    'consumers/jack': { group_id: 'gold' },
    'stream_routes/a': { protocol: { superior_id: 'a' } },
    'stream_routes/b': { protocol: { superior_id: 'c' } },
  });
  assert.deepEqual(dependentOf('upstreams', '1', objects), { kind: 'services', id: 's' });
  assert.deepEqual(dependentOf('upstreams', '2', objects), { kind: 'routes', id: 'r' });
  assert.deepEqual(dependentOf('consumer_groups', 'gold', objects), { kind: 'consumers', id: 'jack' });
  assert.deepEqual(dependentOf('stream_routes', 'c', objects), { kind: 'stream_routes', id: 'b' });
  for (const [kind, id] of [
    ['upstreams', '3'],
    ['stream_routes', 'a'],
    ['consumers', 'jack'],
    ['routes', 'r'],
  ] as const) {
    assert.equal(dependentOf(kind, id, objects), null);
  }
});
