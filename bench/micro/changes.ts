/**
 * What a change costs a worker, with many routes: `node --expose-gc bench/micro/changes.ts [routes] [changes]`. One thread does what a worker
 * does with each change, and looks how long its loop was kept from turning; then how much memory all of them left behind.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { assemble } from '../../src/compile/assemble.ts';
import { changeOfChecked, type CheckedObject } from '../../src/compile/checked.ts';
import { retire } from '../../src/compile/compile.ts';
import { inertHost } from '../../src/compile/inert-host.ts';
import { Instances } from '../../src/compile/instances.ts';
import { checkedPluginRegistry } from '../../src/compile/plugin-registry.ts';
import type { CompileMemory, Snapshot } from '../../src/compile/snapshot.ts';
import { ALL_PLUGINS } from '../../src/plugins/all.ts';

const SLICE_MS = 2;
const [routes = 40_000, changes = 500] = process.argv.slice(2).map(Number);
const plugins = checkedPluginRegistry(ALL_PLUGINS);
const instances = new Instances(inertHost);
const matching = { mode: 'radixtree_host_uri', mergeSlashes: true } as const;

function route(id: number, uri: string): CheckedObject {
  const own = id % 4 === 0 ? { plugins: { 'proxy-rewrite': { headers: { set: { 'X-Route': String(id) } } } } } : {};
  const target = id % 2 === 0 ? { upstream: { nodes: { '10.0.0.1:80': 1 } } } : { upstream_id: `u${id % 100}` };
  return { key: `routes/r${id}`, value: { good: { id: `r${id}`, uri, ...target, ...own } } };
}

/** In slices, as a worker does it; the longest of them counts. */
let longest_ms = 0;
async function run(objects: readonly CheckedObject[], revision: number, before?: CompileMemory): Promise<Snapshot> {
  const steps = assemble(changeOfChecked(objects), { revision, matching, plugins, instances }, before);
  let since = process.threadCpuUsage();
  for (;;) {
    const step = steps.next();
    // The thread's own time: how long others keep the machine busy is not the question.
    const { user, system } = process.threadCpuUsage(since);
    const lasted_ms = (user + system) / 1000;
    if (step.done === true || lasted_ms >= SLICE_MS) {
      longest_ms = Math.max(longest_ms, lasted_ms);
      if (step.done === true && step.value.snapshot !== null) return step.value.snapshot;
      await nextTurn();
      since = process.threadCpuUsage();
    }
  }
}

function heapMebibytes(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 1024 / 1024;
}

const upstreams = Array.from({ length: 100 }, (_, i): CheckedObject => {
  return { key: `upstreams/u${i}`, value: { good: { id: `u${i}`, nodes: { '10.0.0.2:80': 1 } } } };
});
const all = [...upstreams, ...Array.from({ length: routes }, (_, i) => route(i, `/service${i % 200}/r${i}/*`))];
const begun_ms = performance.now();
let snapshot = await run(all, 1);
console.log(
  `${routes} routes at once: ${(performance.now() - begun_ms).toFixed(0)} ms, longest slice ${longest_ms.toFixed(1)} ms of CPU`,
);
const before = heapMebibytes();
longest_ms = 0;
const changes_ms: number[] = [];
for (let i = 1; i <= changes; i++) {
  const started_ms = performance.now();
  const next = await run([route(i % routes, `/changed${i}/*`)], i + 1, snapshot.memory);
  changes_ms.push(performance.now() - started_ms);
  await retire(snapshot);
  snapshot = next;
  await nextTurn();
}
changes_ms.sort((a, b) => a - b);
const at = (share: number): string => (changes_ms[Math.floor(share * (changes - 1))] ?? 0).toFixed(2);
console.log(
  `${changes} changes: median ${at(0.5)} ms, 99 % ${at(0.99)} ms, longest slice ${longest_ms.toFixed(1)} ms of CPU`,
);
console.log(`heap after collection: ${before.toFixed(1)} MiB before, ${heapMebibytes().toFixed(1)} MiB after`);
