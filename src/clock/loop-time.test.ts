import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoopTime } from './loop-time.ts';

test('time passes as on the clock while the loop turns, and by a tenth of a second at most while it stands', () => {
  let clock_ms = 1_000;
  const time = new LoopTime(() => clock_ms);
  const after = (gap_ms: number): number => {
    clock_ms += gap_ms;
    return time.now_ms();
  };
  assert.equal(time.now_ms(), 1_000);
  assert.equal(after(50), 1_050);
  assert.equal(after(100), 1_150);
  assert.equal(after(3_000), 1_250);
  assert.equal(after(50), 1_300);
  assert.equal(after(101), 1_400);
  assert.equal(after(0), 1_400);
});
