import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Schema } from '../sdk/schema.ts';
import type { Kind } from './object-set.ts';
import { type PluginSchemas, Secrets } from './secrets.ts';

const HIDDEN = { type: 'string', secret: true } as const satisfies Schema;
const PLAIN = { type: 'string' } as const satisfies Schema;

const PLUGINS: Readonly<Record<string, PluginSchemas>> = {
  auth: {
    schema: { type: 'object', properties: { header: PLAIN } },
    consumerSchema: { type: 'object', properties: { key: HIDDEN, name: PLAIN } },
  },
  deep: {
    schema: {
      type: 'object',
      properties: {
        list: { type: 'array', items: { type: 'object', properties: { token: HIDDEN, name: PLAIN } } },
        headers: { type: 'object', secret: true },
        map: { type: 'object', additionalProperties: { type: 'object', properties: { pass: HIDDEN } } },
        typed: { type: 'object', patternProperties: { '^x-': HIDDEN }, additionalProperties: PLAIN },
      },
      anyOf: [{ properties: { either: HIDDEN } }, { properties: { or: HIDDEN, either: HIDDEN } }],
      if: { properties: { a: { const: 1 } } },
      then: { properties: { conditional: HIDDEN } },
    },
    metadataSchema: { type: 'object', properties: { password: HIDDEN, format: PLAIN } },
  },
  open: { schema: { type: 'object' } },
};

const secrets = new Secrets((name) => (Object.hasOwn(PLUGINS, name) ? PLUGINS[name] : undefined));

/** The paths that are secret in an object. */
function pathsIn(kind: Kind, object: Record<string, unknown>): string[] {
  const found: string[] = [];
  const before = JSON.stringify(object);
  const replaced = secrets.replace(kind, object, (text, path) => {
    found.push(path);
    return `<${text}>`;
  });
  assert.equal(JSON.stringify(object), before, 'the object itself stays as it is');
  assert.equal(replaced === object, found.length === 0);
  assert.equal(JSON.stringify(replaced).match(/</g)?.length ?? 0, found.length, 'each is replaced once');
  return found;
}

void test('secret are the attributes that the schema of an object or of one of its plugins marks so', () => {
  const cases: readonly [Kind, Record<string, unknown>, string[]][] = [
    ['ssls', { cert: 'c', key: 'k', keys: ['a', 'b'], snis: ['x'] }, ['key', 'keys[0]', 'keys[1]']],
    [
      'secrets',
      { id: 'vault/1', uri: 'u', token: 't', auth_config: { private_key: 'p' } },
      ['token', 'auth_config.private_key'],
    ],
    ['upstreams', { tls: { client_cert: 'c', client_key: 'k' } }, ['tls.client_key']],
    ['routes', { uri: '/a', upstream: { tls: { client_key: 'k' } } }, ['upstream.tls.client_key']],
    ['routes', { plugins: { auth: { header: 'h', key: 'not of a route' } } }, []],
    ['consumers', { username: 'j', plugins: { auth: { key: 'k', name: 'n' } } }, ['plugins.auth.key']],
    ['credentials', { plugins: { auth: { key: 'k' } } }, ['plugins.auth.key']],
    ['consumers', { plugins: { deep: { either: 'e' } } }, ['plugins.deep.either']],
    [
      'services',
      {
        plugins: {
          deep: {
            list: [{ token: 't', name: 'n' }, 'odd'],
            headers: { a: 'x', b: ['y', 1] },
            map: { m: { pass: 'p' } },
            typed: { 'x-a': 's', other: 'o' },
            either: 'e',
            or: 'o',
            conditional: 'c',
          },
        },
      },
      [
        'plugins.deep.list[0].token',
        'plugins.deep.headers.a',
        'plugins.deep.headers.b[0]',
        'plugins.deep.map.m.pass',
        'plugins.deep.typed.x-a',
        'plugins.deep.either',
        'plugins.deep.or',
        'plugins.deep.conditional',
      ],
    ],
    ['plugin_metadata', { id: 'deep', password: 'p', format: 'f' }, ['password']],
    ['plugin_metadata', { id: 'auth', anything: 'p' }, []],
  ];
  for (const [kind, object, paths] of cases) {
    assert.deepEqual(pathsIn(kind, object).toSorted(), paths.toSorted(), JSON.stringify(object));
  }
});

void test('of a plugin that does not exist everything is taken for secret', () => {
  const object = { plugins: { unknown: { a: 'x', b: [{ c: 'y' }], n: 1 }, open: { z: 'z' } } };
  assert.deepEqual(pathsIn('routes', object), ['plugins.unknown.a', 'plugins.unknown.b[0].c']);
  assert.deepEqual(pathsIn('plugin_metadata', { id: 'unknown', create_time: 1, url: 'u' }), ['url']);
});

void test('objects that are not valid are no obstacle', () => {
  for (const value of [{ key: 1 }, { keys: 'text' }, { keys: [null] }, { client: 7 }]) pathsIn('ssls', value);
  for (const value of [{ plugins: [] }, { plugins: null }, { plugins: { auth: 'x' } }]) pathsIn('consumers', value);
  const odd = JSON.parse('{"plugins":{"__proto__":{"a":"x"},"constructor":{"b":"y"}}}') as Record<string, unknown>;
  assert.equal(pathsIn('routes', odd).length, 2);
});
