import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfiguration } from '../config/configuration.ts';
import type { ConsumerMatch } from '../sdk/exchange.ts';
import type { AnyPlugin } from '../sdk/plugin.ts';
import { definePlugin } from '../sdk/plugin.ts';
import { compile } from './compile.ts';
import type { CompileResult } from './compile.ts';
import { pluginRegistry } from './plugin-registry.ts';
import type { Snapshot } from './snapshot.ts';

function auth(name: string): AnyPlugin {
  return definePlugin({
    name,
    priority: 2500,
    summary: 's',
    kind: 'auth',
    schema: { type: 'object', properties: {} },
    consumerSchema: {
      type: 'object',
      required: ['key'],
      properties: { key: { type: 'string', secret: true }, algorithm: { type: 'string', default: 'plain' } },
    },
    consumerKey: ({ key }) => {
      if (key === 'unreadable') throw new Error('not base64');
      return key;
    },
    create: () => ({ rewrite: () => undefined }),
  });
}

const REGISTRY = pluginRegistry([
  auth('key-auth'),
  auth('jwt-auth'),
  definePlugin({
    name: 'limit',
    priority: 1000,
    summary: 's',
    schema: { type: 'object', properties: { count: { type: 'integer', default: 1 } } },
    create: () => ({ access: () => undefined }),
  }),
]);

function compileObjects(document: unknown, previous?: Snapshot): CompileResult {
  const { objects } = parseConfiguration(JSON.stringify(document), { format: 'json', dialect: 'gatewright', env: {} });
  return compile(objects, {
    settings: { router: 'radixtree_host_uri', merge_slashes: true },
    revision: (previous?.revision ?? 0) + 1,
    plugins: REGISTRY,
    ...(previous === undefined ? {} : { previous }),
  });
}

const withKey = (username: string, key: string, more: object = {}) => ({
  username,
  plugins: { 'key-auth': { key } },
  ...more,
});

/** Who a key leads to: `username/credential`. */
function who({ snapshot }: { readonly snapshot: Snapshot }, key: string, plugin = 'key-auth'): string | undefined {
  const match: ConsumerMatch | undefined = snapshot.consumers?.find(plugin, key);
  return match === undefined ? undefined : `${match.consumer.username}/${match.credentialId}`;
}

const lines = ({ problems }: CompileResult): string[] =>
  problems.map(({ path, code, message }) => `${path} ${code}: ${message}`);

test('consumers and their credentials are found by plugin and key', () => {
  const compiled = compileObjects({
    consumers: [
      { username: 'jack', plugins: { 'key-auth': { key: 'one' }, 'jwt-auth': { key: 'one' } } },
      { id: 'jack/credentials/c1', plugins: { 'key-auth': { key: 'two' } } },
      { id: 'jill/credentials/c1', plugins: { 'jwt-auth': { key: 'two' } } },
      { username: 'jill' },
    ],
  });
  assert.deepEqual(lines(compiled), []);
  assert.equal(who(compiled, 'one'), 'jack/');
  assert.equal(who(compiled, 'one', 'jwt-auth'), 'jack/');
  assert.equal(who(compiled, 'two'), 'jack/c1');
  assert.equal(who(compiled, 'two', 'jwt-auth'), 'jill/c1');
  assert.equal(who(compiled, 'three'), undefined);
  assert.equal(who(compiled, 'one', 'basic-auth'), undefined);
  assert.deepEqual(compiled.snapshot.consumers?.find('key-auth', 'two')?.config, { key: 'two', algorithm: 'plain' });
});

test('a consumer says its group, its labels and the id that others know it by, and cannot be changed', () => {
  const labels = { custom_id: '495aec6a', team: 'a' };
  const { snapshot } = compileObjects({
    consumer_groups: [{ id: 7, plugins: {} }],
    consumers: [{ username: 'jack', group_id: 7, labels }, { username: 'jill' }],
  });
  const [jack, jill] = [snapshot.consumers?.named('jack'), snapshot.consumers?.named('jill')];
  assert.deepEqual({ ...jack }, { username: 'jack', groupId: '7', labels, customId: '495aec6a' });
  assert.deepEqual({ ...jill }, { username: 'jill', groupId: '', labels: {}, customId: '' });
  assert.ok(Object.isFrozen(jack) && Object.isFrozen(jack?.labels));
  assert.equal(snapshot.consumers?.named('joe'), undefined);
});

test('without consumers there is no index', () => {
  assert.equal(compileObjects({ routes: [] }).snapshot.consumers, undefined);
});

test('of two that have one key the first is known; the problem names both and not the key', () => {
  const compiled = compileObjects({
    consumers: [
      withKey('jack', 's3cret'),
      withKey('jill', 's3cret'),
      { id: 'jill/credentials/c', plugins: { 'key-auth': { key: 's3cret' } } },
    ],
  });
  assert.equal(who(compiled, 's3cret'), 'jack/');
  assert.deepEqual(lines(compiled), [
    'consumers[1].plugins.key-auth duplicate: the consumer "jill" identifies itself to "key-auth" as the consumer "jack" does: give it a key of its own',
    'consumers[2].plugins.key-auth duplicate: the credential "c" of the consumer "jill" identifies itself to "key-auth" as the consumer "jack" does: give it a key of its own',
  ]);
  assert.ok(!JSON.stringify(compiled.problems).includes('s3cret'));
});

