import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { test } from 'node:test';
import { RecordKey } from './record-key.ts';

const digest = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer');

function parts({ shape, wordCount, words, low, high, space }: RecordKey): unknown {
  return [shape, wordCount, [...words.subarray(0, wordCount)], low, high, space];
}

test('a key is taken apart alike, whatever was taken apart before', () => {
  const used = new RecordKey(digest, 1, 2);
  const spaces = ['one', 'other'].map((name) => used.spaceOf(name));
  const keys = ['', '10.0.0.1', '10.0.0.2', 'ÿ', 'Ā', 'k'.repeat(40), 'k'.repeat(41)];
  let seed = Date.now() % 1_000_000;
  const first = seed;
  const draw = (below: number): number => (seed = (seed * 16_807 + 11) % 2_147_483_647) % below;
  for (let round = 0; round < 5_000; round++) {
    const space = spaces[draw(2)]!;
    const key = keys[draw(keys.length)]!;
    const fresh = new RecordKey(digest, 1, 2);
    const what = draw(8);
    if (what === 0) used.spaceOf(key);
    if (what === 1) used.setReserved(space, draw(3));
    used.set(space, key);
    fresh.set(space, key);
    assert.deepEqual(parts(used), parts(fresh), `seed ${first}, round ${round}`);
    if (what !== 2) continue;
    used.setReserved(space, 7);
    fresh.setReserved(space, 7);
    assert.deepEqual(parts(used), parts(fresh), `seed ${first}, round ${round}`);
  }
});
