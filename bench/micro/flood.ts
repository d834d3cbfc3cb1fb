/**
 * What a flood of distinct keys does to limits: memory before and after, counts that were there before, and calls that found no
 * room of their own. Run with `node bench/micro/flood.ts [KEYS]`; 10,000,000 unless told.
 */
import { hash, randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { CounterTable } from '../../src/limit/counter-table.ts';
import { SpaceCounters } from '../../src/limit/space-counters.ts';

const keys = Number(process.argv[2] ?? 10_000_000);
const KNOWN = 100_000;
const USED = 3;
const mebibytes = (): number => Math.round(process.memoryUsage.rss() / 1_048_576);

const memory = CounterTable.allocate({}, randomBytes(8));
const digest = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer');
const table = new CounterTable(memory, { now_ms: () => performance.now(), digest });
const counters = new SpaceCounters(table, (space) => `limit-count routes/1 ${space}`);
const ask = (key: string, cost: number) =>
  counters.fixedWindow('key', { key, limit: 1_000, window_ms: 86_400_000, cost });

const atFirst = mebibytes();
for (let i = 0; i < KNOWN; i++) ask(`known ${i}`, USED);
console.log(`${KNOWN} known keys, used ${USED} each; the memory for limits is ${memory.byteLength >> 20} MiB`);
console.log(`RSS: ${atFirst} MiB before them, ${mebibytes()} MiB with them`);

let shared = 0;
const start = process.threadCpuUsage();
for (let i = 0; i < keys; i++) if (!ask(`${i}.flood.example`, 1).isAllowed) shared++;
const { user, system } = process.threadCpuUsage(start);

let kept = 0;
for (let i = 0; i < KNOWN; i++) if (ask(`known ${i}`, 0).remaining === 1_000 - USED) kept++;
console.log(`${keys} further keys, once each: ${Math.round((1_000 * (user + system)) / keys)} ns of CPU time for each`);
console.log(`RSS: ${mebibytes()} MiB after them`);
console.log(`known keys whose count is what it was: ${kept} of ${KNOWN}`);
console.log(`gatewright_counter_keys ${table.keys}, gatewright_counter_overflow_total ${table.overflowCalls}`);
console.log(`refused, since all without room share one count: ${shared}`);
if (kept !== KNOWN || table.overflowCalls === 0) process.exitCode = 1;
