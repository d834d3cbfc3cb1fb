import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ALL_PLUGINS } from '../plugins/all.ts';
import { checkedPluginRegistry, pluginRegistry } from './plugin-registry.ts';
import { resolveReferences } from './value-references.ts';

const ENV = {
  KEY: 'abc',
  JACK: '{"auth-key":"def","n":7,"is":true,"deep":{"a":1}}',
  WORDY: 'no host at all',
  EMPTY: '',
};

const CASES: readonly (readonly [text: string, value: unknown])[] = [
  ['$ENV://KEY', 'abc'],
  ['$env://KEY', 'abc'],
  ['$env://JACK/auth-key', 'def'],
  ['$env://JACK/n', 7],
  ['$env://JACK/is', true],
  ['$env://EMPTY', ''],
  ['$Env://KEY', '$Env://KEY'],
  ['x$env://KEY', 'x$env://KEY'],
  ['$env:/KEY', '$env:/KEY'],
  ['$remote_addr', '$remote_addr'],
];

for (const [text, value] of CASES) {
  it(`${text} is ${JSON.stringify(value)}`, () => {
    const found = resolveReferences({ a: [{ b: text, c: null }], d: 1 }, 'p', ENV);
    assert.deepEqual(found.problems, []);
    assert.deepEqual(found.value, { a: [{ b: value, c: null }], d: 1 });
  });
}

const REFUSED: readonly (readonly [text: string, message: RegExp])[] = [
  ['$env://NONE', /^the variable NONE is not set/],
  ['$env://KEY/member', /^the variable KEY holds no JSON object with .* "member"$/],
  ['$env://JACK/none', /^the variable JACK holds no JSON object with .* "none"$/],
  ['$env://JACK/deep', /^the variable JACK holds no JSON object with/],
  ['$env://JACK/toString', /^the variable JACK holds no JSON object with/],
  ['$secret://vault/1/jack/auth-key', /^secret managers are not available in this version/],
];

for (const [text, message] of REFUSED) {
  it(`${text} is refused`, () => {
    const { problems } = resolveReferences({ a: ['x', text] }, 'plugins.p', ENV);
    assert.deepEqual(
      problems.map(({ path, value }) => [path, value]),
      [['plugins.p.a[1]', text]],
    );
    assert.match(problems[0]?.message ?? '', message);
  });
}

it('what holds no reference stays the same object', () => {
  const value = { a: [1, { b: '$host' }] };
  assert.equal(resolveReferences(value, '', ENV).value, value);
});

it('without an environment references stay as they are', () => {
  assert.deepEqual(resolveReferences({ a: '$env://NONE' }, '', null), {
    value: { a: '$env://NONE' },
    problems: [],
    uses: [],
  });
});

it('attributes are read with what references stand for, checked or not, and keep other names of members', () => {
  for (const registry of [pluginRegistry(ALL_PLUGINS, ENV), checkedPluginRegistry(ALL_PLUGINS, new Set(), ENV)]) {
    const { config, problems } = registry.get('key-auth')?.read('consumer', { key: '$env://KEY' }, 'p') ?? {};
    assert.deepEqual([config, problems], [{ key: 'abc' }, []]);
  }
});

it('no problem tells what a variable holds', () => {
  const shape = pluginRegistry(ALL_PLUGINS, ENV).get('proxy-rewrite');
  const bySchema = shape?.read('route', { method: '$env://WORDY' }, 'p').problems ?? [];
  const byCheck = shape?.read('route', { host: '$env://WORDY' }, 'p').problems ?? [];
  assert.deepEqual(
    [...bySchema, ...byCheck].map(({ path, message, value }) => [path, message, value]),
    [
      ['p.method', 'what $env://WORDY stands for does not fit here', undefined],
      ['p.host', 'what $env://WORDY stands for does not fit here', undefined],
    ],
  );
});
