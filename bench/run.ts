/** The benchmark: `npm run bench`. docs/benchmark.md says what it measures and how to read it. */
import { writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { pathToFileURL } from 'node:url';
import { resolve } from 'node:path';
import { paceOf, parseArguments, USAGE, UsageError, type BenchArguments } from './arguments.ts';
import { runFairness, type FairnessRow } from './fairness.ts';
import { gatewright } from './gateways/gatewright.ts';
import type { Gateway } from './gateways/gateway.ts';
import { haproxy } from './gateways/haproxy.ts';
import { nginx } from './gateways/nginx.ts';
import { missingTools, openLab } from './lab.ts';
import { runIdle, type MemoryRow } from './memory.ts';
import { fairnessTable, loadTable, memoryTable, remarks } from './report.ts';
import { runRounds, type Lab } from './rounds.ts';
import { summarise, type Row, type Sample } from './summary.ts';
import { WORKLOADS, type Workload } from './workloads.ts';

const BUILT_IN: readonly Gateway[] = [nginx, haproxy, gatewright];

const say = (text: string): void => console.error(`bench: ${text}`);

async function chooseGateway(name: string): Promise<Gateway> {
  const builtIn = BUILT_IN.find((gateway) => gateway.name === name);
  if (builtIn !== undefined) return builtIn;
  if (!name.includes('/')) {
    throw new UsageError(`there is no gateway '${name}', only ${BUILT_IN.map((each) => each.name).join(', ')}`);
  }
  const module = (await import(pathToFileURL(resolve(name)).href)) as { default?: Gateway };
  if (module.default === undefined) throw new UsageError(`${name} has no default export; it must be a Gateway`);
  return module.default;
}

/** The gateways that can be measured here; says of the others why not. */
async function present(names: readonly string[]): Promise<Gateway[]> {
  const chosen: Gateway[] = [];
  for (const name of names) {
    const gateway = await chooseGateway(name);
    const missing = gateway.missing();
    if (missing === undefined) chosen.push(gateway);
    else say(missing);
  }
  return chosen;
}

async function versions(lab: Lab, gateways: readonly Gateway[]): Promise<Record<string, string>> {
  const found: Record<string, string> = { node: process.version };
  for (const { name, version } of gateways) {
    const output = await lab.processes.run(version.command, version.args, lab.cores.load).catch(String);
    found[name] = output.trim().split('\n', 1).join('');
  }
  return found;
}

interface Outcome {
  readonly samples: Sample[];
  readonly rows: Row[];
  readonly memory: MemoryRow[];
  readonly fairness: FairnessRow[];
  readonly faults: string[];
}

async function runAll(lab: Lab, workloads: readonly Workload[], gateways: readonly Gateway[]): Promise<Outcome> {
  const outcome: Outcome = { samples: [], rows: [], memory: [], fairness: [], faults: [] };
  for (const workload of workloads) {
    if (performance.now() > lab.pace.within_ms) {
      outcome.faults.push(`${workload.name}: left out, as the time for a quick run is over`);
      continue;
    }
    say(`${workload.name}: ${workload.title}`);
    if (workload.kind === 'idle') {
      const { rows, faults } = await runIdle(lab, workload, gateways);
      outcome.memory.push(...rows);
      outcome.faults.push(...faults);
    } else if (workload.kind === 'fairness') {
      if (!gateways.includes(gatewright)) continue;
      try {
        outcome.fairness.push(await runFairness(lab, workload));
      } catch (error) {
        outcome.faults.push(error instanceof Error ? error.message : String(error));
      }
    } else {
      const compares = lab.pace.comparesOwn || workload.isJudgedByAgainst === true;
      const against = WORKLOADS.find(({ name }) => compares && name === workload.against);
      const { samples, faults } = await runRounds(lab, workload, against, gateways);
      outcome.samples.push(...samples);
      outcome.rows.push(...summarise(workload, samples));
      outcome.faults.push(...faults);
    }
  }
  return outcome;
}

function print(workloads: readonly Workload[], { rows, memory, fairness, faults, samples }: Outcome): void {
  if (rows.length > 0) console.log(`\n${loadTable(workloads, rows)}`);
  if (memory.length > 0) console.log(`\n${memoryTable(workloads, memory)}`);
  if (fairness.length > 0) console.log(`\n${fairnessTable(fairness)}`);
  const lines = remarks(workloads, rows, samples);
  if (lines.length > 0) console.log(`\n${lines.join('\n')}`);
  for (const fault of faults) console.log(`! ${fault}`);
}

function chosen({ only, isQuick }: BenchArguments): Workload[] {
  if (only !== undefined) return WORKLOADS.filter(({ name }) => only.includes(name));
  // Comparisons take twice as long, and a quick run gives them up.
  const isBrief = (each: Workload): boolean =>
    each.kind !== 'load' || (each.against === undefined && each.isExtra !== true);
  return WORKLOADS.filter((each) => !isQuick || isBrief(each));
}

async function bench(options: BenchArguments): Promise<number> {
  const gateways = await present(options.gateways);
  const tools = missingTools();
  tools.forEach(say);
  if (gateways.length === 0 || tools.some((tool) => tool.startsWith('wrk '))) return 1;
  const hasRedis = !tools.some((tool) => tool.startsWith('redis-server '));
  const hasSecured = !tools.some((tool) => tool.startsWith('haproxy '));
  const workloads = chosen(options).filter(
    ({ needsRedis = false, isUpstreamSecured = false }) =>
      (hasRedis || !needsRedis) && (hasSecured || !isUpstreamSecured),
  );
  const lab = await openLab(paceOf(options), say, workloads);
  const found = await versions(lab, gateways);
  const outcome = await runAll(lab, workloads, gateways);
  print(workloads, outcome);
  if (options.json !== undefined) {
    const machine = { cpu: cpus()[0]?.model, cores: lab.cores, kernel: release() };
    const content = { machine, versions: found, pace: lab.pace, ...outcome };
    writeFileSync(options.json, `${JSON.stringify(content, null, 2)}\n`);
  }
  return outcome.faults.length === 0 ? 0 : 1;
}

try {
  const options = parseArguments(
    process.argv.slice(2),
    WORKLOADS.map(({ name }) => name),
  );
  if (options.list) for (const { name, title } of WORKLOADS) console.log(`${name.padEnd(24)}${title}`);
  // Ends what still runs: the upstream lives until the exit handler ends it.
  process.exit(options.list ? 0 : await bench(options));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`bench: ${error.message}\n\n${USAGE}`);
  process.exit(64);
}
