/** Memory per idle connection: resident memory before and after they were opened, each time in a fresh process. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { treeRss_kib } from './cpu.ts';
import type { Gateway } from './gateways/gateway.ts';
import { untilLine, type Running } from './processes.ts';
import { startGateway, warmUp, type Contestant, type Lab } from './rounds.ts';
import { median, verdictOf, type Verdict } from './summary.ts';
import type { IdleWorkload } from './workloads.ts';

const OPENER = fileURLToPath(new URL('idle.ts', import.meta.url));
/** Sockets that a gateway needs besides those of its idle clients. */
const RESERVED = 1000;
const OPEN_WITHIN_MS = 20_000;

/** What a gateway needs for idle connections. */
export interface MemoryRow {
  readonly workload: string;
  readonly gateway: string;
  readonly connections: number;
  readonly before_mib: number;
  readonly after_mib: number;
  /** KiB of resident memory per connection. */
  readonly each_kib: number;
  readonly verdict?: Verdict;
}

/** How many of the wanted connections the limit on open files allows for. */
export function allowedConnections(wanted: number, limits: string): number {
  const limit = /^Max open files\s+\S+\s+(\S+)/m.exec(limits)?.[1];
  if (limit === undefined || limit === 'unlimited') return wanted;
  return Math.max(0, Math.min(wanted, Number(limit) - RESERVED));
}

/** Opens idle connections, and keeps them until the process is stopped. */
export async function hold(lab: Lab, contestant: Contestant, path: string, connections: number): Promise<Running> {
  const opener = lab.processes.start(
    { command: process.execPath, args: [OPENER, String(contestant.port), path, String(connections)] },
    lab.cores.load,
  );
  const line = await untilLine(opener, OPEN_WITHIN_MS);
  const { open } = JSON.parse(line) as { open: number };
  if (open !== connections) throw new Error(`${contestant.gateway.name} does not hold the connections: ${line}`);
  return opener;
}

async function measureOnce(lab: Lab, gateway: Gateway, workload: IdleWorkload, connections: number) {
  const contestant = await startGateway(lab, gateway, workload);
  let opener: Running | undefined;
  try {
    await warmUp(lab, contestant);
    await sleep(lab.pace.settle_ms);
    const before_kib = treeRss_kib(contestant.running.pid);
    opener = await hold(lab, contestant, workload.path, connections);
    await sleep(lab.pace.settle_ms);
    return { before_kib, after_kib: treeRss_kib(contestant.running.pid) };
  } finally {
    if (opener !== undefined) await lab.processes.stop(opener);
    await lab.processes.stop(contestant.running);
  }
}

/** Measures all gateways in turn, as often as the pace says. */
export async function runIdle(lab: Lab, workload: IdleWorkload, gateways: readonly Gateway[]) {
  const connections = allowedConnections(workload.connections, readFileSync('/proc/self/limits', 'utf8'));
  const faults =
    connections < workload.connections
      ? [
          `${workload.name}: only ${connections} connections, as 'ulimit -Hn' allows no more; raise it for the full number`,
        ]
      : [];
  const readings = new Map<string, { before_kib: number; after_kib: number }[]>();
  for (let time = 0; time < lab.pace.memoryTimes; time++) {
    for (const gateway of gateways) {
      try {
        const reading = await measureOnce(lab, gateway, workload, connections);
        readings.set(gateway.name, [...(readings.get(gateway.name) ?? []), reading]);
      } catch (error) {
        faults.push(error instanceof Error ? error.message : String(error));
      }
    }
    lab.progress(`memory, time ${time + 1}`);
  }
  const rows = [...readings].map(([gateway, all]): MemoryRow => {
    const each_kib = median(all.map(({ before_kib, after_kib }) => (after_kib - before_kib) / connections));
    const isJudged = gateway === 'gatewright' && workload.goal !== undefined;
    return {
      workload: workload.name,
      gateway,
      connections,
      before_mib: median(all.map(({ before_kib }) => before_kib)) / 1024,
      after_mib: median(all.map(({ after_kib }) => after_kib)) / 1024,
      each_kib,
      ...(isJudged && { verdict: verdictOf(each_kib, workload.goal) }),
    };
  });
  return { rows, faults };
}
