/** From V8's CPU profile to tables of self time. Pure. */
import { table } from './report.ts';

/** The part of V8's format that is used: https://chromedevtools.github.io/devtools-protocol/v8/Profiler/#type-Profile */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  /** The node on top of the stack, sample by sample. */
  readonly samples: readonly number[];
  /** Microseconds from each sample's predecessor. */
  readonly timeDeltas: readonly number[];
}

export interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
}

/**
 * `native`: functions implemented in C++, system calls included, and the rest of V8 and libuv, which it cannot name.
 * `packages`: what is under node_modules.
 */
export type Category = 'ours' | 'node internals' | 'packages' | 'native' | 'garbage collection' | 'idle';

export interface SelfTime {
  readonly name: string;
  readonly place: string;
  readonly category: Category;
  readonly self_us: number;
}

const SPECIAL: Readonly<Record<string, Category>> = {
  '(garbage collector)': 'garbage collection',
  '(idle)': 'idle',
};

export function categoryOf({ functionName, url }: ProfileNode['callFrame']): Category {
  if (url === '') return SPECIAL[functionName] ?? 'native';
  if (url.startsWith('node:')) return 'node internals';
  return url.includes('/node_modules/') ? 'packages' : 'ours';
}

function placeOf({ url, lineNumber }: ProfileNode['callFrame']): string {
  if (url === '') return '';
  const file = url.startsWith('node:') ? url : url.replace(/^.*\/(?=(?:src|dist|bench|node_modules)\/)/, '');
  return `${file}:${lineNumber + 1}`;
}

/** Self time by function, most first. A sample counts until the next one: that is what its node was found doing. */
export function selfTimes({ nodes, samples, timeDeltas }: CpuProfile): SelfTime[] {
  const byNode = new Map<number, number>();
  samples.forEach((node, i) => {
    // A delta belongs to the sample before it; V8 now and then gives a negative one.
    const until_us = Math.max(0, timeDeltas[i + 1] ?? 0);
    byNode.set(node, (byNode.get(node) ?? 0) + until_us);
  });
  const byFunction = new Map<string, SelfTime>();
  for (const { id, callFrame } of nodes) {
    const time = byNode.get(id);
    if (time === undefined) continue;
    const [name, place] = [callFrame.functionName || '(anonymous)', placeOf(callFrame)];
    const key = `${name} ${place}`;
    const self_us = (byFunction.get(key)?.self_us ?? 0) + time;
    byFunction.set(key, { name, place, category: categoryOf(callFrame), self_us });
  }
  return [...byFunction.values()].toSorted((a, b) => b.self_us - a.self_us);
}

function busyTime(times: readonly SelfTime[]): number {
  return times.reduce((sum, { category, self_us }) => (category === 'idle' ? sum : sum + self_us), 0);
}

const percent = (part: number, whole: number): string => (whole === 0 ? '–' : ((part * 100) / whole).toFixed(1));

/** Time by category, as parts of the time that the thread was busy. */
export function categoryTable(times: readonly SelfTime[]): string {
  const busy_us = busyTime(times);
  const sums = new Map<Category, number>();
  for (const { category, self_us } of times) sums.set(category, (sums.get(category) ?? 0) + self_us);
  const rows = [...sums]
    .toSorted(([, a], [, b]) => b - a)
    .map(([category, us]) => [category, (us / 1000).toFixed(0), category === 'idle' ? '' : percent(us, busy_us)]);
  return table(['category', 'ms', '% of busy'], rows, 1);
}

/** The functions with the most self time; `idle` is left out. */
export function functionTable(times: readonly SelfTime[], top: number): string {
  const busy_us = busyTime(times);
  const rows = times
    .filter(({ category }) => category !== 'idle')
    .slice(0, top)
    .map(({ name, place, category, self_us }) => [category, name, place, percent(self_us, busy_us)]);
  return table(['category', 'function', 'at', '% of busy'], rows, 3);
}
