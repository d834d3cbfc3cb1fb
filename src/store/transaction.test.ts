import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MODELS } from '../model/models.ts';
import { KINDS, type Kind } from '../model/object-set.ts';
import { put } from './mirror.ts';
import { planTransaction } from './transaction.ts';

const IDS: { readonly [K in Kind]?: string } = { credentials: 'jack/credentials/one', secrets: 'vault/one' };

void test('what a store adds to an object are attributes that its kind has in APISIX', () => {
  for (const kind of KINDS) {
    const [step] = planTransaction([put({ kind, id: IDS[kind] ?? 'one' }, {})], () => null, 1_700_000_000);
    const added = Object.keys(step?.value ?? {});
    const known = Object.keys(MODELS[kind].schema.properties ?? {});
    assert.deepEqual(
      added.filter((name) => !known.includes(name)),
      [],
      kind,
    );
    assert.deepEqual(
      added,
      kind === 'consumers' ? ['username', 'create_time', 'update_time'] : ['id', 'create_time', 'update_time'],
    );
  }
});

void test('a time of creation that is none is replaced', () => {
  for (const given of ['yesterday', 1.5, null, {}]) {
    const [step] = planTransaction([put({ kind: 'routes', id: '1' }, { create_time: given })], () => null, 7);
    assert.equal(step?.value?.['create_time'], 7);
  }
});
