import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { RecordKey } from './record-key.ts';
import { NO_ROOM, SharedRecords } from './shared-records.ts';
import { EXPIRES } from './slot-memory.ts';

const SIZES = { records: 100, numbers: 2 };

/** A thread that stops where no thread stops unless it is killed: with the lock of a record, or of a stripe, in hand. */
class Stopping extends SharedRecords {
  stopInRecord(): void {
    this.update(add, 1, 0);
    assert.ok(this.lock(this.slot, Atomics.load(this.words, this.wordOf(this.slot))));
    // Half of a change, in the bank that is not in use.
    const bank = this.bankOf(this.slot, Atomics.load(this.words, this.wordOf(this.slot)) + 1024);
    this.doubles[bank + 1] = 99;
  }

  stopInStripes(): void {
    for (let stripe = 0; stripe < 256; stripe++) this.words[this.stripesAt + stripe] = this.generation;
  }
}

const add = (numbers: Float64Array, amount: number): number => {
  numbers[EXPIRES] = 1e9;
  return (numbers[1] = numbers[1]! + amount);
};

function memory() {
  const shared = new SharedArrayBuffer(SharedRecords.bytes(SIZES));
  SharedRecords.prepare(shared, 0, SIZES, new Uint8Array(8).fill(5));
  const use = (generation: number) => {
    const digest = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer');
    const key = new RecordKey(digest, ...SharedRecords.secret(shared, 0));
    const space = key.spaceOf('s');
    return { key, generation, select: (text: string) => key.set(space, text) };
  };
  return { shared, use };
}

/** Clears the locks of a generation from another thread, a moment from now. */
function clearLater(shared: SharedArrayBuffer, generation: number): Worker {
  const code = `
    import { workerData } from 'node:worker_threads';
    const { SharedRecords } = await import(workerData.module);
    const { RecordKey } = await import(workerData.keys);
    const key = new RecordKey((bytes) => bytes, ...SharedRecords.secret(workerData.shared, 0));
    const records = new SharedRecords(workerData.shared, 0, { key, generation: 1000 });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    records.releaseLocksOf(workerData.generation);`;
  const module = new URL('shared-records.ts', import.meta.url).href;
  const keys = new URL('record-key.ts', import.meta.url).href;
  const source = new URL(`data:text/javascript,${encodeURIComponent(code)}`);
  return new Worker(source, { workerData: { shared, generation, module, keys } });
}

test('who meets the lock of a dead thread waits until it is cleared, and finds what was there before', (t) => {
  const { shared, use } = memory();
  const dying = use(7);
  const stopping = new Stopping(shared, 0, dying);
  dying.select('k');
  stopping.stopInRecord();
  const mine = use(2);
  const records = new SharedRecords(shared, 0, mine);
  t.after(() => helper.terminate());
  const helper = clearLater(shared, 7);
  mine.select('k');
  // Blocks this very thread until then.
  assert.equal(records.update(add, 1, 0), 2);
});

test('so it is with the locks that inserting takes', (t) => {
  const { shared, use } = memory();
  const dying = use(7);
  new Stopping(shared, 0, dying).stopInStripes();
  const mine = use(2);
  const records = new SharedRecords(shared, 0, mine);
  t.after(() => helper.terminate());
  const helper = clearLater(shared, 7);
  mine.select('k');
  assert.equal(records.update(add, 1, 0), 1);
});

test('clearing the locks of one generation leaves those of others', () => {
  const { shared, use } = memory();
  const dying = use(7);
  const stopping = new Stopping(shared, 0, dying);
  dying.select('k');
  stopping.stopInRecord();
  const words = new Int32Array(shared);
  const before = words.slice();
  for (const generation of [1, 6, 8, 1029]) stopping.releaseLocksOf(generation);
  assert.deepEqual(words, before);
  // Generations are told apart modulo 1023.
  stopping.releaseLocksOf(7 + 1023);
  assert.notDeepEqual(words, before);
});

test('every key has room until the promised number is reached, and finds its own record', () => {
  for (const records of [1, 5, 16, 17, 1000, 20_000]) {
    const sizes = { records, numbers: 2 };
    const shared = new SharedArrayBuffer(SharedRecords.bytes(sizes));
    SharedRecords.prepare(shared, 0, sizes, new Uint8Array(8).fill(Math.floor(performance.timeOrigin) & 255));
    const key = new RecordKey((bytes) => hash('sha256', bytes, 'buffer'), ...SharedRecords.secret(shared, 0));
    const space = key.spaceOf('s');
    const table = new SharedRecords(shared, 0, { key, generation: 1 });
    for (let one = 0; one < records; one++) {
      key.set(space, `key ${one}`);
      assert.notEqual(table.update(add, one + 1, 0), NO_ROOM, `${one} of ${records}`);
    }
    assert.equal(table.used, records);
    for (let one = 0; one < records; one++) {
      key.set(space, `key ${one}`);
      assert.equal(table.read()?.[1], one + 1);
    }
    for (let one = records; one < 2 * records + 2; one++) {
      key.set(space, `key ${one}`);
      const outcome = table.update(add, 1, 0);
      if (records <= 16) assert.equal(outcome, NO_ROOM);
    }
    key.set(space, 'key 0');
    assert.equal(table.read()?.[1], 1, 'a flood takes no record away');
  }
});
