import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { test } from 'node:test';
import { seededRandom } from '../../test/fuzz/random.ts';
import type { Place } from '../sdk/host.ts';
import { CellTable } from './cell-table.ts';
import type { CellSizes } from './cell-table.ts';

const digest = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer');
const SEED = Math.floor(performance.timeOrigin) % 1_000_000;

function tableWith(sizes: CellSizes = {}) {
  const clock = { now_ms: 1000 };
  const all = { maxRecords: 1000, maxOverflow: 64, threads: 4, placesPerThread: 100, ...sizes };
  const memory = CellTable.allocate(all, new Uint8Array(8).fill(SEED));
  const use = { now_ms: () => clock.now_ms, digest };
  return { clock, memory, use, table: new CellTable(memory, use) };
}

const add = (numbers: Float64Array, amount: number): number => (numbers[0] = numbers[0]! + amount);

test('a record begins with zeros, keeps its numbers, and is forgotten keep_ms after its last update', () => {
  const { clock, table } = tableWith();
  const records = table.records('s', { numbers: 2, keep_ms: 100 });
  assert.equal(records.read('k'), null);
  assert.equal(records.update('k', add, 1.5), 1.5);
  clock.now_ms += 99;
  assert.equal(records.update('k', add, 1), 2.5);
  assert.deepEqual(records.read('k'), [2.5, 0]);
  clock.now_ms += 100;
  assert.equal(records.read('k'), null);
  assert.equal(records.update('k', add, 1), 1);
  assert.equal(table.used, 1);
});

test('a record that is all zero again takes no room', () => {
  const { table } = tableWith({ maxRecords: 1 });
  const records = table.records('s', { numbers: 1, keep_ms: 1e9 });
  for (let key = 0; key < 100; key++) {
    records.update(`k${key}`, add, 1);
    assert.deepEqual(records.read(`k${key}`), [1]);
    records.update(`k${key}`, add, -1);
    assert.equal(records.read(`k${key}`), null);
  }
  assert.equal(table.overflowCalls, 0);
});

test('a change that throws has changed nothing, and one that updates another record is refused', () => {
  const { table } = tableWith();
  const records = table.records('s', { numbers: 1, keep_ms: 1e9 });
  records.update('k', add, 1);
  for (const key of ['k', 'new']) {
    const failing = (numbers: Float64Array): never => {
      numbers[0] = 99;
      throw new Error('no');
    };
    assert.throws(() => records.update(key, failing, null), /^Error: no$/);
    assert.throws(() => records.update(key, () => records.update('other', add, 1), null), /cannot change another/);
  }
  assert.deepEqual(records.read('k'), [1]);
  assert.equal(records.read('new'), null);
  assert.equal(records.update('k', add, 1), 2);
});

test('the clock that changes get is the one of the table', () => {
  const { table } = tableWith();
  const records = table.records('s', { numbers: 1, keep_ms: 1 });
  assert.equal(
    records.update('k', (_numbers, _argument, now_ms) => now_ms, null),
    1000,
  );
});

test('spaces with equal names and shapes are one, all others are apart', () => {
  const { memory, use, table } = tableWith();
  table.records('s', { numbers: 1, keep_ms: 100 }).update('k', add, 1);
  const twin = new CellTable(memory, { ...use, generation: 2 });
  assert.equal(twin.records('s', { numbers: 1, keep_ms: 100 }).update('k', add, 1), 2);
  assert.equal(table.records('t', { numbers: 1, keep_ms: 100 }).update('k', add, 1), 1);
  assert.equal(table.records('s', { numbers: 2, keep_ms: 100 }).update('k', add, 1), 1);
  assert.equal(table.places('s').taken('k'), 0);
});

test('options that make no sense are refused', () => {
  const { table } = tableWith();
  for (const numbers of [0, 8, 1.5]) assert.throws(() => table.records('s', { numbers, keep_ms: 1 }), RangeError);
  for (const keep_ms of [0, -1, NaN]) assert.throws(() => table.records('s', { numbers: 1, keep_ms }), RangeError);
});

