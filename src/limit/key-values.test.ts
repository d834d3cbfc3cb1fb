import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { test } from 'node:test';
import { seededRandom } from '../../test/fuzz/random.ts';
import { KeyValueTable, OverlayValues, SpaceValues } from './key-values.ts';

const digest = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer');
const SEED = Math.floor(performance.timeOrigin) % 1_000_000;

function tableWith(max_bytes = 1_000_000) {
  const clock = { now_ms: 0 };
  const memory = KeyValueTable.allocate({ max_bytes }, new Uint8Array(8).fill(SEED));
  const use = { now_ms: () => clock.now_ms, digest };
  const table = new KeyValueTable(memory, use);
  return { clock, memory, use, table, values: new SpaceValues(table, 's') };
}

test('a value lives until its time is up, was deleted or replaced', () => {
  const { clock, table, values } = tableWith();
  values.set('short', '1', 100);
  values.set('long', '2', 0);
  clock.now_ms = 99.9;
  assert.equal(values.get('short'), '1');
  assert.equal(table.size, 2);
  clock.now_ms = 100;
  assert.equal(values.peek('short'), undefined);
  assert.equal(values.get('short'), undefined);
  assert.equal(table.size, 1);
  clock.now_ms = 1e13;
  assert.equal(values.get('long'), '2');
  values.set('long', '3', 5);
  assert.equal(values.get('long'), '3');
  values.delete('long');
  values.delete('long');
  assert.equal(values.get('long'), undefined);
  assert.equal(table.bytes, 0);
});

test('spaces of equal names are one, others know nothing of each other', () => {
  const { table, values } = tableWith();
  values.set('k', 'v', 0);
  assert.equal(new SpaceValues(table, 's').get('k'), 'v');
  assert.equal(new SpaceValues(table, 't').get('k'), undefined);
});

test('another user of the same memory sees the same values', () => {
  const { memory, use, values } = tableWith();
  const twin = new SpaceValues(new KeyValueTable(memory, { ...use, generation: 2 }), 's');
  values.set('k', 'v', 0);
  assert.equal(twin.get('k'), 'v');
  twin.delete('k');
  assert.equal(values.get('k'), undefined);
});

test('keys and values may hold anything', () => {
  const { values } = tableWith();
  const texts = ['', 'a', '\0', '\u00ff', '\u20ac', '\ud800', '\udfff x', 'x'.repeat(41), `${'x'.repeat(40)}\n`];
  for (const key of texts) for (const value of texts) values.set(key + value, `${value} of ${key}`, 0);
  for (const key of texts) for (const value of texts) assert.ok(values.get(key + value) !== undefined);
  for (const text of texts) {
    values.set('k', text, 0);
    assert.equal(values.get('k'), text);
  }
});

test('a life span that is no time is refused', () => {
  const { values } = tableWith();
  for (const ttl_ms of [-1, NaN]) assert.throws(() => values.set('k', 'v', ttl_ms), RangeError);
});

test('a value too large to keep takes the place of none, and the old one is gone', () => {
  const { table, values } = tableWith();
  values.set('k', 'v', 0);
  values.set('other', 'v', 0);
  values.set('k', 'x'.repeat(table.maxValue_bytes / 2 + 1), 0);
  assert.equal(values.get('k'), undefined);
  assert.equal(values.get('other'), 'v');
  values.set('k', 'x'.repeat(table.maxValue_bytes / 2), 0);
  assert.equal(values.get('k')?.length, table.maxValue_bytes / 2);
});

test('random values for ever: never a wrong one, memory bounded, and what was set last is there', () => {
  const random = seededRandom(SEED);
  const { clock, table, values } = tableWith(64 * 1024);
  const model = new Map<string, { value: string; expires_ms: number }>();
  let found = 0;
  let missed = 0;
  for (let step = 0; step < 60_000; step++) {
    const where = `seed ${SEED}, step ${step}`;
    clock.now_ms += random() < 0.3 ? 1 : 0;
    const key = `k${Math.floor(random() * random() * 600)}`;
    const action = random();
    if (action < 0.45) {
      const known = model.get(key);
      const value = values.get(key);
      const isLive = known !== undefined && known.expires_ms > clock.now_ms;
      if (value !== undefined) assert.equal(value, isLive ? known.value : undefined, where);
      if (isLive && value === undefined) missed++;
      else if (isLive) found++;
    } else if (action < 0.95) {
      const value = (random() < 0.2 ? '\u20ac' : 'v').repeat(Math.floor(random() * 120)) + step;
      const ttl_ms = random() < 0.3 ? 1 + Math.floor(random() * 5000) : 0;
      values.set(key, value, ttl_ms);
      model.set(key, { value, expires_ms: ttl_ms === 0 ? Infinity : clock.now_ms + ttl_ms });
      assert.equal(values.peek(key), value, where);
    } else {
      values.delete(key);
      model.delete(key);
      assert.equal(values.peek(key), undefined, where);
    }
    assert.ok(table.bytes <= 64 * 1024 + 1024 && table.bytes >= 0, where);
  }
  assert.ok(found > 3000 && missed > 1000, `${found} found, ${missed} evicted`);
  for (const key of model.keys()) values.delete(key);
  assert.deepEqual([table.size, table.bytes], [0, 0]);
});

test('what is asked for all the time stays while others come and go', () => {
  const { values } = tableWith(64 * 1024);
  values.set('wanted', 'v', 0);
  for (let key = 0; key < 10_000; key++) {
    values.set(`other ${key}`, 'v', 0);
    if (key % 5 === 0) assert.equal(values.get('wanted'), 'v', `after ${key}`);
  }
});

test('a segment in which a thread died is emptied, and usable again', () => {
  const { memory, use, values } = tableWith();
  for (let key = 0; key < 100; key++) values.set(`k${key}`, 'v', 0);
  // The lock word of the first segment holds the generation of a thread that is gone.
  const dead = new KeyValueTable(memory, { ...use, generation: 7 });
  const words = new Int32Array(memory);
  words[16] = 7;
  dead.releaseLocksOf(8);
  assert.equal(words[16], 7);
  dead.releaseLocksOf(7);
  assert.equal(words[16], 0);
  const left = Array.from({ length: 100 }, (_, key) => values.get(`k${key}`)).filter((value) => value === 'v').length;
  assert.ok(left > 70 && left < 100, `${left} of 100 values left`);
  for (let key = 0; key < 100; key++) values.set(`k${key}`, 'w', 0);
  for (let key = 0; key < 100; key++) assert.equal(values.get(`k${key}`), 'w');
});

test('an overlay reads its base and leaves it as it is', () => {
  const { table, values: base } = tableWith();
  const overlay = new OverlayValues(base, new SpaceValues(tableWith().table, 's'));
  base.set('a', '1', 100);
  base.set('b', '2', 0);
  assert.equal(overlay.get('a'), '1');
  overlay.set('a', '-', 50);
  overlay.delete('b');
  overlay.set('c', '', 0);
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map((key) => overlay.get(key)),
    ['-', undefined, '', undefined],
  );
  assert.deepEqual(
    ['a', 'b', 'c'].map((key) => base.peek(key)),
    ['1', '2', undefined],
  );
  assert.equal(table.size, 2);
});
