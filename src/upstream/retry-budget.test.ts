import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BUDGET_WINDOW_MS, refill, RetryBudget, type RetryBalance } from './retry-budget.ts';

const SETTINGS = { budget_percent: 20, budget_min_per_second: 10 };
const none = (): RetryBalance => ({ balance: 0, requests: 0, at_ms: 0 });

/** Mulberry32. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

test('an upstream without traffic has its minimum, and gets it back with time', () => {
  const budget = new RetryBudget(SETTINGS, 0);
  let taken = 0;
  while (budget.take(0, 0)) taken++;
  assert.equal(taken, 100);
  assert.equal(budget.take(0, 50), false);
  assert.equal(budget.take(0, 200), true, '10 a second');
});

test('at an even rate the balance settles at what a window pays in', () => {
  const balance = none();
  for (let second = 1; second <= 120; second++) refill(balance, second * 1000, second * 1000, SETTINGS);
  const expected = (1000 * 0.2 + 10) * (BUDGET_WINDOW_MS / 1000);
  assert.ok(Math.abs(balance.balance - expected) < 1, String(balance.balance));
});

test('one look after a long time says what many looks would have said', () => {
  const [once, often] = [none(), none()];
  for (let ms = 10; ms <= 30_000; ms += 10) refill(often, ms / 2, ms, SETTINGS);
  refill(once, 15_000, 30_000, SETTINGS);
  assert.ok(Math.abs(once.balance - often.balance) < 0.001, `${once.balance} ${often.balance}`);
});

test('a clock that stands still or goes back pays nothing in twice', () => {
  const balance = none();
  refill(balance, 100, 1000, SETTINGS);
  const before = balance.balance;
  refill(balance, 100, 500, SETTINGS);
  refill(balance, 100, 1000, SETTINGS);
  assert.equal(balance.balance, before);
});

test('the largest minimum bounds nothing, and no share leaves the minimum', () => {
  const generous = new RetryBudget({ budget_percent: 0, budget_min_per_second: 1_000_000 }, 0);
  for (let picks = 0; picks < 1_000_000; picks++) assert.equal(generous.take(picks, 0), true);
  const closed = new RetryBudget({ budget_percent: 0, budget_min_per_second: 0 }, 0);
  assert.equal(closed.take(1_000_000, 60_000), false);
});

test('a retry that was picked for pays for no further one', () => {
  const budget = new RetryBudget({ budget_percent: 100, budget_min_per_second: 0 }, 0);
  assert.equal(budget.take(1, 0), true);
  budget.noteRepeated();
  assert.equal(budget.take(2, 0), false);
  assert.equal(budget.take(3, 0), true);
});

test('an edited upstream goes on with the balance that it had', () => {
  const before = new RetryBudget(SETTINGS, 0);
  while (before.take(0, 0));
  const after = new RetryBudget(SETTINGS, 0, before);
  assert.equal(after.take(0, 0), false);
});

/** Every payment by itself, each fading on its own. */
class NaiveBudget {
  private readonly payments: { at_ms: number; amount: number }[] = [];

  pay(at_ms: number, amount: number): void {
    this.payments.push({ at_ms, amount });
  }

  balance(now_ms: number): number {
    return this.payments.reduce(
      (sum, { at_ms, amount }) => sum + amount * Math.exp(-(now_ms - at_ms) / BUDGET_WINDOW_MS),
      0,
    );
  }
}

test('under random traffic and failures the balance is what a list of payments says, and retries stay within the share', (t) => {
  const seed = Number(process.env['SEED'] ?? 20_260_101);
  t.diagnostic(`seed ${seed}`);
  const random = randomOf(seed);
  const balance = none();
  const naive = new NaiveBudget();
  let now_ms = 0;
  let requests = 0;
  let retries = 0;
  for (let step = 0; step < 3_000; step++) {
    const elapsed_ms = 1 + Math.floor(random() * 40);
    const fresh = Math.floor(random() * 30);
    // Payments in the middle of pieces of a millisecond stand for even arrival.
    for (let ms = 0; ms < elapsed_ms; ms++)
      naive.pay(now_ms + ms + 0.5, (fresh / elapsed_ms) * 0.2 + SETTINGS.budget_min_per_second / 1000);
    now_ms += elapsed_ms;
    requests += fresh;
    refill(balance, requests, now_ms, SETTINGS);
    if (step % 100 === 0) assert.ok(Math.abs(balance.balance - naive.balance(now_ms)) < 0.01, `step ${step}`);
    while (balance.balance >= 1 && random() < 0.9) {
      balance.balance--;
      naive.pay(now_ms, -1);
      retries++;
    }
    assert.ok(retries <= requests * 0.2 + now_ms * 0.01 + 1);
  }
  assert.ok(retries > requests * 0.15, 'and they do use it');
});
