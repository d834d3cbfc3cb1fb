/** How evenly connections, and the requests on them, fall on workers: the kernel chooses one for each connection. */
import { setTimeout as sleep } from 'node:timers/promises';
import { treeRss_kib } from './cpu.ts';
import { gatewright } from './gateways/gatewright.ts';
import { runLoad } from './load.ts';
import { hold } from './memory.ts';
import { freePort } from './probe.ts';
import type { Running } from './processes.ts';
import { startGateway, type Lab } from './rounds.ts';
import type { FairnessWorkload } from './workloads.ts';

const METRICS_PATH = '/apisix/prometheus/metrics';

/** What each worker got. */
export interface FairnessRow {
  readonly workload: string;
  /** Connections that were opened one after the other, and stay. */
  readonly connections: readonly number[];
  /** Requests of as many busy clients as wrk has. */
  readonly requests: readonly number[];
  /** Connections of those clients. */
  readonly busy: readonly number[];
  /** Resident memory of the process, before any connection. */
  readonly rss_mib: number;
}

/** The largest of some shares, over an even one. */
export function unevenness(shares: readonly number[]): number {
  const sum = shares.reduce((all, each) => all + each, 0);
  return sum === 0 ? 1 : (Math.max(...shares) * shares.length) / sum;
}

/** What a metric says of each worker, in their order. */
export function byWorker(text: string, name: string): number[] {
  const lines = text.matchAll(new RegExp(`^${name}\\{thread="worker (\\d+)"\\} (\\S+)$`, 'gm'));
  const found = Array.from(lines, ([, worker, value]) => [Number(worker), Number(value)] as const);
  return found.toSorted(([one], [other]) => one - other).map(([, value]) => value);
}

export async function runFairness(lab: Lab, workload: FairnessWorkload): Promise<FairnessRow> {
  const port = await freePort();
  const settings = { workers: workload.workers, metrics: { address: '127.0.0.1', port, path: METRICS_PATH } };
  const contestant = await startGateway(lab, gatewright, { ...workload, tuning: { gatewright: { settings } } });
  let opener: Running | undefined;
  const read = async (): Promise<{ accepted: number[]; requests: number[] }> => {
    const text = await (await fetch(`http://127.0.0.1:${port}${METRICS_PATH}`)).text();
    return {
      accepted: byWorker(text, 'gatewright_worker_accepted_total'),
      requests: byWorker(text, 'gatewright_worker_requests_total'),
    };
  };
  try {
    await sleep(lab.pace.settle_ms);
    const rss_mib = treeRss_kib(contestant.running.pid) / 1024;
    const before = await read();
    opener = await hold(lab, contestant, workload.path, workload.connections);
    const held = await read();
    const load = {
      path: workload.path,
      method: 'GET',
      bodyBytes: 0,
      connections: workload.clients,
      closes: false,
      streams: 0,
    } as const;
    const aim = { port: contestant.port, seconds: lab.pace.seconds, folder: lab.folder };
    await runLoad(lab.processes, lab.cores.load, load, aim);
    const after = await read();
    const difference = (to: readonly number[], from: readonly number[]): number[] =>
      to.map((each, i) => each - (from[i] ?? 0));
    return {
      workload: workload.name,
      connections: difference(held.accepted, before.accepted),
      requests: difference(after.requests, held.requests),
      busy: difference(after.accepted, held.accepted),
      rss_mib,
    };
  } finally {
    if (opener !== undefined) await lab.processes.stop(opener);
    await lab.processes.stop(contestant.running);
  }
}
