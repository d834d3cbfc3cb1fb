import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { DEFAULT_SETTINGS } from '../config/settings.ts';
import { LoadMeter } from './load-meter.ts';

const word = new Int32Array(new SharedArrayBuffer(4));

/** Keeps the event loop from turning for so long. */
const block = (ms: number): void => void Atomics.wait(word, 0, 0, ms);

test('a loop that is kept busy is overloaded after a while, and one that is not recovers', async () => {
  const events: string[] = [];
  const note = (event: string): void => void events.push(event);
  const meter = new LoadMeter({
    // Wide apart, so that a busy machine is neither the one nor keeps from the other.
    settings: { ...DEFAULT_SETTINGS.load_shedding, delay_ms: 150, recover_delay_ms: 120 },
    errorLog: { debug: note, info: note, warn: note, error: note },
    now_ms: () => performance.now(),
  });
  try {
    assert.equal(meter.admits(0), true);
    const begun_ms = performance.now();
    let isRefused = false;
    while (!isRefused && performance.now() - begun_ms < 15_000) {
      block(250);
      await sleep(0);
      isRefused = !meter.admits(0);
    }
    assert.ok(isRefused, 'it refuses');
    assert.ok(performance.now() - begun_ms > 900, 'but not at once');
    let isCalm = false;
    for (let i = 0; i < 3_000 && !isCalm; i++) {
      await sleep(10);
      meter.admits(0);
      isCalm = events.at(-1) === 'load_shedding_over';
    }
    assert.ok(isCalm, 'it recovers');
    assert.equal(events[0], 'load_shedding');
  } finally {
    meter.close();
  }
});

test('memory beyond its bound is overload', async () => {
  const meter = new LoadMeter({
    settings: { ...DEFAULT_SETTINGS.load_shedding, delay_ms: 60_000, sustained_ms: 1, memory_bytes: 1 },
    errorLog: { debug() {}, info() {}, warn() {}, error() {} },
    now_ms: () => performance.now(),
  });
  try {
    const course: boolean[] = [];
    for (let i = 0; i < 2_000 && course.at(-1) !== false; i++) {
      course.push(meter.admits(0));
      await sleep(5);
    }
    assert.equal(course.at(-1), false);
  } finally {
    meter.close();
  }
});
