/** Runs one workload under load: starts the gateways, warms them up, and measures them in turn, round after round. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { coreTime, treeCpu, treeRss_kib } from './cpu.ts';
import type { Gateway } from './gateways/gateway.ts';
import { writeCertificate } from './certificate.ts';
import { isSecured, loadCommand, loadFault, runLoad } from './load.ts';
import { freePort, untilReady } from './probe.ts';
import type { Processes, Running } from './processes.ts';
import { quietest, type Sample } from './summary.ts';
import { expectedOf, type LoadWorkload, type Workload } from './workloads.ts';

/** What it takes to open the connections, of a gateway that needs no more. */
const OPEN_MS = 200;
/** Above this share of foreign CPU time a round is repeated, if repeating is asked for. */
const DISTURBED = 0.05;

/** How thoroughly it is measured. */
export interface Pace {
  readonly rounds: number;
  /** Rounds to add at most, in place of disturbed ones. */
  readonly spareRounds: number;
  readonly seconds: number;
  /** Load before the first round, for gateways that need it. */
  readonly warm_ms: number;
  /** Before memory is read. */
  readonly settle_ms: number;
  /** How often memory is measured, each time in fresh processes. */
  readonly memoryTimes: number;
  /** Whether a workload with `against` is measured beside that one. */
  readonly comparesOwn: boolean;
  /** No further workload is begun after this time from the start. */
  readonly within_ms: number;
}

/** What a benchmark has at hand. */
export interface Lab {
  readonly pace: Pace;
  readonly processes: Processes;
  /** For configurations, removed at the end. */
  readonly folder: string;
  readonly cores: Cores;
  readonly upstreamPort: number;
  /** Of the upstream over TLS; 0 where no workload needs one. */
  readonly securedPort: number;
  /** Of a server of Redis; 0 where no workload needs one. */
  readonly redisPort: number;
  /** Tells whoever waits what happens. */
  progress(text: string): void;
}

export interface Cores {
  readonly gateway: readonly number[];
  /** For the load generator, the upstream and the benchmark itself. */
  readonly load: readonly number[];
}

/** A gateway that runs with the configuration of a workload. */
export interface Contestant {
  readonly gateway: Gateway;
  readonly workload: Workload;
  readonly port: number;
  readonly running: Running;
}

export interface Measured {
  readonly samples: readonly Sample[];
  /** What went wrong: gateways that did not start, rounds that do not count. */
  readonly faults: readonly string[];
}

