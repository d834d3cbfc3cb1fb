import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseConfiguration } from '../config/configuration.ts';
import { readObjects } from '../model/object-set.ts';
import { checkedDifferences } from './checked.ts';
import { compile, EMPTY_SNAPSHOT } from './compile.ts';
import type { CompileResult } from './compile.ts';
import { definePlugin } from '../sdk/plugin.ts';
import { pluginRegistry } from './plugin-registry.ts';
import type { PluginRegistry } from './plugins.ts';
import { NEEDS_BODY } from '../router/router.ts';
import { restore } from './restore.ts';
import { matchingOf } from './snapshot.ts';
import type { CompiledRoute, Snapshot } from './snapshot.ts';

const SETTINGS = { router: 'radixtree_host_uri', merge_slashes: true } as const;

function compileText(text: string, previous?: Snapshot, plugins?: PluginRegistry): CompileResult {
  const { objects } = parseConfiguration(text, { format: 'yaml', dialect: 'gatewright', env: {} });
  return compile(objects, {
    settings: SETTINGS,
    revision: (previous?.revision ?? 0) + 1,
    ...(previous === undefined ? {} : { previous }),
    ...(plugins === undefined ? {} : { plugins }),
  });
}

function find(snapshot: Snapshot, path: string, host = 'any.example'): CompiledRoute | undefined {
  const found = snapshot.router.find({
    method: 'GET',
    host,
    path,
    remoteAddress: '192.0.2.1',
    variable: () => undefined,
  });
  assert.notEqual(found, NEEDS_BODY);
  return found === NEEDS_BODY ? undefined : found;
}

const json = (value: unknown): string => JSON.stringify(value);
const upstream = (port: number) => ({ nodes: { [`127.0.0.1:${port}`]: 1 } });

test('the empty Snapshot matches nothing', () => {
  assert.equal(find(EMPTY_SNAPSHOT, '/'), undefined);
  assert.equal(EMPTY_SNAPSHOT.revision, 0);
});

test('a route that does not exist before is found with its upstream afterwards', () => {
  const { snapshot, problems, isBlocked } = compileText(
    json({ routes: [{ id: 'a', uri: '/a/*', upstream: upstream(1) }] }),
  );
  assert.deepEqual([problems, isBlocked, snapshot.revision], [[], false, 1]);
  const route = find(snapshot, '/a/b');
  assert.equal(route?.upstream?.nodes[0]?.authority, '127.0.0.1:1');
  assert.equal(find(snapshot, '/b'), undefined);
});

test('an unrelated edit leaves compiled routes and upstreams the same objects', () => {
  const routes = Array.from({ length: 50 }, (_, i) => ({ id: `r${i}`, uri: `/r${i}`, upstream: upstream(i + 1) }));
  const first = compileText(json({ routes })).snapshot;
  const changed = routes.with(7, { id: 'r7', uri: '/r7', upstream: upstream(999) });
  const second = compileText(
    json({ routes: [{ id: 'new', uri: '/new', upstream: upstream(1) }, ...changed] }),
    first,
  ).snapshot;
  for (let i = 0; i < 50; i++) {
    const [before, after] = [find(first, `/r${i}`), find(second, `/r${i}`)];
    assert.equal(after === before, i !== 7, `route ${i}`);
    assert.equal(after?.upstream === before?.upstream, i !== 7, `upstream ${i}`);
  }
});

test('with the profile apisix, a route that cannot be understood is left out, told, and holds nothing back', () => {
  const lenient = { ...SETTINGS, profile: 'apisix' } as const;
  const routes = [
    { id: 'a', uri: '/a', upstream: upstream(1) },
    { id: 'b', uri: 6, upstream: upstream(2) },
  ];
  const { set } = readObjects({ routes }, 'warning');
  const first = compile(set, { settings: lenient, revision: 1 });
  assert.deepEqual([first.isBlocked, first.problems.map(({ path }) => path)], [false, ['routes[1].uri']]);
  assert.ok(find(first.snapshot, '/a') !== undefined);
  // In a worker, which is told what was checked elsewhere, it is the same.
  const matching = matchingOf(lenient);
  const memory = first.snapshot.memory;
  assert.ok(memory !== undefined);
  const told = restore([...checkedDifferences(undefined, memory)], { revision: 1, matching, plugins: new Map() });
  assert.ok(find(told, '/a') !== undefined);
  // What was good once is not left out.
  const bad = readObjects({ routes: [{ id: 'a', uri: 7, upstream: upstream(1) }] }, 'warning').set;
  const second = compile(bad, { settings: lenient, revision: 2, previous: first.snapshot });
  assert.equal(second.isBlocked, false);
  assert.ok(find(second.snapshot, '/a') !== undefined, 'its last good version serves');
});

