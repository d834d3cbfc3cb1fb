import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { Board } from './board.ts';
import { Standstill, waitedForCore_ms } from './standstill.ts';

const LOOK_MS = 500;
const STALL_MS = 5_000;

/** A thread, looked at every half second. `step` says what became of that time: beats, and how long no core was free for it. */
function watched(step: (look: number) => { beats?: number; starved_ms?: number | null; late_ms?: number }) {
  let now_ms = 0;
  let waited_ms: number | null = 0;
  let beats = 0;
  const standstill = new Standstill(now_ms, { stall_ms: STALL_MS, waited_ms: () => waited_ms });
  /** Resolves with when it was found hanging, null if never. */
  return (looks: number): number | null => {
    for (let look = 1; look <= looks; look++) {
      const { beats: more = 0, starved_ms = 0, late_ms = 0 } = step(look);
      now_ms += LOOK_MS + late_ms;
      beats += more;
      waited_ms = starved_ms === null ? null : (waited_ms ?? 0) + starved_ms;
      if (standstill.look(now_ms, beats) > 0) return now_ms;
    }
    return null;
  };
}

test('a thread whose loop goes round never hangs, however rarely', () => {
  const run = watched((look) => ({ beats: look % 9 === 0 ? 1 : 0 }));
  assert.equal(run(1_000), null);
});

test('an endless loop is found as soon as it has had the time for it', () => {
  const found_ms = watched(() => ({}))(100);
  assert.ok(found_ms !== null && found_ms >= STALL_MS && found_ms <= STALL_MS + 2 * LOOK_MS, String(found_ms));
});

test('a thread that gets no core is not taken for one that hangs', () => {
  assert.equal(watched(() => ({ starved_ms: LOOK_MS }))(10_000), null);
  // Nor where the look itself is as late as the thread.
  assert.equal(watched(() => ({ starved_ms: LOOK_MS + 5_000, late_ms: 5_000 }))(1_000), null);
});

test('an endless loop that gets half of a core is found after twice the time', () => {
  const found_ms = watched(() => ({ starved_ms: LOOK_MS / 2 }))(100);
  assert.ok(found_ms !== null && found_ms >= 2 * STALL_MS && found_ms <= 2 * STALL_MS + 4 * LOOK_MS, String(found_ms));
});

test('a machine that slept finds no thread hanging', () => {
  const run = watched((look) => (look === 3 ? { late_ms: 3_600_000 } : { beats: look > 3 ? 1 : 0 }));
  assert.equal(run(20), null);
});

test('where the system does not tell who waits, a late look counts for nothing', () => {
  const late = watched(() => ({ starved_ms: null, late_ms: 2_000 }));
  assert.equal(late(1_000), null);
  const found_ms = watched(() => ({ starved_ms: null }))(100);
  assert.ok(found_ms !== null && found_ms <= STALL_MS + 2 * LOOK_MS, String(found_ms));
});

test('what stood still before a beat does not count after it', () => {
  const run = watched((look) => ({ beats: look % 8 === 0 ? 1 : 0 }));
  assert.equal(run(80), null);
});

test('the system tells how long each thread waited for a core', async () => {
  const cores = availableParallelism();
  const memory = new SharedArrayBuffer(Board.bytes(1));
  const script = `
    const { parentPort, workerData } = require('node:worker_threads');
    import(workerData.board).then(({ Board }) => {
      new Board(workerData.memory).place(0).arrive();
      parentPort.postMessage('');
      for (;;);
    });`;
  const board = new URL('board.ts', import.meta.url).href;
  // More threads that never rest than there are cores, for one of them has to wait.
  const crowd = Array.from(
    { length: 2 * cores + 1 },
    () => new Worker(script, { eval: true, workerData: { board, memory } }),
  );
  try {
    await Promise.all(crowd.map((one) => new Promise((resolve) => one.once('message', resolve))));
    const { systemId } = new Board(memory).place(0);
    assert.ok(systemId > 0 && systemId !== process.pid, String(systemId));
    const before_ms = waitedForCore_ms(systemId) ?? assert.fail('nothing is known of the thread');
    const deadline_ms = performance.now() + 30_000;
    while ((waitedForCore_ms(systemId) ?? 0) < before_ms + 20) {
      if (performance.now() > deadline_ms) assert.fail('it never waited');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  } finally {
    await Promise.all(crowd.map((one) => one.terminate()));
  }
  assert.equal(waitedForCore_ms(0), null);
  assert.equal(waitedForCore_ms(999_999_999), null);
});
