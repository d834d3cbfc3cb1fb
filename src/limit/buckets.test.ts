import assert from 'node:assert/strict';
import { hash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { seededRandom } from '../../test/fuzz/random.ts';
import { CounterTable } from './counter-table.ts';

const SEED = Math.floor(performance.timeOrigin) % 1_000_000;

function tableAt(start_ms: number) {
  const clock = { now_ms: start_ms };
  const digest = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer');
  const memory = CounterTable.allocate({ maxKeys: 1000, maxOverflowBuckets: 64 }, randomBytes(8));
  return { clock, space: new CounterTable(memory, { now_ms: () => clock.now_ms, digest }).space('s') };
}

test('a token bucket begins full, empties at once, and fills at its rate', () => {
  const { clock, space } = tableAt(7);
  const take = (cost: number) => space.tokenBucket({ key: 'k', rate: 2, capacity: 3, cost });
  const rows: [pass_ms: number, cost: number, expected: [boolean, number, number]][] = [
    [0, 0, [true, 3, 0]],
    [0, 2, [true, 1, 0]],
    [0, 2, [false, 0, 500]],
    [0, 1, [true, 0, 500]],
    [0, 1, [false, 0, 500]],
    [499, 1, [false, 0, 1]],
    [1, 1, [true, 0, 500]],
    [1000, 1, [true, 1, 0]],
    [5000, 3, [true, 0, 500]],
    [0, 4, [false, 0, 1500]],
  ];
  for (const [pass_ms, cost, [isAllowed, remaining, reset_ms]] of rows) {
    clock.now_ms += pass_ms;
    const found = take(cost);
    const where = `at ${clock.now_ms}, cost ${cost}`;
    assert.deepEqual(
      [found.isAllowed, found.remaining, Math.round(found.reset_ms)],
      [isAllowed, remaining, reset_ms],
      where,
    );
  }
});

test('a leaky bucket lets units leave at its rate, and lets so many wait', () => {
  const { clock, space } = tableAt(0);
  const ask = () => space.leakyBucket({ key: 'k', rate: 10, burst: 2 });
  assert.deepEqual(ask(), { isAllowed: true, delay_ms: 0, reset_ms: 0 });
  assert.deepEqual(ask(), { isAllowed: true, delay_ms: 100, reset_ms: 0 });
  assert.deepEqual(ask(), { isAllowed: true, delay_ms: 200, reset_ms: 0 });
  assert.deepEqual(ask(), { isAllowed: false, delay_ms: 0, reset_ms: 100 });
  clock.now_ms += 50;
  assert.deepEqual(ask(), { isAllowed: false, delay_ms: 0, reset_ms: 50 });
  clock.now_ms += 50;
  assert.deepEqual(ask(), { isAllowed: true, delay_ms: 200, reset_ms: 0 });
  clock.now_ms += 300;
  assert.deepEqual(ask(), { isAllowed: true, delay_ms: 0, reset_ms: 0 });
});

/** Tokens in whole thousandths, added one step of time after the other; rates are tokens a second, times are whole ms. */
class NaiveBuckets {
  private readonly buckets = new Map<string, { milli: number; at_ms: number }>();

  take(key: string, { rate, capacity, cost }: { rate: number; capacity: number; cost: number }, now_ms: number) {
    const bucket = this.buckets.get(key) ?? { milli: capacity * 1000, at_ms: now_ms };
    bucket.milli = Math.min(capacity * 1000, bucket.milli + rate * (now_ms - bucket.at_ms));
    bucket.at_ms = now_ms;
    this.buckets.set(key, bucket);
    const isAllowed = cost * 1000 <= bucket.milli;
    if (isAllowed) bucket.milli -= cost * 1000;
    return { isAllowed, remaining: isAllowed ? Math.floor(bucket.milli / 1000) : 0, milli: bucket.milli };
  }
}

test('random calls of buckets get what a model that counts thousandths of tokens says', () => {
  for (let round = 0; round < 60; round++) {
    const random = seededRandom(SEED + round);
    const { clock, space } = tableAt(Math.floor(random() * 1e9));
    const naive = new NaiveBuckets();
    const leaking = new NaiveBuckets();
    for (let step = 0; step < 300; step++) {
      clock.now_ms += random() < 0.6 ? Math.floor(random() * 400) : 0;
      if (random() < 0.01) clock.now_ms += 1e9;
      const rate = [1, 3, 7, 50][Math.floor(random() * 4)]!;
      const capacity = 1 + Math.floor(random() * 5);
      const cost = Math.floor(random() * 4);
      const key = `${capacity}`;
      const where = `seed ${SEED + round}, step ${step}`;
      const found = space.tokenBucket({ key, rate, capacity, cost });
      const expected = naive.take(`${key} ${rate}`, { rate, capacity, cost }, clock.now_ms);
      assert.equal(found.isAllowed, expected.isAllowed, where);
      assert.equal(found.remaining, expected.remaining, where);
      if (!found.isAllowed && cost <= capacity) {
        assert.ok(Math.abs(found.reset_ms - (cost * 1000 - expected.milli) / rate) < 1e-3, where);
      }
      // A leaky bucket with a burst of n is a token bucket of n + 1: who comes waits until the tokens before it are there.
      const leaky = space.leakyBucket({ key, rate, burst: capacity - 1 });
      const model = leaking.take(`${key} ${rate}`, { rate, capacity, cost: 1 }, clock.now_ms);
      assert.equal(leaky.isAllowed, model.isAllowed, where);
      if (leaky.isAllowed) {
        const ahead = capacity * 1000 - model.milli - 1000;
        assert.ok(Math.abs(leaky.delay_ms - ahead / rate) < 1e-3, where);
      } else assert.ok(Math.abs(leaky.reset_ms - (1000 - model.milli) / rate) < 1e-3, where);
    }
  }
});

test('rates, capacities and bursts that are none are refused', () => {
  const { space } = tableAt(0);
  for (const rate of [0, -1, NaN, Infinity]) {
    assert.throws(() => space.tokenBucket({ key: 'k', rate, capacity: 1, cost: 1 }), RangeError);
    assert.throws(() => space.leakyBucket({ key: 'k', rate, burst: 1 }), RangeError);
  }
  for (const capacity of [0, NaN]) {
    assert.throws(() => space.tokenBucket({ key: 'k', rate: 1, capacity, cost: 1 }), RangeError);
  }
  for (const burst of [-1, NaN]) assert.throws(() => space.leakyBucket({ key: 'k', rate: 1, burst }), RangeError);
});
