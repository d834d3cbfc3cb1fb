import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KINDS } from '../model/object-set.ts';
import { keyOf, nameOf, refOf } from './object-key.ts';
import type { ObjectRef } from './store.ts';

void test('keys are laid out as APISIX lays them out, and lead back to their object', () => {
  const keys: readonly [ObjectRef, string][] = [
    [{ kind: 'routes', id: '1' }, '/apisix/routes/1'],
    [{ kind: 'consumers', id: 'jack' }, '/apisix/consumers/jack'],
    [{ kind: 'credentials', id: 'jack/credentials/one' }, '/apisix/consumers/jack/credentials/one'],
    [{ kind: 'secrets', id: 'vault/one' }, '/apisix/secrets/vault/one'],
    [{ kind: 'plugin_metadata', id: 'http-logger' }, '/apisix/plugin_metadata/http-logger'],
  ];
  for (const [ref, key] of keys) {
    assert.equal(keyOf(ref), key);
    assert.deepEqual(refOf(key), ref);
    assert.equal(`/apisix/${nameOf(ref)}`, key);
    assert.deepEqual(refOf(key.replace('/apisix', '/other/place'), '/other/place'), ref);
  }
  for (const kind of KINDS) {
    if (kind === 'credentials' || kind === 'secrets') continue;
    assert.deepEqual(refOf(keyOf({ kind, id: 'x' })), { kind, id: 'x' });
  }
});

void test('whatever else lies below the prefix is no object', () => {
  const others = [
    '/apisix',
    '/apisix/',
    '/apisix/routes',
    '/apisix/routes/',
    '/apisix/routes/a/b',
    '/apisix/plugins',
    '/apisix/plugins/',
    '/apisix/data_plane/server_info/1',
    '/apisix/credentials/jack/credentials/one',
    '/apisix/consumers/jack/credentials/',
    '/apisix/consumers/jack/other/one',
    '/apisix/secrets/one',
    '/apisix/unknown/1',
    '/apisix/constructor/1',
    '/apisixx/routes/1',
    '/other/routes/1',
    `/apisix/routes/${'x'.repeat(65)}`,
  ];
  for (const key of others) assert.equal(refOf(key), null, key);
});