test('random updates of random keys give what a Map gives', () => {
  const random = seededRandom(SEED);
  const { clock, table } = tableWith();
  const spaces = ['a', 'b'].map((name) => table.records(name, { numbers: 3, keep_ms: 50 }));
  const model = new Map<string, { numbers: number[]; until_ms: number }>();
  for (let step = 0; step < 50_000; step++) {
    clock.now_ms += random() < 0.2 ? Math.floor(random() * 20) : 0;
    const space = Math.floor(random() * 2);
    const key = `key ${Math.floor(random() * 60)}${random() < 0.1 ? ' that is longer than forty characters are' : ''}`;
    const known = model.get(`${space} ${key}`);
    const numbers = known !== undefined && known.until_ms > clock.now_ms ? known.numbers : [0, 0, 0];
    const at = Math.floor(random() * 3);
    const to = Math.floor(random() * 3);
    const seen = spaces[space]!.update(
      key,
      (now, [index, value]) => {
        const before = [...now];
        now[index] = value;
        return before;
      },
      [at, to] as const,
    );
    assert.deepEqual(seen, numbers, `seed ${SEED}, step ${step}`);
    numbers[at] = to;
    model.set(`${space} ${key}`, { numbers, until_ms: clock.now_ms + 50 });
    const isZero = numbers.every((number) => number === 0);
    assert.deepEqual(spaces[space]!.read(key), isZero ? null : numbers);
  }
  assert.equal(table.overflowCalls, 0);
});

test('places: as many as there are, each left once however often it is said', () => {
  const { table } = tableWith();
  const places = table.places('s');
  const [first, second] = [places.enter('k', 2), places.enter('k', 2)];
  assert.deepEqual([first?.taken, second?.taken], [1, 2]);
  assert.equal(places.enter('k', 2), null);
  assert.equal(places.enter('other', 1)?.taken, 1);
  assert.equal(places.enter('k', 3)?.taken, 3);
  first?.leave();
  first?.leave();
  assert.equal(places.taken('k'), 2);
  assert.equal(places.enter('k', 2), null);
  second?.leave();
  assert.equal(places.enter('k', 2)?.taken, 2);
});

test('random places of random keys are counted as in a Map, also in overflow records', () => {
  const random = seededRandom(SEED);
  for (const maxRecords of [1000, 3]) {
    const { table } = tableWith({ maxRecords });
    const places = table.places('s');
    const held: { place: Place; key: string }[] = [];
    for (let step = 0; step < 5000; step++) {
      const key = `k${Math.floor(random() * 20)}`;
      if (random() < 0.5 && held.length < 80) {
        const place = places.enter(key, 1000);
        assert.ok(place !== null);
        held.push({ place, key });
      } else held.splice(Math.floor(random() * held.length), 1)[0]?.place.leave();
      if (maxRecords > 3) assert.equal(places.taken(key), held.filter((one) => one.key === key).length);
    }
    for (const { place } of held) place.leave();
    table.sweep(2000);
    assert.equal(table.used, 0);
    const all = Array.from({ length: 10 }, (_, key) => places.enter(`k${key}`, 10)?.taken);
    assert.deepEqual(all.slice(0, 3), [1, 1, 1]);
    if (maxRecords === 3) assert.deepEqual(all.slice(3), [1, 2, 3, 4, 5, 6, 7], 'those without a record share one');
  }
});

test('a thread holds a bounded number of places, and finds room again when it has left some', () => {
  const { table } = tableWith({ placesPerThread: 3 });
  const places = table.places('s');
  const held = [1, 2, 3].map(() => places.enter('k', 100));
  assert.equal(places.enter('k', 100), null);
  assert.equal(places.taken('k'), 3);
  held[1]?.leave();
  assert.equal(places.enter('k', 100)?.taken, 3);
});

test('the places of a thread that died are free, and only those', () => {
  const { memory, use, table } = tableWith({ maxRecords: 2 });
  const dying = new CellTable(memory, { ...use, generation: 2 }).places('s');
  const places = table.places('s');
  for (const key of ['a', 'b', 'c', 'd', 'a', 'd']) {
    assert.ok(dying.enter(key, 100) !== null);
    assert.ok(places.enter(key, 100) !== null);
  }
  assert.equal(places.taken('a'), 4);
  table.releaseLocksOf(3);
  assert.equal(places.taken('a'), 4);
  table.releaseLocksOf(2);
  assert.equal(places.taken('a'), 2);
  assert.equal(places.taken('b'), 1);
  assert.equal(places.enter('a', 2), null);
  // 'c' and 'd' share an overflow record, in which three are left.
  assert.equal(places.enter('c', 100)?.taken, 4);
});

test('a table on a base starts from its records and places, and never changes them', () => {
  const { use, table: base } = tableWith();
  base.records('s', { numbers: 1, keep_ms: 100 }).update('k', add, 5);
  base.places('s').enter('k', 9);
  const overlay = new CellTable(CellTable.allocate({ maxRecords: 10, threads: 1 }, new Uint8Array(8)), {
    ...use,
    base,
  });
  assert.equal(overlay.records('s', { numbers: 1, keep_ms: 100 }).update('k', add, 1), 6);
  assert.equal(overlay.places('s').enter('k', 9)?.taken, 2);
  assert.deepEqual(base.records('s', { numbers: 1, keep_ms: 100 }).read('k'), [5]);
  assert.equal(base.places('s').taken('k'), 1);
});
