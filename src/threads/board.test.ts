import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Board } from './board.ts';

test('workers together never have more connections than are admitted, and use what others gave up by their next beat', () => {
  const WORKERS = 3;
  const MOST = 10;
  const board = new Board(new SharedArrayBuffer(Board.bytes(WORKERS)));
  const own = [0, 0, 0];
  const admit = (worker: number): boolean => {
    const isAdmitted = board.admits(worker, own[worker] ?? 0, MOST);
    if (isAdmitted) own[worker] = (own[worker] ?? 0) + 1;
    return isAdmitted;
  };
  const admitted = Array.from({ length: 30 }, (_, i) => admit(i % WORKERS)).filter(Boolean);
  assert.deepEqual([admitted.length, own], [MOST, [4, 3, 3]]);
  own[0] = 0;
  assert.equal(admit(1), false);
  assert.equal(admit(0), true);
  board.place(0).beat(1);
  assert.deepEqual([admit(1), admit(1), admit(2), admit(2)], [true, true, true, false]);
});

test('a gateway is served while any worker accepts connections, and a place that is cleared says nothing of who had it', () => {
  const board = new Board(new SharedArrayBuffer(Board.bytes(2)));
  const [one, other] = [board.place(0), board.place(1)];
  board.control.noteRevision(7);
  assert.equal(board.isServed, false);
  one.serves(true);
  other.serves(true);
  one.clear();
  assert.equal(board.isServed, true);
  other.serves(false);
  assert.equal(board.isServed, false);
  board.control.clear();
  assert.equal(board.control.revision, 7);
});