/** Starts a gateway for a workload and waits until it answers as it should. */
export async function startGateway(lab: Lab, gateway: Gateway, workload: Workload): Promise<Contestant> {
  const [port, controlPort] = [await freePort(), await freePort()];
  const folder = join(lab.folder, `${workload.name}-${gateway.name}-${port}`);
  mkdirSync(folder);
  const { routes, tuning, isUpstreamSecured = false } = workload;
  const { redisPort } = lab;
  const upstreamPort = isUpstreamSecured ? lab.securedPort : lab.upstreamPort;
  const isHttp2 = loadOf(workload).streams > 0;
  const isTls = isSecured(loadOf(workload));
  const ports = { port, controlPort, upstreamPort, redisPort };
  if (isTls) writeCertificate(folder);
  const running = lab.processes.start(
    gateway.launch({ folder, ...ports, routes, tuning, isHttp2, isSecured: isTls, isUpstreamSecured }),
    'hasAllCores' in workload ? [...new Set([...lab.cores.gateway, ...lab.cores.load])] : lab.cores.gateway,
  );
  try {
    await untilReady(running, port, loadOf(workload), expectedOf(workload, gateway.name));
  } catch (error) {
    await lab.processes.stop(running);
    throw new Error(`${gateway.name} in ${workload.name}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  return { gateway, workload, port, running };
}

function loadOf(workload: Workload): LoadWorkload['load'] {
  if (workload.kind === 'load') return workload.load;
  return { path: workload.path, method: 'GET', bodyBytes: 0, connections: 64, closes: false, streams: 0 };
}

/** Load without measuring, so that code is compiled and connections are open. */
export async function warmUp(lab: Lab, { gateway, workload, port }: Contestant): Promise<void> {
  const aim = { port, seconds: 60, folder: lab.folder };
  const generator = lab.processes.start(loadCommand(loadOf(workload), aim), lab.cores.load);
  await sleep(gateway.needsWarmUp ? lab.pace.warm_ms : OPEN_MS);
  await lab.processes.stop(generator);
}

/** One gateway in one round, or why it does not count. */
async function measure(lab: Lab, contestant: Contestant, round: number): Promise<Sample | string> {
  const { gateway, workload, port, running } = contestant;
  const load = loadOf(workload);
  const allCores = [...new Set([...lab.cores.gateway, ...lab.cores.load])];
  const before = { gateway: treeCpu(running.pid), ours: treeCpu(process.pid), cores: coreTime(allCores) };
  const started = performance.now();
  const { folder, pace } = lab;
  const result = await runLoad(lab.processes, lab.cores.load, load, { port, seconds: pace.seconds, folder });
  const elapsed_us = (performance.now() - started) * 1000;
  const after = { gateway: treeCpu(running.pid), ours: treeCpu(process.pid), cores: coreTime(allCores) };
  const name = `${gateway.name} in ${workload.name}, round ${round + 1}`;
  if (running.hasEnded()) return `${name}: it ended: ${running.output().trim()}`;
  const fault = loadFault(result, expectedOf(workload, gateway.name));
  if (fault !== undefined) return `${name}: ${fault}`;
  const ours_us = after.ours.user_us + after.ours.system_us - before.ours.user_us - before.ours.system_us;
  const used_us = after.cores.busy_us + after.cores.stolen_us - before.cores.busy_us - before.cores.stolen_us;
  return {
    workload: workload.name,
    gateway: gateway.name,
    round,
    requests: result.requests,
    duration_us: result.duration_us,
    user_us: after.gateway.user_us - before.gateway.user_us,
    system_us: after.gateway.system_us - before.gateway.system_us,
    p50_us: result.p50_us,
    p99_us: result.p99_us,
    rss_kib: treeRss_kib(running.pid),
    foreign: Math.max(0, used_us - ours_us) / (elapsed_us * allCores.length),
  };
}

/** Rounds until enough of them were quiet, or the spare ones are used up. */
async function measureRounds(lab: Lab, contestants: readonly Contestant[]): Promise<Measured> {
  const samples: Sample[] = [];
  const faults: string[] = [];
  const { rounds, spareRounds } = lab.pace;
  let quiet = 0;
  for (let round = 0; quiet < rounds && round < rounds + spareRounds; round++) {
    let foreign = 0;
    for (const contestant of contestants) {
      const outcome = await measure(lab, contestant, round);
      if (typeof outcome === 'string') faults.push(outcome);
      else samples.push(outcome);
      foreign = Math.max(foreign, typeof outcome === 'string' ? 0 : outcome.foreign);
    }
    if (foreign <= DISTURBED) quiet++;
    lab.progress(`round ${round + 1}: ${(foreign * 100).toFixed(0)} % of the time went to other processes`);
  }
  return { samples: quietest(samples, rounds), faults };
}

/** Measures one workload on all gateways; copies of them that are set up for `against` run in the same rounds. */
export async function runRounds(
  lab: Lab,
  workload: LoadWorkload,
  against: Workload | undefined,
  gateways: readonly Gateway[],
): Promise<Measured> {
  const contestants: Contestant[] = [];
  const faults: string[] = [];
  try {
    for (const gateway of gateways) {
      for (const each of against === undefined ? [workload] : [workload, against]) {
        try {
          const contestant = await startGateway(lab, gateway, each);
          contestants.push(contestant);
          await warmUp(lab, contestant);
        } catch (error) {
          faults.push(error instanceof Error ? error.message : String(error));
        }
      }
    }
    const measured = await measureRounds(lab, contestants);
    return { samples: measured.samples, faults: [...faults, ...measured.faults] };
  } finally {
    for (const { running } of contestants) await lab.processes.stop(running);
  }
}
