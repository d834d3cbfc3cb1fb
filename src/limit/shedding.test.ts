import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextLevel, PRIORITIES, pressureOf, Shedding } from './shedding.ts';

const SETTINGS = { delay_ms: 50, recover_delay_ms: 20, sustained_ms: 1_000 };
const SAMPLE_MS = 250;
const all = (): boolean => true;

test('above the bound of either the worker is overloaded, below both it recovers', () => {
  const of = (delay_ms: number, memory_share: number): string => pressureOf({ delay_ms, memory_share }, SETTINGS);
  assert.deepEqual(
    [of(50, 0), of(50.1, 0), of(20, 0), of(19.9, 0.94), of(0, 0.95), of(0, 1), of(0, 1.01)],
    ['between', 'over', 'between', 'under', 'between', 'between', 'over'],
  );
});

test('a level rises a priority a second and falls more slowly, and ends at 9 and 0', () => {
  assert.equal(nextLevel(0, 'over', 250, all), 0.25);
  assert.equal(nextLevel(0.9, 'over', 250, all), 1);
  assert.equal(nextLevel(8.9, 'over', 1_000, all), 9);
  assert.equal(nextLevel(9, 'over', 1_000, all), 9);
  assert.equal(nextLevel(1, 'under', 250, all), 0.9);
  assert.equal(nextLevel(0.05, 'under', 250, all), 0);
  assert.equal(nextLevel(3.3, 'between', 250, all), 3.3);
});

test('priorities that nobody asks with are skipped on the way up and down', () => {
  const five = (priority: number): boolean => priority === 5;
  assert.equal(nextLevel(0, 'over', 250, five), 5.25);
  assert.equal(nextLevel(5.25, 'over', 250, five), 5.5);
  assert.equal(nextLevel(6, 'over', 250, five), 6, 'there is nothing more to refuse');
  assert.equal(nextLevel(6, 'under', 250, five), 5.9);
  assert.equal(nextLevel(5, 'under', 250, five), 0);
  assert.equal(
    nextLevel(0, 'over', 250, (priority) => priority === 9),
    0,
    'the highest is never refused',
  );
});

/** Lets a worker serve a second of requests, 100 of each of some priorities. @returns how many were let in, by priority */
function second(shedding: Shedding, from_ms: number, delay_ms: number, priorities: readonly number[]): number[] {
  const admitted = new Array<number>(PRIORITIES).fill(0);
  for (let ms = SAMPLE_MS; ms <= 1_000; ms += SAMPLE_MS) {
    for (let i = 0; i < 25; i++)
      for (const priority of priorities) if (shedding.admits(priority)) admitted[priority]!++;
    shedding.note({ delay_ms, memory_share: 0.5 }, from_ms + ms);
  }
  return priorities.map((priority) => admitted[priority]!);
}

test('nothing is refused before the overload has lasted; then the lowest are, and the highest never', () => {
  const changes: number[] = [];
  const shedding = new Shedding(SETTINGS, (level) => changes.push(level));
  shedding.note({ delay_ms: 0, memory_share: 0 }, 0);
  assert.deepEqual(second(shedding, 0, 80, [0, 5, 9]), [100, 100, 100]);
  const [lowest = 0, middle, highest] = second(shedding, 1_000, 80, [0, 5, 9]);
  assert.ok(lowest > 20 && lowest < 80, `a part of the lowest: ${lowest}`);
  assert.deepEqual([middle, highest], [100, 100]);
  for (let s = 2; s < 9; s++) second(shedding, s * 1_000, 80, [0, 5, 9]);
  assert.deepEqual(second(shedding, 9_000, 80, [0, 5, 9]), [0, 0, 100]);
  assert.ok(changes.length >= 2 && changes.length < 5, changes.join());
});

test('a delay in between keeps what is, one below the lower bound lets in again by and by', () => {
  const shedding = new Shedding(SETTINGS, () => {});
  for (let s = 0; s < 4; s++) second(shedding, s * 1_000, 80, [3]);
  assert.deepEqual(second(shedding, 4_000, 30, [3]), [0]);
  const [first = 0] = second(shedding, 5_000, 5, [3]);
  assert.ok(first > 0 && first < 60, String(first));
  for (let s = 6; s < 9; s++) second(shedding, s * 1_000, 5, [3]);
  assert.deepEqual(second(shedding, 9_000, 5, [3]), [100]);
});

test('overload that comes and goes within the time refuses nothing', () => {
  const shedding = new Shedding(SETTINGS, () => assert.fail('nothing changes'));
  for (let sample = 1; sample < 100; sample++) {
    assert.ok(shedding.admits(0));
    shedding.note({ delay_ms: sample % 4 === 0 ? 0 : 500, memory_share: 0 }, sample * SAMPLE_MS);
  }
});

test('a share of a priority is refused evenly, not in runs', () => {
  const shedding = new Shedding(SETTINGS, () => {});
  for (let sample = 0; sample <= 5; sample++) {
    shedding.admits(4);
    shedding.note({ delay_ms: 80, memory_share: 0 }, sample * SAMPLE_MS);
  }
  const course = Array.from({ length: 12 }, () => (shedding.admits(4) ? '.' : 'x')).join('');
  assert.match(course, /^(\.?x\.?){4,8}$|^(\.{1,3}x)+\.*$/);
});

test('with a model of a worker that can do half of what comes, the delay stays near its bound and high priorities are served', (t) => {
  const seed = Number(process.env['SEED'] ?? 3);
  t.diagnostic(`seed ${seed}`);
  let state = seed;
  const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  const shedding = new Shedding(SETTINGS, () => {});
  let backlog = 0;
  let served9 = 0;
  let offered9 = 0;
  let late = 0;
  for (let sample = 1; sample <= 400; sample++) {
    for (let i = 0; i < 50; i++) {
      const priority = Math.floor(random() * PRIORITIES);
      const isAdmitted = shedding.admits(priority);
      if (isAdmitted) backlog++;
      if (priority === 9) offered9++;
      if (priority === 9 && isAdmitted) served9++;
    }
    backlog = Math.max(0, backlog - 25);
    const delay_ms = backlog * 4;
    shedding.note({ delay_ms, memory_share: 0.5 }, sample * SAMPLE_MS);
    if (sample > 100 && delay_ms > 1_000) late++;
  }
  assert.equal(served9, offered9);
  assert.ok(late < 30, `${late} of 300 samples late by more than a second`);
});
