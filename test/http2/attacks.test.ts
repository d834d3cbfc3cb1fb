/** A short look at what attacks do to everybody else; `npm run attacks` measures all of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measure } from './attacks.ts';

/** The machine may be busy with other tests: what is meant is twice, and what fails this is another order of magnitude. */
const MOST_TIMES = 10;
const FREE_MS = 20;
const MOST_GROWTH_MIB = 250;

for (const [name, kind] of [
  ['rapid_reset', 'rapid_reset'],
  ['made_reset_window_zero', 'stream_errors'],
  ['hpack_bomb', 'hpack_bomb'],
  ['zero_window', 'stalled_window'],
] as const) {
  test(`${name}: others are served as before, and memory stays bounded`, async () => {
    const effect = await measure(name, { rate: 20, phase_ms: 800 });
    const { quiet, attacked, before_mib, after_mib, counted } = effect;
    assert.match(counted, new RegExp(`^(?:.*, )?${kind} [1-9]`), JSON.stringify(effect));
    assert.equal(quiet.failed + attacked.failed, 0);
    assert.ok(attacked.median_ms < quiet.median_ms * MOST_TIMES + FREE_MS, JSON.stringify(effect));
    assert.ok(after_mib - before_mib < MOST_GROWTH_MIB, JSON.stringify(effect));
  });
}
