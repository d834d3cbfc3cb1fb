import assert from 'node:assert/strict';
import { hash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { LimitDecision, LimitQuery } from '../sdk/host.ts';
import { seededRandom } from '../../test/fuzz/random.ts';
import type { Random } from '../../test/fuzz/random.ts';
import { CounterTable } from './counter-table.ts';
import type { CounterSizes } from './counter-table.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Without what is garbage already, however late it is collected. */
function heldBytes(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

const digest = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer');

function tableAt(start_ms: number, sizes: CounterSizes = {}) {
  const clock = { now_ms: start_ms };
  const memory = CounterTable.allocate({ maxKeys: 1000, maxOverflowBuckets: 64, ...sizes }, randomBytes(8));
  const table = new CounterTable(memory, { now_ms: () => clock.now_ms, digest });
  return { clock, table };
}

const query = (key: string, limit = 2, window_ms = 1000, cost = 1): LimitQuery => ({ key, limit, window_ms, cost });
const show = ({ isAllowed, remaining, reset_ms }: LimitDecision): string =>
  `${isAllowed ? 'allowed' : 'refused'} ${remaining} ${reset_ms}`;

test('a fixed window begins with the first unit of its key and ends window_ms later', () => {
  const { clock, table } = tableAt(500);
  const space = table.space('s');
  const rows: [at_ms: number, key: string, expected: string][] = [
    [500, 'a', 'allowed 1 1000'],
    [900, 'b', 'allowed 1 1000'],
    [900, 'a', 'allowed 0 600'],
    [1499, 'a', 'refused 0 1'],
    [1500, 'a', 'allowed 1 1000'],
    [1899, 'b', 'allowed 0 1'],
    [1900, 'b', 'allowed 1 1000'],
    [9000, 'a', 'allowed 1 1000'],
  ];
  for (const [at_ms, key, expected] of rows) {
    clock.now_ms = at_ms;
    assert.equal(show(space.fixedWindow(query(key))), expected, `${key} at ${at_ms}`);
  }
});

test('a sliding window weighs the window before by how much of it still overlaps', () => {
  const { clock, table } = tableAt(0);
  const space = table.space('s');
  const rows: [at_ms: number, cost: number, expected: string][] = [
    [0, 4, 'allowed 6 0'],
    [900, 6, 'allowed 0 200'],
    [999, 1, 'refused 0 101'],
    [1000, 1, 'refused 0 100'],
    // 10 × 0.9 are left: exactly one is free.
    [1100, 1, 'allowed 0 100'],
    [1200, 2, 'refused 0 100'],
    [1200, 1, 'allowed 0 100'],
    // 10 × 0.5 + 2
    [1500, 0, 'allowed 3 0'],
    [1500, 4, 'refused 0 100'],
    // 2 × 0.5
    [2500, 9, 'allowed 0 500'],
    // Two quiet windows: anew, and aligned to the next unit.
    [4000, 10, 'allowed 0 1100'],
  ];
  for (const [at_ms, cost, expected] of rows) {
    clock.now_ms = at_ms;
    const { isAllowed, remaining, reset_ms } = space.slidingWindow(query('k', 10, 1000, cost));
    assert.equal(show({ isAllowed, remaining, reset_ms: Math.round(reset_ms * 1e6) / 1e6 }), expected, `at ${at_ms}`);
  }
});

/** Every unit that was consumed, with its time: nothing is ever forgotten. */
class NaiveCounters {
  readonly fixed = new Map<string, { start_ms: number; used: number }[]>();
  readonly sliding = new Map<string, { start_ms: number; used: number }[]>();

  fixedWindow(space: string, { key, limit, window_ms, cost }: LimitQuery, now_ms: number): LimitDecision {
    const windows = at(this.fixed, JSON.stringify([space, window_ms, key]));
    const live = windows.findLast(({ start_ms }) => now_ms < start_ms + window_ms);
    const used = live?.used ?? 0;
    const reset_ms = live === undefined ? window_ms : live.start_ms + window_ms - now_ms;
    if (used + cost > limit) return { isAllowed: false, remaining: 0, reset_ms };
    if (live !== undefined) live.used += cost;
    else if (cost > 0) windows.push({ start_ms: now_ms, used: cost });
    return { isAllowed: true, remaining: limit - used - cost, reset_ms };
  }

  /** Windows one after the other from the first unit on; a new row of them after two without a unit. */
  slidingWindow(space: string, { key, limit, window_ms, cost }: LimitQuery, now_ms: number): LimitDecision {
    const windows = at(this.sliding, JSON.stringify([space, window_ms, key]));
    const last = windows.at(-1);
    let start_ms = now_ms;
    if (last !== undefined && now_ms < last.start_ms + 2 * window_ms) {
      start_ms = now_ms < last.start_ms + window_ms ? last.start_ms : last.start_ms + window_ms;
    }
    const usedAt = (when_ms: number): number => windows.find((one) => one.start_ms === when_ms)?.used ?? 0;
    const current = usedAt(start_ms);
    const previous =
      windows.findLast((one) => one.start_ms < start_ms && one.start_ms + window_ms >= start_ms)?.used ?? 0;
    const room = limit - current - (previous * (window_ms - (now_ms - start_ms))) / window_ms;
    if (cost > room) return { isAllowed: false, remaining: 0, reset_ms: NaN };
    if (cost > 0) {
      if (last?.start_ms === start_ms) last.used += cost;
      else windows.push({ start_ms, used: cost });
    }
    return { isAllowed: true, remaining: Math.floor(room - cost), reset_ms: NaN };
  }
}

function at<V>(map: Map<string, V[]>, key: string): V[] {
  let values = map.get(key);
  if (values === undefined) map.set(key, (values = []));
  return values;
}

const YEAR_ms = 365 * 86_400_000;
const pick = <T>(random: Random, values: readonly T[]): T => values[Math.floor(random() * values.length)]!;

function randomQuery(random: Random): LimitQuery {
  const limit = pick(random, [1, 2, 3, 8, 100, 65_536, 2 ** 31]);
  const cost = pick(random, [0, 1, 1, 1, 1, 2, Math.ceil(limit / 3), limit, limit + 1]);
  const key = pick(random, [
    '',
    'a',
    'b',
    '10.0.0.1',
    '\u00e4',
    '\u20ac',
    '\ud800',
    'x'.repeat(300),
    `${'x'.repeat(299)}y`,
  ]);
  return { key, limit, window_ms: pick(random, [1, 2, 10, 1000, 60_000, YEAR_ms]), cost };
}

test('random calls at random times get what a model that forgets nothing says', () => {
  const seed = Math.floor(performance.timeOrigin) % 1_000_000;
  for (let round = 0; round < 40; round++) {
    const random = seededRandom(seed + round);
    const { clock, table } = tableAt(Math.floor(random() * 1e9));
    const naive = new NaiveCounters();
    const spaces = ['s', 't'].map((name) => ({ name, counters: table.space(name) }));
    for (let step = 0; step < 500; step++) {
      if (random() < 0.6) clock.now_ms += pick(random, [0, 1, 1, 2, 5, 100, 333, 1000, 30_000]);
      if (random() < 0.01) clock.now_ms += pick(random, [YEAR_ms / 2, YEAR_ms, 5 * YEAR_ms]);
      const { name, counters } = pick(random, spaces);
      const one = randomQuery(random);
      const method = random() < 0.5 ? 'fixedWindow' : 'slidingWindow';
      const found = counters[method](one);
      const expected = naive[method](name, one, clock.now_ms);
      const where = `seed ${seed + round}, step ${step}, ${method} at ${clock.now_ms}: ${JSON.stringify(one).slice(0, 99)}`;
      assert.equal(found.isAllowed, expected.isAllowed, where);
      assert.equal(found.remaining, expected.remaining, where);
      if (method === 'fixedWindow') assert.equal(found.reset_ms, expected.reset_ms, where);
    }
  }
});

test('after reset_ms of a refused call, and not before, the same call is allowed', () => {
  const seed = Math.floor(performance.timeOrigin) % 1_000_000;
  const random = seededRandom(seed);
  let refused = 0;
  for (let round = 0; round < 600; round++) {
    const { clock, table } = tableAt(0);
    const space = table.space('s');
    const window_ms = pick(random, [10, 1000, 60_000]);
    const limit = 1 + Math.floor(random() * 20);
    const method = random() < 0.3 ? 'fixedWindow' : 'slidingWindow';
    for (let step = 0; step < 20; step++) {
      const one = query('k', limit, window_ms, 1 + Math.floor(random() * limit));
      const { isAllowed, reset_ms } = space[method](one);
      if (!isAllowed) {
        refused++;
        const before_ms = clock.now_ms;
        clock.now_ms = before_ms + reset_ms * 0.99;
        assert.equal(space[method](one).isAllowed, false, `seed ${seed}, round ${round}: too early`);
        clock.now_ms = before_ms + reset_ms + window_ms * 1e-9;
        assert.equal(space[method](one).isAllowed, true, `seed ${seed}, round ${round}: too late`);
      }
      clock.now_ms += random() * window_ms * 0.4;
    }
  }
  assert.ok(refused > 300);
});

test('a cost beyond the limit is never allowed, and leaves nothing behind', () => {
  const { clock, table } = tableAt(0);
  const space = table.space('s');
  for (let step = 0; step < 10; step++) {
    for (const one of [query('k', 3, 1000, 4), query('k', 0, 1000, 1)]) {
      assert.equal(space.fixedWindow(one).isAllowed, false);
      assert.equal(space.slidingWindow(one).isAllowed, false);
    }
    clock.now_ms += 700;
  }
  assert.equal(table.keys, 0);
  assert.equal(show(space.fixedWindow(query('k', 3, 1000, 0))), 'allowed 3 1000');
  assert.equal(table.keys, 0);
});

test('spaces, lengths of window and kinds of window do not share counts', () => {
  const { table } = tableAt(0);
  for (const name of ['s', 't']) {
    for (const window_ms of [1000, 2000]) {
      assert.equal(table.space(name).fixedWindow(query('k', 2, window_ms)).remaining, 1);
      assert.equal(table.space(name).slidingWindow(query('k', 2, window_ms)).remaining, 1);
    }
  }
});

test('equal names are the same space, also after all its counts expired in between', () => {
  const { clock, table } = tableAt(0);
  const [one, other] = [table.space('s'), table.space('s')];
  assert.equal(one.fixedWindow(query('k')).remaining, 1);
  assert.equal(other.fixedWindow(query('k')).remaining, 0);
  clock.now_ms = 5000;
  table.space('t').fixedWindow(query('x'));
  table.sweep(2000);
  assert.equal(table.keys, 1);
  assert.equal(one.fixedWindow(query('k')).remaining, 1);
  assert.equal(other.fixedWindow(query('k')).remaining, 0);
});

test('when every slot holds a live count, new keys share one bucket for each limit, and known ones keep theirs', () => {
  const { clock, table } = tableAt(0, { maxKeys: 3 });
  const space = table.space('s');
  for (const key of ['a', 'b', 'c']) space.fixedWindow(query(key));
  assert.equal(table.overflowCalls, 0);
  assert.equal(show(space.fixedWindow(query('d'))), 'allowed 1 1000');
  assert.equal(show(space.fixedWindow(query('e'))), 'allowed 0 1000');
  assert.equal(show(space.fixedWindow(query('f'))), 'refused 0 1000');
  assert.equal(show(space.fixedWindow(query('f', 3))), 'allowed 2 1000');
  assert.equal(show(space.slidingWindow(query('f'))), 'allowed 1 0');
  assert.equal(show(table.space('t').fixedWindow(query('f'))), 'allowed 1 1000');
  assert.equal(table.overflowCalls, 6);
  assert.equal(show(space.fixedWindow(query('a'))), 'allowed 0 1000');
  assert.equal(show(space.fixedWindow(query('a'))), 'refused 0 1000');
  clock.now_ms = 1000;
  assert.equal(show(space.fixedWindow(query('f'))), 'allowed 1 1000');
  assert.equal(table.overflowCalls, 6);
  table.sweep(3);
  assert.equal(table.keys, 1);
});

test('a call for which not even an overflow bucket is left is refused', () => {
  const { table } = tableAt(0, { maxKeys: 1, maxOverflowBuckets: 1 });
  const space = table.space('s');
  assert.equal(space.fixedWindow(query('a')).isAllowed, true);
  assert.equal(space.fixedWindow(query('b')).isAllowed, true);
  assert.equal(space.fixedWindow(query('b', 3)).isAllowed, false);
  assert.equal(table.space('t').slidingWindow(query('b')).isAllowed, false);
  assert.equal(space.fixedWindow(query('c')).isAllowed, true);
});

test('a flood of short-lived keys finds room again and again, and what it leaves is swept', () => {
  const { clock, table } = tableAt(0, { maxKeys: 5000 });
  const space = table.space('s');
  for (let key = 0; key < 100_000; key++) {
    if (key % 40 === 0) clock.now_ms += 10;
    assert.ok(space.fixedWindow(query(`key ${key}`)).isAllowed);
  }
  assert.equal(table.overflowCalls, 0);
  clock.now_ms += 500;
  while (table.keys > 2000) table.sweep(100);
  clock.now_ms += 500;
  table.sweep(7000);
  assert.equal(table.keys, 0);
});

test('keys of a megabyte are told apart, keep their counts and take no room', () => {
  const { table } = tableAt(0);
  const space = table.space('s');
  const before = heldBytes();
  const long = 'k'.repeat(1_000_000);
  for (let key = 0; key < 10; key++) assert.equal(space.fixedWindow(query(long + key)).remaining, 1);
  const more = heldBytes() - before;
  for (let key = 0; key < 10; key++) assert.equal(space.fixedWindow(query(long + key)).remaining, 0);
  assert.ok(more < 4_000_000, `${more} bytes`);
});

test('no key can be made to look like the digest of another one, or like an overflow bucket', () => {
  const { table } = tableAt(0, { maxKeys: 2 });
  const space = table.space('s');
  const long = 'k'.repeat(500);
  space.fixedWindow(query(long));
  const twin = Buffer.from(digest(Buffer.from(long, 'utf16le'))).toString('latin1');
  assert.equal(space.fixedWindow(query(twin)).remaining, 1);
  assert.equal(space.fixedWindow(query('overflows')).remaining, 1);
  assert.equal(space.fixedWindow(query('\x02\0\0\0\0\0\0\0')).remaining, 0);
});

test('a clock that goes back brings nothing back to life', () => {
  const { clock, table } = tableAt(5000);
  const space = table.space('s');
  space.slidingWindow(query('k', 2));
  clock.now_ms = 0;
  assert.equal(space.slidingWindow(query('k', 2)).remaining, 0);
  assert.equal(space.fixedWindow(query('k', 2)).reset_ms, 1000);
});

test('values that are no units and no time are refused', () => {
  const { table } = tableAt(0);
  const rows: [limit: number, window_ms: number, cost: number][] = [
    [NaN, 1000, 1],
    [-1, 1000, 1],
    [1.5, 1000, 1],
    [2 ** 53, 1000, 1],
    [1, 0, 1],
    [1, NaN, 1],
    [1, Infinity, 1],
    [1, 1000, -1],
    [1, 1000, 0.5],
  ];
  for (const [limit, window_ms, cost] of rows) {
    assert.throws(() => table.space('s').fixedWindow({ key: 'k', limit, window_ms, cost }), RangeError);
    assert.throws(() => table.space('s').slidingWindow({ key: 'k', limit, window_ms, cost }), RangeError);
  }
});

test('a table on a base starts from its counts and never changes them', () => {
  const { clock, table: base } = tableAt(0, { maxKeys: 2 });
  base.space('s').fixedWindow(query('a'));
  base.space('s').slidingWindow(query('a', 10, 1000, 3));
  base.space('s').fixedWindow(query('overflows'));
  const overlay = new CounterTable(CounterTable.allocate({ maxKeys: 100 }, randomBytes(8)), {
    now_ms: () => clock.now_ms,
    digest,
    base,
  });
  clock.now_ms = 400;
  assert.equal(show(overlay.space('s').fixedWindow(query('a'))), 'allowed 0 600');
  assert.equal(show(overlay.space('s').fixedWindow(query('a'))), 'refused 0 600');
  assert.equal(show(overlay.space('s').fixedWindow(query('flood'))), 'allowed 0 600');
  assert.equal(show(overlay.space('s').slidingWindow(query('a', 10, 1000, 3))), 'allowed 4 0');
  assert.equal(show(base.space('s').fixedWindow(query('a'))), 'allowed 0 600');
  assert.equal(show(base.space('s').fixedWindow(query('flood'))), 'allowed 0 600');
  assert.equal(show(base.space('s').slidingWindow(query('a', 10, 1000, 3))), 'allowed 4 0');
});
