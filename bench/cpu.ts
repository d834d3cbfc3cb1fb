/**
 * What a process tree and the cores have used so far, read from /proc. Only differences between two readings mean
 * anything. See proc(5) for the fields.
 */
import { readFileSync, readdirSync } from 'node:fs';

/** Ticks per second of the times in /proc: USER_HZ, which is 100 on every Linux that Node.js runs on. */
const TICKS_PER_SECOND = 100;
const MICROSECONDS_PER_TICK = 1_000_000 / TICKS_PER_SECOND;

/** One line of /proc/PID/stat, in microseconds. */
export interface ProcessTimes {
  readonly parent: number;
  /** User time of all threads, and of children that ended and were waited for. */
  readonly user_us: number;
  readonly system_us: number;
}

/** CPU time of a process tree, in microseconds. */
export interface CpuTime {
  readonly user_us: number;
  readonly system_us: number;
}

/** What all processes together used of one core, in microseconds; `stolen_us` is what the hypervisor gave to others. */
export interface CoreTime {
  readonly busy_us: number;
  readonly stolen_us: number;
}

/** Parses /proc/PID/stat. The name of the command may contain spaces and parentheses, so fields count from its end. */
export function parseProcessStat(text: string): ProcessTimes {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const at = (number: number): number => Number(fields[number - 3]);
  const times = {
    parent: at(4),
    user_us: (at(14) + at(16)) * MICROSECONDS_PER_TICK,
    system_us: (at(15) + at(17)) * MICROSECONDS_PER_TICK,
  };
  if (Object.values(times).some(Number.isNaN)) throw new Error(`not a line of /proc/PID/stat: ${text}`);
  return times;
}

/** Parses the line of one core in /proc/stat. Guest time is already part of user time. */
export function parseCoreStat(text: string, core: number): CoreTime {
  const line = text.split('\n').find((each) => each.startsWith(`cpu${core} `));
  if (line === undefined) throw new Error(`/proc/stat has no line for core ${core}`);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, stolen = 0] = line.split(/\s+/).slice(1).map(Number);
  return {
    busy_us: (user + nice + system + irq + softirq) * MICROSECONDS_PER_TICK,
    stolen_us: stolen * MICROSECONDS_PER_TICK,
  };
}

/** Parses a list of cores as the kernel writes it, such as `0-2,5`. */
export function parseCoreList(text: string): number[] {
  return text
    .trim()
    .split(',')
    .flatMap((part) => {
      const [first = Number.NaN, last = first] = part.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, i) => first + i);
    });
}

/** The process ids of a tree, its root first: `parents` gives the parent of each process. */
export function treeOf(root: number, parents: ReadonlyMap<number, number>): number[] {
  const tree = [root];
  for (const pid of tree) {
    for (const [child, parent] of parents) if (parent === pid) tree.push(child);
  }
  return tree;
}

function readStat(pid: number): ProcessTimes | undefined {
  try {
    return parseProcessStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return undefined; // it ended between listing and reading
  }
}

function readAll(): Map<number, ProcessTimes> {
  const all = new Map<number, ProcessTimes>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    const times = Number.isInteger(pid) ? readStat(pid) : undefined;
    if (times !== undefined) all.set(pid, times);
  }
  return all;
}

function readTree(root: number): [number, ProcessTimes][] {
  const all = readAll();
  const parents = new Map([...all].map(([pid, times]) => [pid, times.parent]));
  return treeOf(root, parents).flatMap((pid): [number, ProcessTimes][] => {
    const times = all.get(pid);
    return times === undefined ? [] : [[pid, times]];
  });
}

/** The living processes of the tree under `root`, itself included. */
export function treePids(root: number): number[] {
  return readTree(root).map(([pid]) => pid);
}

/** CPU time of the tree under `root` with all its threads, to the tick. */
export function treeCpu(root: number): CpuTime {
  let user_us = 0;
  let system_us = 0;
  for (const [, times] of readTree(root)) {
    user_us += times.user_us;
    system_us += times.system_us;
  }
  return { user_us, system_us };
}

/** Resident memory of the tree under `root` in KiB. Pages that processes share count once for each. */
export function treeRss_kib(root: number): number {
  let sum = 0;
  for (const pid of treePids(root)) {
    try {
      sum += Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
    } catch {
      // it ended between listing and reading
    }
  }
  return sum;
}

/** What has been used of the given cores together. */
export function coreTime(cores: readonly number[]): CoreTime {
  const text = readFileSync('/proc/stat', 'utf8');
  const times = cores.map((core) => parseCoreStat(text, core));
  return {
    busy_us: times.reduce((sum, time) => sum + time.busy_us, 0),
    stolen_us: times.reduce((sum, time) => sum + time.stolen_us, 0),
  };
}

/** The cores that this process may use. */
export function allowedCores(): number[] {
  const list = /^Cpus_allowed_list:\s+(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return parseCoreList(list ?? '0');
}
