import assert from 'node:assert/strict';
import { test } from 'node:test';
import { costsBudget, decideRetry, type FailedAttempt, retryDelay } from './retry.ts';

const FAILED: FailedAttempt = {
  fault: 'reset',
  isIdempotent: true,
  wasConnected: true,
  wasReused: false,
  hasReceived: false,
  canReplay: true,
  freshAttempts: 0,
  attempts: 1,
  retries: 2,
  elapsed_ms: 10,
  retryTimeout_ms: 0,
};

const DECISIONS: [what: string, changes: Partial<FailedAttempt>, decision: 'no' | 'fresh' | 'next'][] = [
  ['an idempotent request that was sent goes on', {}, 'next'],
  ['a body that cannot be sent again ends it', { canReplay: false }, 'no'],
  ['a byte of the answer ends it', { hasReceived: true }, 'no'],
  ['a POST that was sent ends it', { isIdempotent: false }, 'no'],
  ['a POST that was not sent goes on', { isIdempotent: false, wasConnected: false, fault: 'refused' }, 'next'],
  ['a stale connection is no attempt', { wasReused: true, attempts: 3 }, 'fresh'],
  ['twice stale is one', { wasReused: true, freshAttempts: 1, attempts: 3 }, 'no'],
  ['what was not looked at is sent again', { fault: 'unprocessed', isIdempotent: false }, 'fresh'],
  ['and then to another node', { fault: 'unprocessed', isIdempotent: false, freshAttempts: 1 }, 'next'],
  ['or to the same one, where there is no other', { fault: 'unprocessed', freshAttempts: 2, attempts: 3 }, 'fresh'],
  ['three times', { fault: 'unprocessed', freshAttempts: 3, attempts: 3 }, 'no'],
  ['and not for ever', { fault: 'unprocessed', freshAttempts: 1, elapsed_ms: 5_000, retryTimeout_ms: 5_000 }, 'no'],
  ['the last retry was made', { attempts: 3 }, 'no'],
  ['the time for retries is over', { elapsed_ms: 5_000, retryTimeout_ms: 5_000 }, 'no'],
];

for (const [what, changes, decision] of DECISIONS)
  test(what, () => assert.equal(decideRetry({ ...FAILED, ...changes }), decision));

test('a refused connection costs nothing of the budget, whatever else failed does', () => {
  assert.equal(costsBudget({ ...FAILED, wasConnected: false, fault: 'refused' }), false);
  assert.equal(costsBudget({ ...FAILED, wasConnected: false, fault: 'connect_timeout' }), true);
  assert.equal(costsBudget({ ...FAILED, fault: 'read_timeout' }), true);
});

test('the first retry goes at once, the wait of each further one has twice the bound, up to the last', () => {
  const backoff = { backoff_ms: 50, backoff_max_ms: 300 };
  const delay = (attempts: number, random: number, changes: Partial<FailedAttempt> = {}): number =>
    retryDelay({ ...FAILED, attempts, ...changes }, backoff, random);
  const most = [1, 2, 3, 4, 5, 6, 60].map((attempts) => delay(attempts, 1));
  assert.deepEqual(most, [0, 50, 100, 200, 300, 300, 300]);
  assert.equal(delay(5, 0), 0);
  assert.equal(delay(5, 0.5), 150);
  assert.equal(delay(5, 0.5, { wasConnected: false, fault: 'connect_timeout' }), 150);
  assert.equal(delay(5, 0.5, { wasConnected: false, fault: 'refused' }), 0);
  assert.equal(retryDelay({ ...FAILED, attempts: 50 }, { backoff_ms: 0, backoff_max_ms: 300 }, 0.9), 0);
});
