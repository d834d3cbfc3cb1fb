/** The same calls in the same virtual time, wherever limits count: what one model says. */
import assert from 'node:assert/strict';
import type { LimitSource } from '../../src/plugins/limit-source.ts';
import { seededRandom, type Random } from '../fuzz/random.ts';
import { NaiveLimits } from './naive-limits.ts';

const pick = <T>(random: Random, values: readonly T[]): T => values[Math.floor(random() * values.length)]!;

const KEYS = ['', 'a', '10.0.0.1', '2001:db8::1', 'ä€', '\ud800', ' a b:c ', 'x'.repeat(300), `${'x'.repeat(299)}y`];

export interface Backend {
  readonly limits: LimitSource;
  readonly clock: { now_ms: number };
}

/**
 * @param backends which count in the same place: each call goes to another one
 * @param seed printed with every failure
 */
export async function agreesWithModel(
  backends: readonly LimitSource[],
  clock: Backend['clock'],
  seed: number,
): Promise<void> {
  const random = seededRandom(seed);
  const naive = new NaiveLimits();
  let refused = 0;
  const steps = 500;
  for (let step = 0; step < steps; step++) {
    if (random() < 0.6) clock.now_ms += pick(random, [1, 20, 333, 1000, 5000, 30_000, 90_000]);
    const limits = backends[step % backends.length]!;
    const now_ms = clock.now_ms;
    const key = pick(random, KEYS);
    const space = pick(random, ['s', 'group/g']);
    const limit = pick(random, [1, 2, 5, 100, 2 ** 31 - 1]);
    const cost = pick(random, [0, 1, 1, 1, 2, limit, limit + 1]);
    const window_ms = pick(random, [1000, 60_000]);
    const rate = pick(random, [1, 3, 7]);
    const where = `seed ${seed}, step ${step}, ${JSON.stringify({ key: key.slice(0, 20), space, limit, cost, window_ms, rate })}`;
    const kind = pick(random, ['fixedWindow', 'slidingWindow', 'tokenBucket', 'leakyBucket'] as const);
    if (kind === 'leakyBucket') {
      const query = { key, rate, burst: 2 };
      const found = await limits.leakyBucket(space, query);
      const expected = naive.leakyBucket(space, query, now_ms);
      assert.equal(found.isAllowed, expected.isAllowed, `${kind}, ${where}`);
      assert.ok(
        Math.abs(found.delay_ms - expected.delay_ms) < 1e-3,
        `${found.delay_ms}, ${expected.delay_ms}, ${where}`,
      );
      if (!found.isAllowed) refused++;
      continue;
    }
    if (kind === 'tokenBucket') {
      const query = { key, rate, capacity: 4, cost: cost % 6 };
      const found = await limits.tokenBucket(space, query);
      const { isAllowed, remaining } = naive.tokenBucket(space, query, now_ms);
      assert.deepEqual([found.isAllowed, found.remaining], [isAllowed, remaining], `${kind}, ${where}`);
      if (!isAllowed) refused++;
      continue;
    }
    const query = { key, limit, window_ms, cost };
    const found = await limits[kind](space, query);
    const { isAllowed, remaining } = naive[kind](space, query, now_ms);
    assert.deepEqual([found.isAllowed, found.remaining], [isAllowed, remaining], `${kind}, ${where}`);
    assert.ok(found.reset_ms >= 0 && found.reset_ms <= 2 * window_ms, `${found.reset_ms}, ${where}`);
    if (!isAllowed) {
      refused++;
      // After that time the same call would be allowed, unless it never is: what was refused has consumed nothing.
      if (kind === 'fixedWindow' && cost <= limit) assert.ok(found.reset_ms > 0, where);
    }
  }
  // Of about fifty: so few that chance does not make it.
  assert.ok(refused > 5 && refused < steps / 1.2, `${refused} refused`);
}
