/**
 * Where Gatewright's CPU time goes: `node bench/profile.ts --workload bare`. Runs it under load with V8's sampling
 * profiler on every thread, and prints the functions with the most self time.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { UsageError } from './arguments.ts';
import { gatewright } from './gateways/gatewright.ts';
import type { Gateway } from './gateways/gateway.ts';
import { Inspector } from './inspector.ts';
import { openLab } from './lab.ts';
import { runLoad } from './load.ts';
import { categoryTable, functionTable, selfTimes, type CpuProfile } from './profile-report.ts';
import { startGateway, warmUp, type Lab } from './rounds.ts';
import { WORKLOADS, type LoadWorkload } from './workloads.ts';

const USAGE = `usage: node bench/profile.ts [options]

  --workload NAME    what the clients do, bare unless told
  --seconds N        how long samples are taken, 5 unless told
  --top N            how many functions are listed, 40 unless told
  --interval_us N    time between two samples, 200 unless told
  --save FOLDER      writes a .cpuprofile per thread, which the developer tools of browsers open`;

const PACE = {
  rounds: 1,
  spareRounds: 0,
  seconds: 1,
  warm_ms: 3000,
  settle_ms: 0,
  memoryTimes: 1,
  comparesOwn: false,
  within_ms: Number.POSITIVE_INFINITY,
};

/** Gatewright with its inspector open on a free port; what was given to Node.js by the environment is kept. */
const inspected: Gateway = {
  ...gatewright,
  launch: (setup) => ({
    ...gatewright.launch(setup),
    env: { NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --inspect=127.0.0.1:0` },
  }),
};

interface Options {
  readonly workload: LoadWorkload;
  readonly seconds: number;
  readonly interval_us: number;
}

async function take(lab: Lab, { workload, seconds, interval_us }: Options): Promise<Map<string, CpuProfile>> {
  const contestant = await startGateway(lab, inspected, workload);
  const address = /Debugger listening on (ws:\/\/\S+)/.exec(contestant.running.output())?.[1];
  if (address === undefined) throw new Error(`no inspector: ${contestant.running.output()}`);
  const inspector = await Inspector.connect(address);
  await warmUp(lab, contestant);
  const aim = { port: contestant.port, seconds: seconds + 1, folder: lab.folder };
  const load = runLoad(lab.processes, lab.cores.load, workload.load, aim);
  await sleep(500);
  await inspector.start(interval_us);
  await sleep(seconds * 1000);
  const profiles = await inspector.stop();
  const { requests, duration_us } = await load;
  console.log(`${workload.name}: ${((requests * 1e6) / duration_us).toFixed(0)} requests/s under the profiler`);
  inspector.close();
  await lab.processes.stop(contestant.running);
  return profiles;
}

function number(name: string, text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new UsageError(`--${name} is '${text}', must be a whole number above 0`);
  return Number(text);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      workload: { type: 'string', default: 'bare' },
      seconds: { type: 'string', default: '5' },
      top: { type: 'string', default: '40' },
      interval_us: { type: 'string', default: '200' },
      save: { type: 'string' },
    },
  });
  const workload = WORKLOADS.find(({ name }) => name === values.workload);
  if (workload?.kind !== 'load') throw new UsageError(`there is no workload '${values.workload}' under load`);
  const [seconds, top] = [number('seconds', values.seconds), number('top', values.top)];
  const interval_us = number('interval_us', values.interval_us);
  const lab = await openLab(PACE, () => {}, [workload]);
  const profiles = await take(lab, { workload, seconds, interval_us });
  for (const [thread, profile] of profiles) {
    const times = selfTimes(profile);
    console.log(`\n${thread}\n\n${categoryTable(times)}\n\n${functionTable(times, top)}`);
    if (values.save !== undefined) {
      mkdirSync(values.save, { recursive: true });
      const file = join(values.save, `${thread.replaceAll(/[^a-z0-9]+/gi, '-')}.cpuprofile`);
      writeFileSync(file, JSON.stringify(profile));
    }
  }
}

try {
  await main();
  process.exit(0);
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  console.error(`profile: ${message}${error instanceof UsageError ? `\n\n${USAGE}` : ''}`);
  process.exit(error instanceof UsageError ? 64 : 1);
}
