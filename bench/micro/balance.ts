/**
 * What one pick and its release cost, for every balancer and several numbers of nodes, and what making a balancer
 * costs. Run with `node bench/micro/balance.ts`; only the ratios within one run mean anything.
 */
import { performance } from 'node:perf_hooks';
import type { BalanceNode, BalancerSettings, PickQuery } from '../../src/balance/balancer.ts';
import { createBalancer } from '../../src/balance/create-balancer.ts';

const SIZES = [1, 3, 10, 100, 1000, 5000];
const TYPES: readonly BalancerSettings[] = [
  { type: 'roundrobin' },
  { type: 'chash', hashKey: { kind: 'vars', name: 'remote_addr', variable: 'remote_addr' } },
  { type: 'least_conn' },
  { type: 'ewma' },
];
const KEYS = Array.from({ length: 1024 }, (_, at) => `192.168.${at >> 4}.${(at * 37) & 0xff}`);
const ROUND_ms = 40;

interface Query extends PickQuery {
  hashKey: string;
  now_ms: number;
  random: number;
  excluded: ((index: number) => boolean) | null;
}

function makeNodes(count: number, isWeighted: boolean): BalanceNode[] {
  return Array.from({ length: count }, (_, at) => ({
    authority: `10.${at >> 16}.${(at >> 8) & 0xff}.${at & 0xff}:8080`,
    weight: isWeighted ? 1 + (at % 7) : 1,
    priority: 0,
  }));
}

/** Nanoseconds for a pick and its release, and bytes left on the heap by it; the best of several rounds. */
function measure(settings: BalancerSettings, nodes: readonly BalanceNode[], isExcluding: boolean): [number, number] {
  const balancer = createBalancer(settings, nodes);
  const down = nodes.length >> 1;
  const query: Query = { hashKey: '', now_ms: 0, random: 0, excluded: isExcluding ? (at) => at === down : null };
  let serial = 0;
  const run = (count: number): void => {
    for (let at = 0; at < count; at++) {
      serial = (Math.imul(serial, 1664525) + 1013904223) | 0;
      query.hashKey = KEYS[serial >>> 22]!;
      query.random = (serial >>> 1) / 0x80000000;
      query.now_ms = at;
      const index = balancer.pick(query);
      if (index >= 0) balancer.release(index, 1 + (at & 7), at);
    }
  };
  run(20_000);
  let best = Infinity;
  let bytes = Infinity;
  for (let round = 0; round < 3; round++) {
    let count = 1000;
    for (;;) {
      const heap = process.memoryUsage().heapUsed;
      const start = process.cpuUsage();
      run(count);
      const spent_ms = process.cpuUsage(start).user / 1000;
      if (spent_ms >= ROUND_ms) {
        best = Math.min(best, (spent_ms * 1e6) / count);
        bytes = Math.min(bytes, Math.max(0, process.memoryUsage().heapUsed - heap) / count);
        break;
      }
      count = Math.ceil(count * Math.min(10, (1.2 * ROUND_ms) / Math.max(spent_ms, 0.1)));
    }
  }
  return [best, bytes];
}

function makingCost_ms(settings: BalancerSettings, nodes: readonly BalanceNode[]): number {
  let best = Infinity;
  for (let round = 0; round < 5; round++) {
    const start = performance.now();
    createBalancer(settings, nodes);
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

const title = ['balancer', 'nodes', 'equal ns', 'weighted ns', 'one down ns', 'bytes/pick', 'making ms'];
const widths = [12, 6, 9, 12, 12, 11, 10];
const print = (cells: readonly string[]): void => {
  console.log(cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!))).join(' '));
};

print(title);
for (const settings of TYPES) {
  for (const size of SIZES) {
    const weighted = makeNodes(size, true);
    const [equal] = measure(settings, makeNodes(size, false), false);
    const [mixed, bytes] = measure(settings, weighted, false);
    const [excluding] = measure(settings, weighted, true);
    const making = makingCost_ms(settings, weighted).toFixed(2);
    print([
      settings.type,
      String(size),
      ...[equal, mixed, excluding].map((ns) => ns.toFixed(1)),
      bytes.toFixed(2),
      making,
    ]);
  }
}
