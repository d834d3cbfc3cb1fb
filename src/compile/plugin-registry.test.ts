import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AnyPlugin } from '../sdk/plugin.ts';
import { definePlugin } from '../sdk/plugin.ts';
import { pluginRegistry } from './plugin-registry.ts';
import type { PluginPlace, PluginShape } from './plugins.ts';

const LIMIT = definePlugin({
  name: 'limit',
  priority: 1000,
  summary: 'Limits.',
  schema: {
    type: 'object',
    required: ['count'],
    properties: {
      count: { type: 'integer', minimum: 1 },
      rules: { type: 'array', items: { type: 'object', properties: { key: { type: 'string', default: 'any' } } } },
      headers: { type: 'object', additionalProperties: true },
      window: { type: 'integer', default: 60 },
    },
  },
  metadataSchema: { type: 'object', properties: { unit: { type: 'string', default: 's' } } },
  check: ({ rules = [] }) =>
    rules.flatMap(({ key }, i) =>
      key === 'bad' ? [{ path: `rules[${i}].key`, message: '"bad" is no key: use "any"' }] : [],
    ),
  create: () => ({}),
});

const AUTH = definePlugin({
  name: 'auth',
  priority: 2500,
  summary: 'Authenticates.',
  kind: 'auth',
  schema: { type: 'object', properties: { header: { type: 'string', default: 'apikey' } } },
  consumerSchema: {
    type: 'object',
    required: ['key'],
    properties: { key: { type: 'string', minLength: 4, secret: true } },
  },
  metadataSchema: { type: 'object', required: ['realm'], properties: { realm: { type: 'string' } } },
  consumerKey: ({ key }) => key,
  create: () => ({}),
});

function shapeOf(plugin: AnyPlugin): PluginShape {
  const shape = pluginRegistry([plugin]).get(plugin.name);
  assert.ok(shape !== undefined);
  return shape;
}

const [limit, auth] = [shapeOf(LIMIT), shapeOf(AUTH)];

function faults(shape: PluginShape, attributes: unknown, place: PluginPlace = 'route'): string[] {
  const { problems, unknown } = shape.read(place, attributes, 'routes[0].plugins.x');
  return [...problems, ...unknown].map(({ path, code, message }) => {
    return `${path.replace('routes[0].plugins.x', '~')} ${code}: ${message}`;
  });
}

test('attributes come back frozen to the bottom, with defaults, and without _meta', () => {
  const headers = { a: { b: [1] } };
  const written = { count: 1, rules: [{}], headers, _meta: { priority: 1 } };
  const { config, meta } = limit.read('route', written, '');
  assert.deepEqual(config, { count: 1, rules: [{ key: 'any' }], headers, window: 60 });
  assert.equal(meta.priority, 1);
  const frozen = config as { headers: { a: { b: number[] } }; rules: object[] };
  for (const part of [frozen, frozen.headers, frozen.headers.a, frozen.headers.a.b, frozen.rules, frozen.rules[0]]) {
    assert.ok(Object.isFrozen(part));
  }
  assert.ok(!Object.isFrozen(headers.a.b), 'what was written is not touched');
});

test('a member named __proto__ is a member and nothing else', () => {
  const written: unknown = JSON.parse('{ "count": 1, "headers": { "__proto__": { "polluted": true } } }');
  const { config } = limit.read('route', written, '');
  const { headers } = config as { headers: Record<string, unknown> };
  assert.deepEqual(Object.keys(headers), ['__proto__']);
  assert.equal(headers['polluted'], undefined);
});

