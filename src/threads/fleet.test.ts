import assert from 'node:assert/strict';
import { mock, test, type TestContext } from 'node:test';
import type { ErrorLog } from '../observe/error-log.ts';
import { Board } from './board.ts';
import { Fleet, type Thread, type WorkerStart } from './fleet.ts';
import type { FromWorker, ToWorker } from './messages.ts';

const STALL_MS = 1_000;
const LOOK_MS = 500;

/** A worker that does what a test says. */
class FakeWorker implements Thread<FromWorker, ToWorker> {
  readonly start: WorkerStart;
  readonly told: string[] = [];
  isTerminated = false;
  private onMessage: (message: FromWorker) => void = () => undefined;
  private exit: (error: Error | null) => void = () => undefined;

  constructor(start: WorkerStart) {
    this.start = start;
  }

  post({ type }: ToWorker): void {
    this.told.push(type);
  }

  receive(onMessage: (message: FromWorker) => void): void {
    this.onMessage = onMessage;
  }

  onExit(callback: (error: Error | null) => void): void {
    this.exit = callback;
  }

  terminate(): void {
    this.isTerminated = true;
    this.exit(null);
  }

  die(): void {
    this.exit(new Error('a crash'));
  }

  faults(): void {
    this.onMessage({ type: 'faulted', cause: 'fault' });
  }

  listens(): void {
    this.onMessage({ type: 'listening', ports: [], isSlowPath: false, plugins: [] });
  }
}

async function started(t: TestContext) {
  mock.timers.enable({ apis: ['setInterval', 'setTimeout'] });
  const board = new Board(new SharedArrayBuffer(Board.bytes(8)));
  const workers: FakeWorker[] = [];
  const stalled: number[] = [];
  let now_ms = 0;
  const fleet = new Fleet({
    workers: 1,
    board,
    errorLog: { info: () => undefined, warn: () => undefined, error: () => undefined } as unknown as ErrorLog,
    listeners: [],
    reusePort: true,
    drainTimeout_ms: 60_000,
    now_ms: () => now_ms,
    spawn: (start) => {
      const worker = new FakeWorker(start);
      workers.push(worker);
      return worker;
    },
    deaths: { add: () => undefined, series: () => ({ add: () => undefined }) },
    onStalled: (thread) => void stalled.push(thread),
    onMetrics: () => undefined,
    onGone: () => undefined,
    onDeadlyPlugin: () => undefined,
    stall_ms: STALL_MS,
    onResolve: () => undefined,
    onLog: () => undefined,
  });
  t.after(() => {
    fleet.abort();
    mock.timers.reset();
  });
  const starting = fleet.start();
  workers[0]?.listens();
  await starting;
  const pass = (looks: number, beating: readonly FakeWorker[] = []): void => {
    for (let look = 0; look < looks; look++) {
      for (const { start } of beating) board.place(start.place).beat();
      now_ms += LOOK_MS;
      mock.timers.tick(LOOK_MS);
    }
  };
  const worker = (index: number): FakeWorker => workers[index] ?? assert.fail(`there is no worker ${index}`);
  return { pass, worker, workers, stalled, board };
}

const HUNG = STALL_MS / LOOK_MS + 2;

test('a worker that hangs is ended when its successor listens, not before', async (t) => {
  const { pass, worker, workers, stalled } = await started(t);
  pass(20, [worker(0)]);
  assert.equal(workers.length, 1);
  pass(HUNG);
  assert.deepEqual([workers.length, stalled], [2, [worker(0).start.thread]]);
  pass(4);
  assert.equal(worker(0).isTerminated, false);
  worker(1).listens();
  assert.equal(worker(0).isTerminated, true);
  pass(4, [worker(1)]);
  assert.equal(workers.length, 2);
});

test('a worker that goes on before its successor listens is not ended: it drains', async (t) => {
  const { pass, worker, workers } = await started(t);
  pass(1, [worker(0)]);
  pass(HUNG);
  // Longer than one that hangs is kept: it serves, and nobody else does yet.
  pass(40, [worker(0)]);
  assert.deepEqual([worker(0).isTerminated, worker(0).told], [false, []]);
  worker(1).listens();
  assert.deepEqual([worker(0).isTerminated, worker(0).told], [false, ['drain']]);
  assert.equal(workers.length, 2);
});

test('a worker that hangs is ended after a while although no successor listens', async (t) => {
  const { pass, worker } = await started(t);
  pass(1, [worker(0)]);
  pass(HUNG + 18);
  assert.equal(worker(0).isTerminated, false);
  pass(4);
  assert.equal(worker(0).isTerminated, true);
});

test('a successor that dies before it listens has a successor, and the worker that waits for one goes on waiting', async (t) => {
  const { pass, worker, workers } = await started(t);
  pass(1, [worker(0)]);
  pass(HUNG);
  worker(1).die();
  pass(2, [worker(0)]);
  assert.equal(workers.length, 3);
  assert.deepEqual(worker(0).told, []);
  worker(2).listens();
  assert.deepEqual([worker(0).isTerminated, worker(0).told], [false, ['drain']]);
});

test('a successor that faults before it listens passes on whom it was to relieve, alive or dead', async (t) => {
  for (const isDead of [false, true]) {
    await t.test(isDead ? 'dead' : 'alive', async (t) => {
      const { pass, worker, workers } = await started(t);
      worker(0).faults();
      pass(1, [worker(0)]);
      worker(1).faults();
      if (isDead) worker(1).die();
      pass(2, [worker(0)]);
      assert.equal(workers.length, 3);
      assert.deepEqual(worker(0).told, []);
      worker(2).listens();
      assert.deepEqual(worker(0).told, ['drain']);
      assert.deepEqual(worker(1).told, isDead ? [] : ['drain']);
    });
  }
});

test('the connections of a worker that died count no more', async (t) => {
  const { worker, board } = await started(t);
  const { place } = worker(0).start;
  assert.equal(board.admits(place, 4, 5), true);
  assert.equal(board.admits(place + 1, 0, 5), false);
  worker(0).die();
  assert.equal(board.admits(place + 1, 0, 5), true);
});
