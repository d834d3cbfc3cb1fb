/** A short look at what attacks do to everybody else; `npm run attacks` measures all of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Effect, measure } from './attacks.ts';

/** The machine may be busy with other tests: what is meant is twice, and what fails this is another order of magnitude. */
const MOST_TIMES = 10;
/** And those come and go: who is held up by an attack is held up each time. */
const TRIES = 4;
const FREE_MS = 20;
const MOST_GROWTH_MIB = 250;

const isUnhurt = ({ quiet, attacked }: Effect): boolean => attacked.median_ms < quiet.median_ms * MOST_TIMES + FREE_MS;

for (const [name, kind] of [
  ['rapid_reset', 'rapid_reset'],
  ['made_reset_window_zero', 'stream_errors'],
  ['hpack_bomb', 'hpack_bomb'],
  ['zero_window', 'stalled_window'],
] as const) {
  test(`${name}: others are served as before, and memory stays bounded`, async () => {
    let effect = await measure(name, { rate: 20, phase_ms: 800 });
    for (let tries = 1; tries < TRIES && !isUnhurt(effect); tries++) {
      effect = await measure(name, { rate: 20, phase_ms: 800 });
    }
    const { quiet, attacked, before_mib, after_mib, counted } = effect;
    assert.match(counted, new RegExp(`^(?:.*, )?${kind} [1-9]`), JSON.stringify(effect));
    assert.equal(quiet.failed + attacked.failed, 0);
    assert.ok(isUnhurt(effect), JSON.stringify(effect));
    assert.ok(after_mib - before_mib < MOST_GROWTH_MIB, JSON.stringify(effect));
  });
}