test('a change never hands the key of one consumer to another', () => {
  const first = compileObjects({ consumers: [withKey('jack', 'a'), withKey('jill', 'b')] });
  const second = compileObjects({ consumers: [withKey('jack', 'b'), withKey('jill', 'b')] }, first.snapshot);
  assert.equal(who(second, 'b'), 'jill/');
  assert.match(lines(second).join(), /^consumers\[0\]\.plugins\.key-auth duplicate: the consumer "jack" .* "jill"/);
  const third = compileObjects({ consumers: [withKey('jack', 'b'), withKey('jill', 'b')] }, second.snapshot);
  assert.deepEqual([who(third, 'b'), lines(third)], ['jill/', lines(second)], 'the problem stays as long as its cause');
});

const BAD: readonly [name: string, item: object, problem: RegExp][] = [
  [
    'a credential that authenticates nobody',
    { id: 'jack/credentials/c', plugins: { limit: {} } },
    /^consumers\[1\]\.plugins\.limit not_supported: .*authenticates nobody/,
  ],
  [
    'a credential of nobody',
    { id: 'joe/credentials/c', plugins: { 'key-auth': { key: 'x' } } },
    /^consumers\[1\]\.id dangling_reference: /,
  ],
  [
    'a key that cannot be read',
    withKey('jill', 'unreadable'),
    /^consumers\[1\]\.plugins\.key-auth invalid_value: .*finds no key .*: not base64/,
  ],
  [
    'a consumer without the key',
    { username: 'jill', plugins: { 'key-auth': {} } },
    /^consumers\[1\]\.plugins\.key-auth\.key missing_attribute/,
  ],
  [
    'a priority for a key',
    { username: 'jill', plugins: { 'key-auth': { key: 'x', _meta: { priority: 1 } } } },
    /^consumers\[1\]\.plugins\.key-auth\._meta\.priority not_supported/,
  ],
];

for (const [name, item, problem] of BAD) {
  test(`left out, with a problem: ${name}`, () => {
    const compiled = compileObjects({ consumers: [withKey('jack', 'a'), item] });
    assert.equal(compiled.problems.length, 1);
    assert.match(lines(compiled).join('\n'), problem);
    assert.deepEqual(
      [who(compiled, 'a'), who(compiled, 'x'), who(compiled, 'unreadable')],
      ['jack/', undefined, undefined],
    );
  });
}

test('a key that is switched off identifies nobody', () => {
  const compiled = compileObjects({
    consumers: [{ username: 'jack', plugins: { 'key-auth': { key: 'a', _meta: { disable: true } } } }],
  });
  assert.deepEqual([lines(compiled), who(compiled, 'a')], [[], undefined]);
});

test('a bad consumer keeps its last good version', () => {
  const first = compileObjects({ consumers: [withKey('jack', 'a')] });
  const second = compileObjects(
    { consumers: [{ username: 'jack', plugins: { 'key-auth': { key: 7 } } }] },
    first.snapshot,
  );
  assert.equal(second.problems.length, 1);
  assert.equal(who(second, 'a'), 'jack/');
});

test('an authentication plugin has no place in a consumer group', () => {
  const compiled = compileObjects({ consumer_groups: [{ id: 'g', plugins: { 'key-auth': {} } }] });
  assert.match(lines(compiled).join(), /^consumer_groups\[0\]\.plugins\.key-auth not_supported: .*put it on routes/);
});

const upstream = { nodes: { '127.0.0.1:1': 1 } };

test('a consumer whose group is missing is known and refused, until the group arrives', () => {
  const routes = [{ id: 'r', uri: '/', upstream, plugins: { 'key-auth': {}, limit: {} } }];
  const consumers = [withKey('jack', 'a', { group_id: 'g' })];
  const answer = (group: readonly object[], previous?: Snapshot) => {
    const { snapshot } = compileObjects({ routes, consumers, consumer_groups: group }, previous);
    const jack = snapshot.consumers?.find('key-auth', 'a')?.consumer ?? null;
    const route = snapshot.memory?.routes.get('r')?.entry.value ?? null;
    assert.ok(jack !== null && snapshot.chains !== undefined);
    const [step] = snapshot.chains.chainOf(route, jack).consumerRewrite;
    return { snapshot, reply: step?.instance.rewrite?.({ requestId: 'x1' } as never) };
  };
  const missing = answer([]);
  assert.deepEqual(missing.reply, {
    status: 503,
    code: 'reference_missing',
    body: { message: 'a referenced object is not configured', code: 'reference_missing', request_id: 'x1' },
  });
  const bad = answer([{ id: 'g', plugins: { limit: { count: 'x' } } }], missing.snapshot);
  assert.equal((bad.reply as { code: string }).code, 'config_invalid');
  const healed = answer([{ id: 'g', plugins: { limit: { count: 3 } } }], bad.snapshot);
  assert.equal(healed.reply, undefined);
});

test('the index stays the same object while no consumer, credential or group changes', () => {
  const document = (uri: string, count: number) => ({
    routes: [{ id: 'r', uri, upstream, plugins: { 'key-auth': {} } }],
    consumer_groups: [{ id: 'g', plugins: { limit: { count } } }],
    consumers: [
      withKey('jack', 'a', { group_id: 'g' }),
      { id: 'jack/credentials/c', plugins: { 'key-auth': { key: 'b' } } },
    ],
  });
  const first = compileObjects(document('/a', 1)).snapshot;
  const second = compileObjects(document('/b', 1), first).snapshot;
  const third = compileObjects(document('/b', 2), second).snapshot;
  assert.equal(second.consumers, first.consumers);
  assert.notEqual(third.consumers, second.consumers);
});
