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

const attributesOf = ({ schema }: AnyPlugin): [string, Shape][] =>
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
    ...attributesOf(plugin).flatMap(([name, shape]) =>
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
    assert.ok(cases.length > 6, 'there are attributes');
  });
}
