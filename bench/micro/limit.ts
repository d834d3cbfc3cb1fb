/**
 * What one call of a limiter costs in nanoseconds of CPU time, for several numbers of known keys and for new ones, and
 * the longest time that one call held up its thread. Run with `node bench/micro/limit.ts`.
 */
import { hash, randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { BucketQuery, LeakyQuery, LimitQuery } from '../../src/sdk/host.ts';
import { CellTable } from '../../src/limit/cell-table.ts';
import { CounterTable } from '../../src/limit/counter-table.ts';
import { SpaceCounters } from '../../src/limit/space-counters.ts';

const SIZES = [1, 10_000, 900_000];
const CALLS = 400_000;
/** Few enough to stay in the cache, as the key of a request does. */
const BATCH = 1_000;
const ROUNDS = 3;
const digest = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer');
const addressOf = (key: number): string => `10.${key >> 16}.${(key >> 8) & 255}.${key & 255}`;

function makeCounters(): SpaceCounters {
  const table = new CounterTable(CounterTable.allocate({}, randomBytes(8)), {
    now_ms: () => performance.now(),
    digest,
  });
  return new SpaceCounters(table, (space) => `limit-count routes/1 ${space}`);
}

interface Query extends LimitQuery, BucketQuery, LeakyQuery {
  key: string;
}

/** What the same look-ups cost in a bare Map, and reading the clock: the floor of the machine at this moment. */
function floor(size: number): [number, number] {
  const map = new Map(Array.from({ length: size }, (_, key) => [addressOf(key), key]));
  let sum = 0;
  const lookUps = best((keys) => {
    for (const key of keys) sum += map.get(key) ?? 0;
  }, size);
  const clock = best((keys) => {
    for (const _key of keys) sum += performance.now();
  }, size);
  if (sum === 0) throw new Error('nothing was found');
  return [lookUps, clock];
}

/** Nanoseconds for each key, in the best of several rounds; keys are new strings each time, as those cut from requests are. */
function best(run: (keys: readonly string[]) => void, size: number): number {
  let least = Infinity;
  let serial = 1;
  for (let round = 0; round < ROUNDS; round++) {
    let spent_us = 0;
    for (let call = 0; call < CALLS; call += BATCH) {
      const keys = Array.from({ length: BATCH }, () => {
        serial = (Math.imul(serial, 1664525) + 1013904223) | 0;
        // Decoded apart, so that no string is the one that is kept.
        return Buffer.from(addressOf((serial >>> 8) % size), 'latin1').toString('latin1');
      });
      const start = process.threadCpuUsage();
      run(keys);
      spent_us += process.threadCpuUsage(start).user;
    }
    least = Math.min(least, (spent_us * 1000) / CALLS);
  }
  return least;
}

const METHODS = ['fixedWindow', 'slidingWindow', 'tokenBucket', 'leakyBucket'] as const;

function knownKeys(method: (typeof METHODS)[number], size: number): number {
  const counters = makeCounters();
  const query: Query = {
    key: '',
    limit: 2 ** 31,
    window_ms: 3_600_000,
    cost: 1,
    rate: 1000,
    capacity: 1e12,
    burst: 1e12,
  };
  for (let key = 0; key < size; key++) {
    query.key = addressOf(key);
    counters[method]('local', query);
  }
  return best((keys) => {
    for (const key of keys) {
      query.key = key;
      counters[method]('local', query);
    }
  }, size);
}

/** A record of two numbers that a pure function changes, and a place that is taken and left. */
function knownCells(size: number): [number, number] {
  const cells = new CellTable(CellTable.allocate({ maxRecords: 1_000_000 }, randomBytes(8)), {
    now_ms: () => performance.now(),
    digest,
  });
  const records = cells.records('bench', { numbers: 2, keep_ms: 3_600_000 });
  const places = cells.places('bench');
  const add = (numbers: Float64Array, amount: number): number => (numbers[0] = numbers[0]! + amount);
  const update = best((keys) => {
    for (const key of keys) records.update(key, add, 1);
  }, size);
  const place = best((keys) => {
    for (const key of keys) places.enter(key, 10)?.leave();
  }, size);
  return [update, place];
}

/** Nanoseconds for a key that was not there, and the most CPU milliseconds that one call took, garbage collection included. */
function newKeys(count: number): [number, number] {
  const counters = makeCounters();
  let longest_us = 0;
  const start = process.threadCpuUsage();
  for (let key = 0; key < count; key++) {
    const query = { key: addressOf(key), limit: 10, window_ms: 3_600_000, cost: 1 };
    const begun = process.threadCpuUsage();
    counters.fixedWindow('local', query);
    const { user, system } = process.threadCpuUsage(begun);
    longest_us = Math.max(longest_us, user + system);
  }
  return [(process.threadCpuUsage(start).user * 1000) / count, longest_us / 1000];
}

for (const size of SIZES) {
  const [lookUp, clock] = floor(size);
  console.log(
    `floor          ${String(size).padStart(7)} known keys ${lookUp.toFixed(0).padStart(5)} ns, clock ${clock.toFixed(0)} ns`,
  );
}
for (const method of METHODS) {
  for (const size of SIZES) {
    console.log(
      `${method.padEnd(14)} ${String(size).padStart(7)} known keys ${knownKeys(method, size).toFixed(0).padStart(5)} ns`,
    );
  }
}
for (const size of SIZES) {
  const [update, place] = knownCells(size);
  const cost = `update ${update.toFixed(0)} ns, enter and leave ${place.toFixed(0)} ns`;
  console.log(`cells          ${String(size).padStart(7)} known keys ${cost}`);
}
for (const count of [10_000, 900_000]) {
  const [ns, longest_ms] = newKeys(count);
  console.log(
    `new keys up to ${String(count).padStart(7)} ${ns.toFixed(0).padStart(12)} ns, longest ${longest_ms.toFixed(1)} ms`,
  );
}
console.log(`resident ${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MiB`);
