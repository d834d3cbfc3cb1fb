import { hash } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { SharedLimits } from '../../src/limit/shared-limits.ts';
import { SpaceValues } from '../../src/limit/key-values.ts';
import type { Place } from '../../src/sdk/host.ts';
import { seededRandom } from '../fuzz/random.ts';
import { KEYS, keyOf, LIMIT, WINDOW_MS } from './crew.ts';
import type { HandData, Task } from './crew.ts';

const { memory, generation, seed, clock, tally } = workerData as HandData;
const time = new Float64Array(clock);
const counts = new Int32Array(tally);
const limits = new SharedLimits(memory, {
  now_ms: () => time[0]!,
  digest: (bytes) => hash('sha256', bytes, 'buffer'),
  generation,
});
const random = seededRandom(seed + generation);
const below = (bound: number): number => Math.floor(random() * bound);
const space = limits.counters.space('s');
const records = limits.cells.records('s', { numbers: 2, keep_ms: 1e9 });
const places = limits.cells.places('s');
const values = new SpaceValues(limits.kv, 's');
const addOne = (numbers: Float64Array): number => (numbers[0] = numbers[0]! + 1);

function take(method: 'fixedWindow' | 'slidingWindow', asks: number): number[] {
  const admitted = new Array<number>(KEYS).fill(0);
  for (let ask = 0; ask < asks; ask++) {
    const key = below(KEYS);
    const query = { key: keyOf(key), limit: LIMIT, window_ms: WINDOW_MS, cost: 1 };
    if (space[method](query).isAllowed) admitted[key]!++;
  }
  return admitted;
}

function addAll(asks: number): number[] {
  const added = new Array<number>(KEYS).fill(0);
  for (let ask = 0; ask < asks; ask++) {
    const key = below(KEYS);
    records.update(keyOf(key), addOne, null);
    added[key]!++;
  }
  return added;
}

/** The most that were inside at once, as counted independently. */
function occupy(asks: number, most: number): number[] {
  let worst = 0;
  const held: Place[] = [];
  for (let ask = 0; ask < asks; ask++) {
    const place = random() < 0.6 ? places.enter('k', most) : null;
    if (place !== null) {
      held.push(place);
      worst = Math.max(worst, Atomics.add(counts, 0, 1) + 1);
    } else if (held.length > 0) {
      Atomics.sub(counts, 0, 1);
      held.splice(below(held.length), 1)[0]!.leave();
    }
  }
  for (const place of held) {
    Atomics.sub(counts, 0, 1);
    place.leave();
  }
  return [worst];
}

/** Values that are not of their key, and values that were found. */
function exchange(asks: number): number[] {
  let wrong = 0;
  let found = 0;
  for (let ask = 0; ask < asks; ask++) {
    const key = `k${below(200)}`;
    if (random() < 0.5) values.set(key, `${key} ${'x'.repeat(below(300))}`, 0);
    else if (random() < 0.1) values.delete(key);
    else {
      const value = values.get(key);
      if (value !== undefined) found++;
      if (value !== undefined && !/^(k\d+) x*$/.test(value)) wrong++;
      if (value !== undefined && value.split(' ')[0] !== key) wrong++;
    }
  }
  return [wrong, found];
}

function churn(): never {
  parentPort!.postMessage([]);
  const held: Place[] = [];
  for (;;) {
    const key = below(KEYS);
    records.update(keyOf(key), addOne, null);
    Atomics.add(counts, 1 + key, 1);
    records.update(`one of many ${below(3000)}`, (numbers) => (numbers[0] = 1 - numbers[0]!), null);
    space.fixedWindow({ key: `one of many ${below(3000)}`, limit: 5, window_ms: 1e9, cost: 1 });
    if (held.length < 20) {
      const place = places.enter(keyOf(key), 1e6);
      if (place !== null) held.push(place);
    } else held.pop()!.leave();
    values.set(`k${below(50)}`, 'v'.repeat(below(2000)), 0);
  }
}

parentPort!.on('message', (task: Task) => {
  switch (task.do) {
    case 'take':
      return parentPort!.postMessage(take(task.method, task.asks));
    case 'add':
      return parentPort!.postMessage(addAll(task.asks));
    case 'places':
      return parentPort!.postMessage(occupy(task.asks, task.most));
    case 'values':
      return parentPort!.postMessage(exchange(task.asks));
    case 'churn':
      return churn();
  }
});
