import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { it } from 'node:test';
import { allocateLimits, canLiveTogether, SharedLimits } from '../limit/shared-limits.ts';
import { CONTROL, MAIN, ThreadNumbers } from './thread-numbers.ts';
import { generationOf } from './system-parts.ts';

it('each thread has a number that nobody had', () => {
  const numbers = new ThreadNumbers();
  const taken = Array.from({ length: 5_000 }, () => numbers.take([]));
  assert.equal(new Set(taken).size, 5_000);
  assert.ok(!taken.includes(MAIN) && !taken.includes(CONTROL));
});

it('however often others are replaced, no two that live share their part of the memory', () => {
  const numbers = new ThreadNumbers();
  const old = [numbers.take([]), numbers.take([])];
  for (let i = 0; i < 5_000; i++) {
    const other = numbers.take(old);
    for (const one of [...old, MAIN, CONTROL]) assert.ok(canLiveTogether(other, one), `${other} beside ${one}`);
  }
  // As many as there can be at once.
  const all: number[] = [];
  for (let i = 0; i < 750; i++) all.push(numbers.take(all));
  assert.equal(new Set(all.map((thread) => thread % 1_023)).size, 750);
});

it('what a worker holds is its own, also after a thousand others', () => {
  const memory = allocateLimits(randomBytes(8), { cells: { maxRecords: 100 } });
  const limitsOf = (thread: number): SharedLimits =>
    new SharedLimits(memory, { now_ms: () => 0, digest: (bytes) => bytes, generation: generationOf(thread) });
  const numbers = new ThreadNumbers();
  const first = numbers.take([]);
  const places = limitsOf(first).cells.places('s');
  const held = places.enter('k', 10);
  for (let i = 0; i < 1_100; i++) {
    const other = numbers.take([first]);
    if (i % 10 > 0 && i < 1_000) continue;
    limitsOf(other).cells.places('s').enter('k', 10);
    limitsOf(MAIN).releaseLocksOf(generationOf(other));
    assert.equal(places.taken('k'), 1, `after thread ${other}`);
  }
  held?.leave();
  assert.equal(places.taken('k'), 0);
});
