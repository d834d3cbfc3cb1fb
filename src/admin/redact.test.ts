import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pluginRegistry } from '../compile/plugin-registry.ts';
import { ALL_PLUGINS } from '../plugins/all.ts';
import { differences } from './difference.ts';
import { HIDDEN, Redactor } from './redact.ts';

const redactor = new Redactor(pluginRegistry(ALL_PLUGINS));
const redact: Redactor['redact'] = (kind, id, value) => redactor.redact(kind, id, value);

test('what a schema calls secret is hidden, the rest is not', () => {
  assert.deepEqual(redact('consumers', 'jack', { username: 'jack', plugins: { 'key-auth': { key: 'hunter2' } } }), {
    username: 'jack',
    plugins: { 'key-auth': { key: HIDDEN } },
  });
  assert.deepEqual(redact('ssls', '1', { id: '1', cert: 'C', key: 'K', keys: ['K1', 'K2'] }), {
    id: '1',
    cert: 'C',
    key: HIDDEN,
    keys: [HIDDEN, HIDDEN],
  });
  const route = { uri: '/', upstream: { nodes: {}, tls: { client_cert: 'C', client_key: 'K' } } };
  assert.deepEqual(redact('routes', '1', route), {
    uri: '/',
    upstream: { nodes: {}, tls: { client_cert: 'C', client_key: HIDDEN } },
  });
  const gcp = { id: 'gcp/1', auth_config: { client_email: 'a@b', private_key: 'K', project_id: 'p' } };
  assert.deepEqual(redact('secrets', 'gcp/1', gcp)['auth_config'], {
    ...gcp.auth_config,
    private_key: HIDDEN,
  });
});

test('a reference to a secret is shown, what looks like one and is none is not', () => {
  const shown = (key: string): unknown => redact('ssls', '1', { key })['key'];
  assert.equal(shown('$secret://vault/1/jack/key'), '$secret://vault/1/jack/key');
  assert.equal(shown('$ENV://KEY'), '$ENV://KEY');
  assert.equal(shown('x$env://KEY'), HIDDEN);
});

test('of plugins that nobody knows no text is shown', () => {
  const value = { plugins: { mystery: { password: 'p', count: 1, list: ['a', { b: 'c' }] } } };
  assert.deepEqual(redact('routes', '1', value), {
    plugins: { mystery: { password: HIDDEN, count: 1, list: [HIDDEN, { b: HIDDEN }] } },
  });
  assert.deepEqual(redact('plugin_metadata', 'mystery', { a: 'b' }), { a: HIDDEN });
});

test('differences are told by path, secrets without their values', () => {
  const version = (value: Record<string, unknown>) => ({ value, shown: redact('consumers', 'jack', value) });
  const before = version({
    username: 'jack',
    desc: 'x',
    update_time: 1,
    plugins: { 'key-auth': { key: 'old-secret' } },
  });
  const after = version({
    username: 'jack',
    labels: { a: 'b' },
    update_time: 2,
    plugins: { 'key-auth': { key: 'new-secret' } },
  });
  assert.deepEqual(differences(before, after), [
    { path: 'desc', before: 'x' },
    { path: 'plugins.key-auth.key', before: HIDDEN, after: HIDDEN },
    { path: 'labels', after: { a: 'b' } },
  ]);
  assert.deepEqual(differences(before, before), []);
});

test('differences are bounded in number and length', () => {
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`k${i}`, 'x'.repeat(5000)]));
  const found = differences({ value: {}, shown: {} }, { value: many, shown: many });
  assert.equal(found.length, 100);
  assert.ok(JSON.stringify(found).length < 100 * 300);
});
