import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../test/fuzz/random.ts';
import { KeyValueOverlay, KeyValueTable } from './key-values.ts';
import type { KeyValueTableOptions } from './key-values.ts';

function tableWith(options: Partial<KeyValueTableOptions> = {}) {
  const clock = { now_ms: 0 };
  return { clock, table: new KeyValueTable({ now_ms: () => clock.now_ms, ...options }) };
}

test('a value lives until its time is up, was deleted or replaced', () => {
  const { clock, table } = tableWith();
  table.set('short', '1', 100);
  table.set('long', '2', 0);
  clock.now_ms = 99.9;
  assert.equal(table.get('short'), '1');
  clock.now_ms = 100;
  assert.equal(table.peek('short'), undefined);
  assert.equal(table.get('short'), undefined);
  assert.equal(table.size, 1);
  clock.now_ms = 1e13;
  assert.equal(table.get('long'), '2');
  table.set('long', '3', 5);
  assert.equal(table.get('long'), '3');
  table.delete('long');
  table.delete('long');
  assert.equal(table.get('long'), undefined);
  assert.equal(table.bytes, 0);
});

test('a life span that is no time is refused', () => {
  const { table } = tableWith();
  for (const ttl_ms of [-1, NaN]) assert.throws(() => table.set('k', 'v', ttl_ms), RangeError);
});

test('a value too large to keep takes the place of none, and the old one is gone', () => {
  const { table } = tableWith({ maxValue_bytes: 100 });
  table.set('k', 'v', 0);
  table.set('other', 'v', 0);
  table.set('k', 'x'.repeat(51), 0);
  table.set('k'.repeat(51), 'v', 0);
  assert.equal(table.get('k'), undefined);
  assert.equal(table.size, 1);
});

test('values whose time is up go before they are asked for', () => {
  const { clock, table } = tableWith();
  for (let key = 0; key < 1000; key++) table.set(`short ${key}`, '', 10);
  clock.now_ms = 10;
  for (let key = 0; key < 1010; key++) table.set('one', '', 0);
  assert.equal(table.size, 1);
});

test('random values for ever: what was used longest ago goes first', () => {
  const seed = Math.floor(performance.timeOrigin) % 1_000_000;
  const random = seededRandom(seed);
  const { table } = tableWith({ maxEntries: 8, max_bytes: 8 * 260 });
  let model: [key: string, value: string][] = [];
  const bytes = (): number => model.reduce((sum, [key, value]) => sum + 200 + 2 * (key.length + value.length), 0);
  for (let step = 0; step < 20_000; step++) {
    const key = `k${Math.floor(random() * 14)}`;
    const known = model.find(([name]) => name === key);
    const others = model.filter(([name]) => name !== key);
    const action = random();
    if (action < 0.5) {
      assert.equal(table.get(key), known?.[1], `seed ${seed}, step ${step}`);
      model = known === undefined ? others : [...others, known];
    } else if (action < 0.9) {
      const value = 'v'.repeat(Math.floor(random() * 60));
      table.set(key, value, 0);
      model = [...others, [key, value]];
      while (model.length > 8 || bytes() > 8 * 260) model.shift();
    } else {
      table.delete(key);
      model = others;
    }
    assert.equal(table.size, model.length, `seed ${seed}, step ${step}`);
    assert.equal(table.bytes, bytes());
  }
});

test('random life spans: a value is there exactly until its time is up', () => {
  const seed = Math.floor(performance.timeOrigin) % 1_000_000;
  const random = seededRandom(seed);
  const { clock, table } = tableWith();
  const model = new Map<string, { value: string; expires_ms: number }>();
  for (let step = 0; step < 20_000; step++) {
    clock.now_ms += random() < 0.5 ? Math.floor(random() * 20) : 0;
    const key = `k${Math.floor(random() * 50)}`;
    if (random() < 0.5) {
      const ttl_ms = random() < 0.1 ? 0 : 1 + Math.floor(random() * 500);
      table.set(key, String(step), ttl_ms);
      model.set(key, { value: String(step), expires_ms: ttl_ms === 0 ? Infinity : clock.now_ms + ttl_ms });
    }
    const known = model.get(key);
    const expected = known !== undefined && known.expires_ms > clock.now_ms ? known.value : undefined;
    assert.equal(table.peek(key), expected, `seed ${seed}, step ${step}`);
    assert.equal(table.get(key), expected, `seed ${seed}, step ${step}`);
  }
});

test('an overlay reads its base and leaves it as it is', () => {
  const { clock, table: base } = tableWith({ maxEntries: 2 });
  const overlay = new KeyValueOverlay(base, new KeyValueTable({ now_ms: () => clock.now_ms }));
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
  base.set('d', '4', 0);
  assert.equal(base.peek('a'), undefined, 'reading through the overlay is no use');
});
