import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Seldom } from './seldom.ts';

test('the same is due once in its time, other things by themselves, and what is known is bounded', () => {
  let now_ms = 0;
  const seldom = new Seldom(() => now_ms, 100);
  assert.deepEqual(
    ['a', 'a', 'b'].map((what) => seldom.isDue(what)),
    [true, false, true],
  );
  now_ms = 99;
  assert.equal(seldom.isDue('a'), false);
  now_ms = 100;
  assert.equal(seldom.isDue('a'), true);
  for (let i = 0; i < 1_000; i++) assert.equal(seldom.isDue(String(i)), true);
  assert.equal(seldom.isDue('a'), true, 'it was forgotten');
});
