import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseByKey, WeightedTurns } from './split.ts';

test('every round has each choice as often as its weight, spread out', () => {
  for (const weights of [[3, 2], [1], [5, 1, 1], [0, 4], [5, 95], [1, 1, 1, 1]]) {
    const turns = new WeightedTurns(weights);
    const round = weights.reduce((sum, weight) => sum + weight, 0);
    for (let repeat = 0; repeat < 3; repeat++) {
      const counts = weights.map(() => 0);
      for (let i = 0; i < round; i++) counts[turns.next()]!++;
      assert.deepEqual(counts, weights);
    }
  }
  const turns = new WeightedTurns([3, 2]);
  assert.deepEqual(
    Array.from({ length: 5 }, () => turns.next()),
    [0, 1, 0, 1, 0],
  );
  assert.equal(new WeightedTurns([0, 0]).next(), -1);
});

const KEYS = Array.from({ length: 5_000 }, (_, i) => `user ${i}`);

test('keys are shared out by weight', () => {
  for (const weights of [
    [5, 95],
    [1, 1],
    [1, 2, 7],
    [0, 1],
  ]) {
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const counts = weights.map(() => 0);
    for (const key of KEYS) counts[chooseByKey(key, weights)]!++;
    for (const [at, weight] of weights.entries()) {
      const share = counts[at]! / KEYS.length;
      assert.ok(Math.abs(share - weight / total) < 0.025, `${share} of ${weights.join()}`);
    }
  }
  assert.equal(chooseByKey('a', [0, 0]), -1);
});

test('a canary that grows only takes keys, and gives them back the same way', () => {
  const steps = [5, 25, 50, 100].map((weight) => KEYS.map((key) => chooseByKey(key, [weight, 100 - weight])));
  for (let step = 1; step < steps.length; step++) {
    for (let at = 0; at < KEYS.length; at++) assert.ok(steps[step]![at]! <= steps[step - 1]![at]!, `key ${at}`);
  }
});
