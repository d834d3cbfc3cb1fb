import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Schema } from '../sdk/schema.ts';
import { typeOf } from './fill.ts';
import { createAjv, validator } from './validate.ts';
import { MODELS } from './models.ts';
import { publishSchema } from './publish.ts';

const schema = {
  type: 'object',
  required: ['name'],
  properties: {
    name: { type: 'string', minLength: 1 },
    key: { type: 'string', minLength: 8, secret: true },
    on: { type: 'boolean', default: true },
    inner: { type: 'object', default: {}, properties: { size: { type: 'integer', minimum: 1, default: 5 } } },
    either: { anyOf: [{ const: false }, { type: 'object', properties: { path: { type: 'string', default: 'x' } } }] },
    list: { type: 'array', items: { type: 'object', properties: { n: { type: 'integer', default: 1 } } } },
  },
} as const satisfies Schema;

const check = validator(schema);

test('defaults are filled into a copy, also inside defaults, variants and lists', () => {
  const written = { name: 'a', either: {}, list: [{}, { n: 2 }] };
  const before = structuredClone(written);
  const { value, problems, unknown } = check(written, 'x');
  assert.deepEqual(value, {
    name: 'a',
    on: true,
    inner: { size: 5 },
    either: { path: 'x' },
    list: [{ n: 1 }, { n: 2 }],
  });
  assert.deepEqual([...problems, ...unknown], []);
  assert.deepEqual(written, before, 'what was sent stays as it was sent');
});

test('every problem is reported, unknown attributes apart from the others', () => {
  const { problems, unknown } = check({ nme: 1, on: 'off', inner: { size: 0, sise: 1 }, either: { path: 1 } }, 'x');
  assert.deepEqual(problems.map(({ path, code }) => `${path} ${code}`).toSorted(), [
    'x.either.path wrong_type',
    'x.inner.size out_of_range',
    'x.name missing_attribute',
    'x.on wrong_type',
  ]);
  assert.deepEqual(
    unknown.map(({ path }) => path),
    ['x.nme', 'x.inner.sise'],
  );
});

test('a secret is in no problem, neither as its value nor in its message', () => {
  const [problem] = check({ name: 'a', key: 'hunter2' }, 'x').problems;
  assert.equal(problem?.path, 'x.key');
  assert.ok(!JSON.stringify(problem).includes('hunter2'));
});

test('a hostile value gives a bounded number of problems', () => {
  const list = Array.from({ length: 10_000 }, () => ({ n: 'x' }));
  assert.ok(check({ name: 'a', list }, 'x').problems.length <= 100);
});

test('a key named __proto__ is an attribute like any other', () => {
  const value: unknown = JSON.parse('{"name":"a","__proto__":{"on":false}}');
  const { unknown } = check(value, 'x');
  assert.deepEqual(
    unknown.map(({ path }) => path),
    ['x.__proto__'],
  );
  assert.equal(({} as Record<string, unknown>)['on'], undefined);
});

/** Names in `required` that no `properties` on the way down explains: strict mode cannot see them across `not` and `anyOf`. */
function strayNames(node: Schema, known: ReadonlySet<string>): string[] {
  const names = new Set([...known, ...Object.keys(node.properties ?? {})]);
  const beside = [...(node.anyOf ?? []), ...(node.allOf ?? []), ...(node.not === undefined ? [] : [node.not])];
  const inside = [...Object.values(node.properties ?? {}), ...(node.items === undefined ? [] : [node.items])];
  return [
    ...(node.required ?? []).filter((name) => !names.has(name)),
    ...beside.flatMap((part) => strayNames(part, names)),
    ...inside.flatMap((part) => strayNames(part, new Set())),
  ];
}

for (const [kind, { schema: model }] of Object.entries(MODELS)) {
  test(`the schema of ${kind} is strict JSON Schema, before and after it is published`, () => {
    createAjv().compile(model);
    createAjv().compile(publishSchema(model));
    assert.deepEqual(strayNames(model, new Set()), []);
    assert.ok(!JSON.stringify(publishSchema(model)).includes('"remedy"'));
  });

  test(`every default in the schema of ${kind} is valid itself`, () => {
    const visit = (node: Schema): void => {
      if (node.default !== undefined) {
        const { problems } = validator(node)(node.default, kind);
        assert.deepEqual(problems, [], `${kind}: ${JSON.stringify(node.default)} (${typeOf(node.default)})`);
      }
      for (const inner of Object.values(node.properties ?? {})) visit(inner);
      if (node.items !== undefined) visit(node.items);
      for (const branch of node.anyOf ?? []) visit(branch);
    };
    visit(model);
  });
}
