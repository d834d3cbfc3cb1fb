import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BREAKER_NUMBERS, brokenFor, noteAnswer, type BreakerSettings } from './breaker.ts';

const SETTINGS: BreakerSettings = { failures: 3, successes: 2, max_ms: 10_000 };
const fresh = (): Float64Array => new Float64Array(BREAKER_NUMBERS);

test('each round of failures refuses for twice as long, up to the bound', () => {
  const record = fresh();
  let now_ms = 1_000_000;
  const times: number[] = [];
  for (let round = 0; round < 5; round++) {
    assert.equal(noteAnswer(record, false, now_ms, SETTINGS), 0);
    assert.equal(noteAnswer(record, false, now_ms, SETTINGS), 0);
    const broken_ms = noteAnswer(record, false, now_ms, SETTINGS);
    times.push(Number(broken_ms));
    assert.equal(brokenFor(record, now_ms), broken_ms);
    now_ms += Number(broken_ms);
    assert.equal(brokenFor(record, now_ms), 0);
  }
  assert.deepEqual(times, [2_000, 4_000, 8_000, 10_000, 10_000]);
});

test('answers to what was asked before it broke change nothing', () => {
  const record = fresh();
  for (let i = 0; i < 3; i++) noteAnswer(record, false, 0, SETTINGS);
  const before = [...record];
  for (let i = 0; i < 50; i++) noteAnswer(record, i % 3 > 0, 1_999, SETTINGS);
  assert.deepEqual([...record], before);
});

test('healthy answers in a row end it, and the next break begins with 2 s again', () => {
  const record = fresh();
  for (let i = 0; i < 3; i++) noteAnswer(record, false, 0, SETTINGS);
  assert.equal(noteAnswer(record, true, 2_000, SETTINGS), 0);
  assert.equal(noteAnswer(record, false, 2_000, SETTINGS), 0, 'not in a row');
  assert.equal(noteAnswer(record, true, 2_000, SETTINGS), 0);
  assert.equal(noteAnswer(record, true, 2_000, SETTINGS), 'healthy');
  assert.deepEqual([...record], [0, 0, 0, 0]);
  for (let i = 0; i < 2; i++) noteAnswer(record, false, 3_000, SETTINGS);
  assert.equal(noteAnswer(record, false, 3_000, SETTINGS), 2_000);
});

test('the longest streak of breaks stays at the bound', () => {
  const record = fresh();
  let now_ms = 0;
  for (let round = 0; round < 2_000; round++) {
    assert.ok(Number(noteAnswer(record, false, now_ms, { ...SETTINGS, failures: 1, max_ms: 3_000 })) <= 3_000);
    now_ms += 3_000;
  }
});

/** Keeps every answer that counted, and works the state out of all of them. */
class NaiveBreaker {
  private readonly counted: { isHealthy: boolean; at_ms: number }[] = [];
  private readonly settings: BreakerSettings;

  constructor(settings: BreakerSettings) {
    this.settings = settings;
  }

  brokenUntil(): number {
    const { failures, successes, max_ms } = this.settings;
    let until = 0;
    let breaks = 0;
    let bad = 0;
    let good = 0;
    for (const { isHealthy, at_ms } of this.counted) {
      if (at_ms < until) continue;
      if (isHealthy) {
        if (bad > 0 || breaks > 0) good++;
        if (good === successes) [bad, good, breaks, until] = [0, 0, 0, 0];
      } else {
        good = 0;
        if (++bad === failures) {
          bad = 0;
          breaks++;
          until = at_ms + Math.min(max_ms, 2 ** breaks * 1000);
        }
      }
    }
    return until;
  }

  note(isHealthy: boolean, at_ms: number): void {
    this.counted.push({ isHealthy, at_ms });
  }
}

test('random answers give what the whole history gives', (t) => {
  const seed = Number(process.env['SEED'] ?? 11);
  t.diagnostic(`seed ${seed}`);
  let state = seed;
  const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  for (let run = 0; run < 60; run++) {
    const settings: BreakerSettings = {
      failures: 1 + Math.floor(random() * 4),
      successes: 1 + Math.floor(random() * 4),
      max_ms: 3_000 + Math.floor(random() * 20_000),
    };
    const health = random();
    const record = fresh();
    const naive = new NaiveBreaker(settings);
    let now_ms = 1;
    for (let step = 0; step < 150; step++) {
      now_ms += Math.floor(random() * 1_500);
      const isHealthy = random() < health;
      noteAnswer(record, isHealthy, now_ms, settings);
      naive.note(isHealthy, now_ms);
      assert.equal(brokenFor(record, now_ms), Math.max(0, naive.brokenUntil() - now_ms), `run ${run}, step ${step}`);
    }
  }
});