const CASES: readonly [
  name: string,
  shape: PluginShape,
  attributes: unknown,
  expected: readonly string[],
  place?: PluginPlace,
][] = [
  [
    'all problems of the schema',
    limit,
    { count: 0, window: 'x' },
    [
      '~.count out_of_range: 0 is less than the minimum 1',
      '~.window wrong_type: expected an integer, found the string "x"',
    ],
  ],
  [
    'a problem of check has its whole path',
    limit,
    { count: 1, rules: [{}, { key: 'bad' }] },
    ['~.rules[1].key invalid_value: "bad" is no key: use "any"'],
  ],
  [
    'unknown attributes with the nearest name',
    limit,
    { count: 1, widow: 1 },
    ['~.widow unknown_attribute: unknown attribute "widow", did you mean "window"?'],
  ],
  [
    'an ordinary plugin has the same attributes on a consumer',
    limit,
    {},
    ['~.count missing_attribute: missing attribute "count"'],
    'consumer',
  ],
  [
    'an authentication plugin has others there',
    auth,
    { header: 'x' },
    ['~.key missing_attribute: missing attribute "key"', '~.header unknown_attribute: unknown attribute "header"'],
    'consumer',
  ],
  ['a secret is not shown', auth, { key: 'abc' }, ['~.key wrong_length: needs at least 4 characters'], 'consumer'],
  [
    'metadata follow their own schema',
    limit,
    { unit: 1 },
    ['~.unit wrong_type: expected a string, found the number 1; put it in quotes'],
    'metadata',
  ],
  ['switched off, nothing else is needed', limit, { _meta: { disable: true } }, []],
  [
    'switched off, what is there must be right',
    limit,
    { count: 0, _meta: { disable: true } },
    ['~.count out_of_range: 0 is less than the minimum 1'],
  ],
  [
    'the shape of _meta',
    limit,
    { count: 1, _meta: { disable: 'yes', priority: 1.5, error_response: 7 } },
    [
      '~._meta.disable wrong_type: expected a boolean, found the string "yes"; write true without quotes',
      '~._meta.priority wrong_type: expected an integer, found the number 1.5',
      '~._meta.error_response wrong_type: expected a string or an object, found the number 7',
    ],
  ],
  [
    'unknown members of _meta',
    limit,
    { count: 1, _meta: { prority: 1 } },
    ['~._meta.prority unknown_attribute: unknown attribute "prority", did you mean "priority"?'],
  ],
  [
    'Lua in _meta',
    limit,
    { count: 1, _meta: { pre_function: 'return function() end' } },
    ['~._meta.pre_function not_supported: pre_function is Lua, which does not run here: write a plugin'],
  ],
  [
    'every fault of a filter',
    limit,
    {
      count: 1,
      _meta: {
        filter: [
          ['arg_a', 'is', 'b'],
          ['arg_a', '==', 'b', 'c'],
        ],
      },
    },
    [
      '~._meta.filter[0][1] invalid_value: "is" is no operator: use one of == ~= > >= < <= ~~ ~* in has ! ipmatch',
      '~._meta.filter[1] invalid_value: a condition has 3 members',
    ],
  ],
  [
    'a filter on the body',
    limit,
    { count: 1, _meta: { filter: [['post_arg_a', '==', 'b']] } },
    ['~._meta.filter not_supported: a filter is decided before the body is there: use variables of the request head'],
  ],
  [
    'a plugin without metadata',
    shapeOf(definePlugin({ name: 'bare', priority: 1, summary: 's', schema: { type: 'object' }, create: () => ({}) })),
    {},
    ['~ invalid_value: the plugin "bare" has no attributes here'],
    'metadata',
  ],
];

for (const [name, shape, attributes, expected, place] of CASES) {
  test(`reads ${shape.name} and says: ${name}`, () => {
    // The list of operators, and what a condition is made of, belong to another module.
    const short = (text: string): string => text.replace(/(: use one of|has 3 members).*/, '$1');
    assert.deepEqual(faults(shape, attributes, place).map(short), expected.map(short));
  });
}

test('a filter decides by the variables of an exchange', () => {
  const { meta } = limit.read('route', { count: 1, _meta: { filter: [['arg_version', '==', 'v2']] } }, '');
  assert.equal(meta.filter?.({ variable: (name) => (name === 'arg_version' ? 'v2' : undefined) }), true);
  assert.equal(meta.filter?.({ variable: () => undefined }), false);
  assert.equal(limit.read('route', { count: 1, _meta: { filter: [] } }, '').meta.filter, null);
});

test('without plugin_metadata an instance gets the defaults, or nothing where some are needed', () => {
  assert.deepEqual(limit.metadata.config, { unit: 's' });
  assert.equal(auth.metadata.config, undefined);
});

test('a check that throws makes the configuration bad, and is named', () => {
  const broken = definePlugin({
    name: 'broken',
    priority: 1,
    summary: 's',
    schema: { type: 'object' },
    check: () => {
      throw new Error('oh no');
    },
    create: () => ({}),
  });
  assert.deepEqual(faults(shapeOf(broken), {}), ['~ invalid_value: the check of the plugin "broken" failed: oh no']);
});

test('two plugins of one name are refused', () => {
  assert.throws(() => pluginRegistry([LIMIT, LIMIT]), /there are two plugins "limit"/);
});
