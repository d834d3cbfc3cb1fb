import assert from 'node:assert/strict';
import { readlinkSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { Board } from './board.ts';
import { Standstill, threadTimes, type ThreadTimes } from './standstill.ts';

const LOOK_MS = 500;
const STALL_MS = 5_000;

/** What became of the time before a look. */
interface Step {
  readonly beats?: number;
  readonly ran_ms?: number;
  /** Ready to run, without a core; told once that is over. */
  readonly starved_ms?: number;
  readonly isReady?: boolean;
  /** How much later than half a second the look comes. */
  readonly late_ms?: number;
}

/** A thread, looked at every half second. @returns when it is found hanging in so many looks, null if never */
function found_ms(looks: number, step: (look: number) => Step, isKnown = true): number | null {
  let now_ms = 0;
  let beats = 0;
  let times: ThreadTimes = { ran_ms: 0, waited_ms: 0, isReady: true };
  const standstill = new Standstill(now_ms, { stall_ms: STALL_MS, times: () => (isKnown ? times : null) });
  for (let look = 1; look <= looks; look++) {
    const { beats: more = 0, ran_ms = 0, starved_ms = 0, isReady = true, late_ms = 0 } = step(look);
    now_ms += LOOK_MS + late_ms;
    beats += more;
    times = { ran_ms: times.ran_ms + ran_ms, waited_ms: times.waited_ms + starved_ms, isReady };
    if (standstill.look(now_ms, beats) > 0) return now_ms;
  }
  return null;
}

const isSoon = (at_ms: number | null, expected_ms: number): void =>
  assert.ok(at_ms !== null && at_ms >= expected_ms && at_ms <= expected_ms + 3 * LOOK_MS, String(at_ms));

test('a thread whose loop goes round never hangs, however rarely', () => {
  assert.equal(
    found_ms(1_000, (look) => ({ ran_ms: LOOK_MS, beats: look % 9 === 0 ? 1 : 0 })),
    null,
  );
});

test('an endless loop is found as soon as it has had the time for it, whether it gets all of a core or half', () => {
  isSoon(
    found_ms(100, () => ({ ran_ms: LOOK_MS })),
    STALL_MS,
  );
  isSoon(
    found_ms(100, () => ({ ran_ms: LOOK_MS / 2, starved_ms: LOOK_MS / 2 })),
    2 * STALL_MS,
  );
});

test('a thread that waits for something that never comes is found as soon', () => {
  isSoon(
    found_ms(100, () => ({ isReady: false })),
    STALL_MS,
  );
});

test('a thread that gets no core is not taken for one that hangs', () => {
  // Nothing is told of the wait before it is over.
  assert.equal(
    found_ms(1_000, () => ({})),
    null,
  );
  assert.equal(
    found_ms(1_000, (look) => (look % 7 === 0 ? { ran_ms: 4, starved_ms: 7 * LOOK_MS - 4, isReady: false } : {})),
    null,
  );
  // Nor where the look itself is as late as the thread.
  assert.equal(
    found_ms(1_000, () => ({ ran_ms: 1, starved_ms: LOOK_MS + 5_000, late_ms: 5_000, isReady: false })),
    null,
  );
});

test('a machine that slept finds no thread hanging', () => {
  const slept = (look: number): Step =>
    look === 3 ? { late_ms: 3_600_000, isReady: false } : { isReady: false, beats: look > 3 ? 1 : 0 };
  assert.equal(found_ms(20, slept), null);
});

test('where the system does not tell who waits, a late look counts for nothing', () => {
  assert.equal(
    found_ms(1_000, () => ({ late_ms: 2_000 }), false),
    null,
  );
  isSoon(
    found_ms(100, () => ({}), false),
    STALL_MS,
  );
});

test('what stood still before a beat does not count after it', () => {
  assert.equal(
    found_ms(80, (look) => ({ ran_ms: LOOK_MS, beats: look % 8 === 0 ? 1 : 0 })),
    null,
  );
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
    const before = threadTimes(systemId) ?? assert.fail('nothing is known of the thread');
    const deadline_ms = performance.now() + 30_000;
    const hasWaited = ({ ran_ms, waited_ms, isReady } = threadTimes(systemId) ?? before): boolean =>
      isReady && waited_ms > before.waited_ms + 20 && ran_ms > before.ran_ms + 20;
    while (!hasWaited()) {
      if (performance.now() > deadline_ms) assert.fail('it never waited');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  } finally {
    await Promise.all(crowd.map((one) => one.terminate()));
  }
  const own = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
  assert.equal(threadTimes(own)?.isReady, true);
  assert.equal(threadTimes(0), null);
  assert.equal(threadTimes(999_999_999), null);
});
