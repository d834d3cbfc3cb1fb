import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Infer, Offer, Schema } from './schema.ts';

/** Compiles only if the two types are the same in both directions. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const holds = <T extends true>(value: T): void => assert.equal(value, true);

const sample = {
  type: 'object',
  required: ['key'],
  properties: {
    key: { type: 'string', secret: true },
    count: { type: 'integer', default: 3 },
    note: { type: 'string' },
    mode: { enum: ['a', 'b'], default: 'a' },
    port: { anyOf: [{ type: 'integer' }, { const: 'auto' }] },
    list: { type: 'array', items: { type: 'number' } },
    labels: { type: 'object', additionalProperties: { type: 'string' } },
    weights: { type: 'object', patternProperties: { '^a': { type: 'integer' } } },
    nested: { type: 'object', default: {}, properties: { on: { type: 'boolean', default: true } } },
    open: { type: 'object', additionalProperties: true },
    anything: {},
  },
} as const satisfies Schema;

type Sample = Infer<typeof sample>;

test('required attributes and those with a default are always there, the others may be missing', () => {
  holds<Same<Pick<Sample, 'key' | 'count'>, { readonly key: string; readonly count: number }>>(true);
  holds<Same<Pick<Sample, 'note'>, { readonly note?: string }>>(true);
});

test('enum, const and variants become unions of literals', () => {
  holds<Same<Sample['mode'], 'a' | 'b'>>(true);
  holds<Same<Required<Sample>['port'], number | 'auto'>>(true);
});

test('arrays, maps and nested objects carry the types of their members', () => {
  holds<Same<Required<Sample>['list'], readonly number[]>>(true);
  holds<Same<Required<Sample>['labels'], { readonly [name: string]: string }>>(true);
  holds<Same<Required<Sample>['weights'], { readonly [name: string]: number }>>(true);
  holds<Same<Sample['nested'], { readonly on: boolean }>>(true);
  holds<Same<Required<Sample>['open'], { readonly [name: string]: unknown }>>(true);
  holds<Same<Required<Sample>['anything'], unknown>>(true);
});

test('what has a default may be left out of what people write', () => {
  type Offered = Offer<typeof sample>;
  holds<Same<Pick<Offered, 'key' | 'count'>, { readonly key: string; readonly count?: number }>>(true);
  holds<Same<Required<Offered>['nested'], { readonly on?: boolean }>>(true);
});

test('a keyword that the project does not use is an error in the literal', () => {
  // @ts-expect-error: `defualt` is not a keyword
  const wrong = { type: 'string', defualt: 'x' } as const satisfies Schema;
  assert.equal(wrong.type, 'string');
});
