import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../test/fuzz/random.ts';
import { KeyIndex } from './key-index.ts';

test('it holds what a Map holds, through many splits', () => {
  const seed = Math.floor(performance.timeOrigin) % 1_000_000;
  const random = seededRandom(seed);
  const index = new KeyIndex();
  const model = new Map<string, number>();
  for (let step = 0; step < 200_000; step++) {
    const key = `10.${Math.floor(random() * 100_000)}.7.8`;
    assert.equal(index.get(key), model.get(key) ?? -1, `seed ${seed}, step ${step}`);
    if (random() < 0.3) {
      index.delete(key);
      model.delete(key);
    } else if (!model.has(key)) {
      index.add(key, step);
      model.set(key, step);
    }
    assert.equal(index.size, model.size);
  }
  assert.ok(model.size > 30_000);
  for (const [key, slot] of model) assert.equal(index.get(key), slot, `seed ${seed}`);
});

test('keys that differ in the middle only are still found', () => {
  const index = new KeyIndex();
  const ends = 'e'.repeat(20);
  for (let key = 0; key < 40_000; key++) index.add(`${ends}${key + 100_000}${ends}`, key);
  for (let key = 0; key < 40_000; key++) assert.equal(index.get(`${ends}${key + 100_000}${ends}`), key);
});