test('a blocked change gives back the Snapshot in force, problems and all', () => {
  const first = compileText(json({ routes: [{ id: 'a', uri: '/a', upstream: upstream(1) }] })).snapshot;
  const blocked = compileText(json({ routes: [{ id: 'b', uri: 'b', upstream: { nodes: {}, retries: -1 } }] }), first);
  assert.equal(blocked.snapshot, first);
  assert.equal(blocked.isBlocked, true);
  assert.deepEqual(
    blocked.problems.map(({ path }) => path),
    ['routes[0].upstream.retries'],
  );
});

const REGISTRY = pluginRegistry([
  definePlugin({
    name: 'limit-count',
    priority: 1002,
    summary: 'Counts.',
    schema: { type: 'object', required: ['count'], properties: { count: { type: 'integer', minimum: 1 } } },
    create: () => ({}),
  }),
  definePlugin({
    name: 'key-auth',
    priority: 2500,
    summary: 'Knows callers by a key.',
    kind: 'auth',
    schema: { type: 'object', properties: { header: { type: 'string', default: 'apikey' } } },
    consumerSchema: {
      type: 'object',
      required: ['key'],
      properties: { key: { type: 'string', minLength: 8, secret: true } },
    },
    metadataSchema: { type: 'object', properties: { realm: { type: 'string' } } },
    consumerKey: ({ key }) => key,
    create: () => ({}),
  }),
]);

test('plugins come as an argument; their attributes are checked where they stand', () => {
  const document = {
    plugins: [{ name: 'limit-count' }, { name: 'key-auth' }],
    routes: [
      {
        id: 'r',
        uri: '/a',
        plugins: { 'limit-count': { count: 0 }, 'key-auth': { heder: 'x' } },
        upstream: upstream(1),
      },
    ],
    consumers: [{ username: 'jack', plugins: { 'key-auth': { key: 'short' }, 'limit-count': {} } }],
    plugin_metadata: [{ id: 'key-auth', realm: 1 }, { id: 'limit-cuont' }],
  };
  const { problems } = compileText(json(document), undefined, REGISTRY);
  assert.deepEqual(
    problems.map(({ path, code }) => `${path} ${code}`),
    [
      'routes[0].plugins.limit-count.count out_of_range',
      'routes[0].plugins.key-auth.heder unknown_attribute',
      'consumers[0].plugins.key-auth.key wrong_length',
      'consumers[0].plugins.limit-count.count missing_attribute',
      'plugin_metadata[0].realm wrong_type',
      'plugin_metadata[1] not_available',
    ],
  );
  assert.ok(!json(problems).includes('short'), 'the secret is not printed');
});

test('a plugin that the list of enabled plugins leaves out does not exist', () => {
  const document = {
    plugins: [{ name: 'key-auth' }],
    routes: [{ id: 'r', uri: '/a', plugins: { 'limit-count': { count: 1 } }, upstream: upstream(1) }],
  };
  const { problems } = compileText(json(document), undefined, REGISTRY);
  assert.deepEqual(
    problems.map(({ path }) => path),
    ['routes[0].plugins.limit-count'],
  );
});

/** Objects that are good, or broken in one of many ways. */
const brokenUpstream = fc.constantFrom(
  { nodes: { '127.0.0.1:0': 1 } },
  { nodes: { 'a b': 1 } },
  { nodes: { '127.0.0.1:1': -1 } },
  { nodes: {}, type: 'chash' },
  { nodes: {}, retries: 'x' },
  { nodes: {}, unknown_attribute: 1 },
  { type: 'roundrobin' },
  7,
  null,
);
const URIS = ['/*', '/a*', '/a/*', '/a/b', '/admin/*', '/admin'];
const route = fc.record({
  id: fc.constantFrom('1', '2', '3', '4'),
  uri: fc.constantFrom(...URIS),
  port: fc.integer({ min: 1, max: 4 }),
  broken: fc.option(fc.oneof(brokenUpstream, fc.constantFrom('match' as const, 'gone' as const)), { freq: 1 }),
});

test('no bad object lets a request reach a service that the good configuration would not have sent it to', () => {
  const paths = ['/', '/a', '/ab', '/a/b', '/a/b/c', '/admin', '/admin/x'];
  fc.assert(
    fc.property(fc.uniqueArray(route, { selector: ({ id }) => id, maxLength: 4 }), (items) => {
      const good = items.map(({ id, uri, port }) => ({ id, uri, upstream: upstream(port) }));
      const bad = items.map(({ id, uri, port, broken }) => {
        if (broken === 'match') return { id, uri: uri.slice(1), upstream: upstream(port) };
        if (broken === 'gone') return 'not an object';
        return { id, uri, upstream: broken ?? upstream(port) };
      });
      const meant = compileText(json({ routes: good })).snapshot;
      const got = compileText(json({ routes: bad }));
      for (const path of paths) {
        const reached = find(got.snapshot, path)?.upstream?.nodes[0]?.authority;
        if (reached !== undefined) assert.equal(reached, find(meant, path)?.upstream?.nodes[0]?.authority, path);
      }
    }),
    { numRuns: 500 },
  );
});
