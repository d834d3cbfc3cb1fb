/** Every attribute of every plugin refuses what it cannot be, at its own place in the configuration. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ALL_PLUGINS } from '../../src/plugins/all.ts';
import type { AnyPlugin } from '../../src/sdk/index.ts';
import { problemsOf } from './lab.ts';

interface Shape {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
}

const VALUES: readonly (readonly [type: string, value: unknown])[] = [
  ['boolean', true],
  ['string', 'no such value'],
  ['number', 1.5],
  ['array', []],
  ['object', { no_such_attribute: 1 }],
  ['null', null],
];

/** Of each other type, one value. */
function wrongFor({ type, enum: choices }: Shape): unknown[] {
  if (choices !== undefined) return VALUES.map(([, value]) => value);
  if (type === undefined) return [];
  const types = typeof type === 'string' ? [type] : type;
  return VALUES.filter(([name]) => !types.includes(name)).map(([, value]) => value);
}

const propertiesOf = (schema: unknown): [string, Shape][] =>
  Object.entries((schema as { readonly properties?: Readonly<Record<string, Shape>> }).properties ?? {});

const baseOf = ({ examples = [] }: AnyPlugin): Readonly<Record<string, unknown>> =>
  (examples[0]?.config ?? {}) as Readonly<Record<string, unknown>>;

interface Case {
  readonly config: unknown;
  /** Where the problem is, below the plugin's configuration. */
  readonly at: string;
}

function casesOf(plugin: AnyPlugin): Case[] {
  const base = baseOf(plugin);
  return [
    ...propertiesOf(plugin.schema).flatMap(([name, shape]) =>
      wrongFor(shape).map((value): Case => ({ config: { ...base, [name]: value }, at: `.${name}` })),
    ),
    { config: { ...base, no_such_attribute: 1 }, at: '.no_such_attribute' },
    ...['on', true, 1, [], null].map((config): Case => ({ config, at: '' })),
  ];
}

for (const plugin of ALL_PLUGINS) {
  it(`${plugin.name} refuses values of other types, attributes that it does not know, and what is no configuration`, () => {
    const cases = casesOf(plugin);
    // One configuration with all mistakes: a compilation each would take a minute.
    const routes = cases.map(({ config }, i) => ({
      id: `r${i}`,
      uri: `/${i}`,
      plugins: { [plugin.name]: config },
      upstream: { nodes: { '127.0.0.1:1': 1 } },
    }));
    const problems = problemsOf(JSON.stringify({ routes }));
    for (const [i, { config, at }] of cases.entries()) {
      const path = `routes[${i}].plugins.${plugin.name}${at}`;
      const told = problems.filter((problem) => problem.startsWith(path));
      assert.ok(told.length > 0, `no problem at ${path}: ${JSON.stringify(config)}`);
      // Each says what would be right; none repeats a whole configuration.
      for (const problem of told) assert.match(problem.slice(path.length), /^[^:]*: \S.{8,2000}$/s);
    }
    const hasAttributes = propertiesOf(plugin.schema).length > 0;
    assert.ok(cases.length > (hasAttributes ? 6 : 0), 'there are cases');
  });
}

const WITH_METADATA = ALL_PLUGINS.filter(({ metadataSchema }) => metadataSchema !== undefined);
const WITH_CREDENTIALS = ALL_PLUGINS.filter(({ consumerSchema }) => consumerSchema !== undefined);

for (const [type, value] of VALUES) {
  it(`metadata and credentials refuse each ${type} that stands where it cannot, all at once`, () => {
    const expected: string[] = [];
    const wrongOf = (schema: unknown, path: string): Record<string, unknown> => {
      const wrong = propertiesOf(schema).filter(([, shape]) => wrongFor(shape).includes(value));
      expected.push(...wrong.map(([name]) => `${path}.${name}: `));
      return Object.fromEntries(wrong.map(([name]) => [name, value]));
    };
    const plugin_metadata = WITH_METADATA.map(({ name, metadataSchema }, i) => ({
      id: name,
      ...wrongOf(metadataSchema, `plugin_metadata[${i}]`),
    }));
    const consumers = WITH_CREDENTIALS.map(({ name, consumerSchema }, i) => ({
      username: `c${i}`,
      plugins: { [name]: wrongOf(consumerSchema, `consumers[${i}].plugins.${name}`) },
    }));
    const problems = problemsOf(JSON.stringify({ plugin_metadata, consumers }));
    for (const start of expected) {
      assert.ok(
        problems.some((problem) => problem.startsWith(start) || problem.startsWith(start.replace(/: $/, '.'))),
        `no problem at ${start}${problems.join('\n')}`,
      );
    }
    assert.ok(type === 'string' || expected.length > 3, `${expected.length} places for a ${type}`);
  });
}
