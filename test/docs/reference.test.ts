/** What the reference is made from: definitions that explain themselves, with examples that work. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { attributeTable } from '../../scripts/reference/attributes.ts';
import { referencePages } from '../../scripts/reference/pages.ts';
import { inertHost, NO_GRANTS } from '../../src/compile/inert-host.ts';
import { pluginRegistry } from '../../src/compile/plugin-registry.ts';
import { settingsSchema } from '../../src/config/settings.ts';
import { ALL_PLUGINS } from '../../src/plugins/all.ts';
import type { Schema } from '../../src/sdk/schema.ts';

/** Attributes without a description, except for those that are there to be refused. */
function unexplained(schema: Schema | undefined, prefix: string): string[] {
  if (schema === undefined) return [];
  const inner = [schema.items, ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  return [
    ...Object.entries(schema.properties ?? {}).flatMap(([name, attribute]) => [
      ...(attribute.description === undefined && attribute.not === undefined ? [`${prefix}.${name}`] : []),
      ...unexplained(attribute, `${prefix}.${name}`),
    ]),
    ...inner.flatMap((one) => unexplained(one, prefix)),
  ];
}

for (const shape of pluginRegistry(ALL_PLUGINS).values()) {
  const { name, definition } = shape;
  describe(name, () => {
    it('explains every attribute', () => {
      const { schema, consumerSchema, metadataSchema } = definition;
      assert.deepEqual(
        [schema, consumerSchema, metadataSchema].flatMap((one) => unexplained(one, name)),
        [],
      );
    });

    it('has an example', () => {
      assert.ok((definition.examples ?? []).length > 0);
    });

    for (const { title, config } of definition.examples ?? []) {
      it(`example: ${title}`, () => {
        const reading = shape.read('route', config, name);
        assert.deepEqual([...reading.problems, ...reading.unknown], []);
        const { upstreams = [], plugins = [] } = definition.uses?.(reading.config as never) ?? {};
        const host = inertHost(
          { plugin: name, object: 'routes/1', configHash: '' },
          {
            ...NO_GRANTS,
            upstreams: new Map(upstreams.map(({ path }) => [path, { key: path }])),
            plugins: new Map(plugins.map(({ path }) => [path, {}])),
          },
        );
        assert.ok(definition.create(reading.config as never, host, shape.metadata.config));
      });
    }
  });
}

it('the settings explain every attribute', () => {
  assert.deepEqual(unexplained(settingsSchema, 'gateway'), []);
});

it('a table shows what is nested, and what is refused with its reason', () => {
  const table = attributeTable({
    type: 'object',
    required: ['list'],
    properties: {
      list: {
        type: 'array',
        minItems: 1,
        items: { type: 'object', properties: { name: { type: 'string', pattern: '^a|b$', description: 'a | b' } } },
      },
      either: { anyOf: [{ const: false }, { type: 'object', properties: { port: { type: 'integer', default: 1 } } }] },
      later: { not: {}, remedy: 'not yet' },
    },
  });
  assert.deepEqual(table.split('\n').slice(2), [
    '| `list` | list of object | required | not empty |  |',
    '| `list[].name` | string |  | matches `^a\\|b$` | a \\| b |',
    '| `either` | `false` or object |  |  |  |',
    '| `either.port` | integer | `1` |  |  |',
    '',
    'Refused (not yet): `later`.',
    '',
  ]);
});

it('there is a page for each plugin, and the index leads to it', () => {
  const pages = referencePages();
  for (const { name } of ALL_PLUGINS) {
    assert.match(pages.get(`plugins/${name}.md`) ?? '', new RegExp(`^# ${name}$`, 'm'));
    assert.ok(pages.get('README.md')?.includes(`(plugins/${name}.md)`), name);
  }
});
