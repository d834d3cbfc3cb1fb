import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { DOWN, HealthBoard, type HealthSlot, LOST, UP } from './health-board.ts';
import { type HealthLimits, HTTP_FAILURE, SUCCESS, TCP_FAILURE, TIMEOUT_FAILURE } from './health-state.ts';

const LIMITS: HealthLimits = [2, 2, 5, 3];

function boardOf(slots: number): { readonly buffer: SharedArrayBuffer; readonly board: HealthBoard } {
  const buffer = new SharedArrayBuffer(HealthBoard.bytes({ slots }));
  return { buffer, board: new HealthBoard(buffer) };
}

function claim(board: HealthBoard, key: string): HealthSlot {
  const slot = board.claim(key);
  assert.ok(slot !== null);
  return slot;
}

test('a node is found by its key, on every board over the same memory, and the same slot is given once', () => {
  const { buffer, board } = boardOf(64);
  const other = new HealthBoard(buffer);
  assert.equal(other.find('a'), null);
  const before = other.epoch;
  const slot = claim(board, 'a');
  assert.notEqual(other.epoch, before);
  assert.deepEqual(claim(board, 'a'), slot);
  assert.deepEqual(other.find('a'), slot);
  assert.equal(other.find('b'), null);
  assert.equal(other.look(slot), UP);
});

test('what one board is told, another one sees: down after its limit, up again, each turn once', () => {
  const { buffer, board } = boardOf(64);
  const other = new HealthBoard(buffer);
  const slot = claim(board, 'a');
  const beside = claim(board, 'b');
  other.report(slot, TCP_FAILURE, LIMITS);
  assert.equal(board.look(slot), UP);
  assert.equal(board.read(slot)?.status, 'mostly_healthy');
  assert.equal(board.changes, 0);
  board.report(slot, TCP_FAILURE, LIMITS);
  assert.equal(other.look(slot), DOWN);
  assert.equal(other.changes, 1);
  for (let i = 0; i < 5; i++) board.report(slot, TIMEOUT_FAILURE, LIMITS);
  assert.deepEqual(other.read(slot), {
    status: 'unhealthy',
    isDown: true,
    share: 0,
    counters: { success: 0, tcp_failure: 2, http_failure: 0, timeout_failure: 0 },
  });
  board.report(slot, SUCCESS, LIMITS);
  board.report(slot, SUCCESS, LIMITS);
  assert.equal(other.look(slot), UP);
  assert.equal(other.changes, 2);
  assert.equal(other.look(beside), UP);
  assert.equal(other.read(beside)?.status, 'healthy');
});

test('a slot that was given back is lost to its holder, whoever has it now', () => {
  const { board } = boardOf(16);
  const old = claim(board, 'a');
  board.report(old, TCP_FAILURE, LIMITS);
  board.report(old, TCP_FAILURE, LIMITS);
  board.free(old);
  assert.equal(board.find('a'), null);
  assert.equal(board.look(old), LOST);
  assert.equal(board.read(old), null);
  const again = claim(board, 'a');
  assert.equal(again.index, old.index);
  assert.equal(board.look(again), UP, 'it begins anew');
  for (let i = 0; i < 9; i++) board.report(old, TCP_FAILURE, LIMITS);
  board.setShare(old, 7);
  board.free(old);
  assert.deepEqual(board.find('a'), again);
  assert.equal(board.read(again)?.status, 'healthy');
});

test('a full board gives no slot, and gives one again when one is given back', () => {
  const { board } = boardOf(16);
  const slots = Array.from({ length: 14 }, (_, i) => claim(board, `node ${i}`));
  assert.equal(board.claim('one too many'), null);
  assert.equal(board.find('one too many'), null);
  assert.deepEqual(board.claim('node 3'), slots[3], 'those that are there keep theirs');
  board.free(slots[3]!);
  assert.ok(board.claim('one too many') !== null);
});

test('a node that comes back begins with a share where shares are wanted, and the share stays when it is told more', () => {
  const { buffer, board } = boardOf(16);
  const slot = claim(board, 'a');
  board.setShare(slot, 0);
  new HealthBoard(buffer).ramps = true;
  for (const event of [TCP_FAILURE, TCP_FAILURE, SUCCESS, SUCCESS] as const) board.report(slot, event, LIMITS);
  assert.equal(board.look(slot), 1);
  board.setShare(slot, 100);
  board.report(slot, HTTP_FAILURE, LIMITS);
  assert.equal(board.look(slot), 100);
  for (let i = 0; i < 5; i++) board.report(slot, HTTP_FAILURE, LIMITS);
  assert.equal(board.look(slot), DOWN);
  board.setShare(slot, 100);
  assert.equal(board.look(slot), DOWN, 'what is down has no share');
});

test('nodes that come and go at random are found exactly while they are there', () => {
  const seed = Date.now() % 1_000_000;
  let state = seed;
  const random = (below: number): number =>
    ((state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) >>> 8) % below;
  const { buffer, board } = boardOf(64);
  const reader = new HealthBoard(buffer);
  const model = new Map<string, HealthSlot>();
  for (let step = 0; step < 5_000; step++) {
    const key = `node ${random(90)}`;
    const known = model.get(key);
    if (random(2) === 0) {
      const slot = board.claim(key);
      if (known !== undefined) assert.deepEqual(slot, known, `seed ${seed}, step ${step}`);
      else if (model.size < 56) assert.ok(slot !== null, `seed ${seed}, step ${step}`);
      else assert.equal(slot, null);
      if (slot !== null) model.set(key, slot);
    } else if (known !== undefined) {
      board.free(known);
      model.delete(key);
    }
    if (step % 10 === 0) {
      for (let i = 0; i < 90; i++) {
        assert.deepEqual(reader.find(`node ${i}`), model.get(`node ${i}`) ?? null, `seed ${seed}, step ${step}`);
      }
    }
  }
  assert.equal(new Set(Array.from(model.values(), ({ index }) => index)).size, model.size);
});

test('threads that report at the same time lose no failure: it takes all of them to bring a node down', async () => {
  const { buffer, board } = boardOf(16);
  const slot = claim(board, 'a');
  const limits: HealthLimits = [1, 200, 0, 0];
  const url = new URL('./health-board.ts', import.meta.url).href;
  const source = `
    const { workerData } = require('node:worker_threads');
    import(workerData.url).then(({ HealthBoard }) => {
      const board = new HealthBoard(workerData.buffer);
      const slot = board.find('a');
      for (let i = 0; i < 50; i++) board.report(slot, 1, workerData.limits);
    });`;
  const threads = Array.from(
    { length: 4 },
    () => new Worker(source, { eval: true, workerData: { buffer, limits, url } }),
  );
  await Promise.all(threads.map((thread) => once(thread, 'exit')));
  assert.equal(board.read(slot)?.counters.tcp_failure, 200);
  assert.equal(board.look(slot), DOWN);
  assert.equal(board.changes, 1);
});
