/** Runs inputs through every check, one after the other, and keeps what was found. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { notationOf } from '../parsers/corpus.ts';
import { Checks, kindOf } from './checks.ts';
import { FuzzedGateway } from './gateway.ts';
import { type Input, Inputs } from './input.ts';
import { minimise } from './minimise.ts';

export interface Finding {
  readonly index: number;
  readonly problem: string;
  /** The input again, as small as it could be made. */
  readonly bytes: Buffer;
}

export interface FuzzOptions {
  readonly seed: number;
  /** Number of the first input. */
  readonly from: number;
  /** Asked before each input. */
  readonly mayGoOn: (index: number) => boolean;
  /** Told before each input, so that somebody else can tell which one hangs. */
  readonly onInput: (index: number) => void;
}

export interface FuzzReport {
  readonly inputs: number;
  readonly findings: readonly Finding[];
  /** Bytes on the heap after a collection, from time to time. */
  readonly heap: readonly number[];
}

/** After so many of them something is thoroughly broken, and more of the same help nobody. */
const MOST_FINDINGS = 10;
const MOST_ATTEMPTS = 2_000;
const INPUTS_PER_MEASUREMENT = 2_000;

export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const inputs = new Inputs(options.seed);
  const checks = new Checks();
  const gateway = await FuzzedGateway.start();
  const findings: Finding[] = [];
  const heap: number[] = [];
  const problemOf = async (input: Input): Promise<string> =>
    (await checks.problemOf(input)) || (await gateway.problemOf(input));
  let index = options.from;
  try {
    for (; options.mayGoOn(index) && findings.length < MOST_FINDINGS; index++) {
      options.onInput(index);
      const input = inputs.input(index);
      const problem = await problemOf(input);
      if (problem !== '') findings.push(await smallest(index, input, problem, problemOf));
      if ((index - options.from) % INPUTS_PER_MEASUREMENT === INPUTS_PER_MEASUREMENT - 1) heap.push(heapBytes());
    }
  } finally {
    gateway.close();
  }
  return { inputs: index - options.from, findings, heap };
}

type Check = (input: Input) => Promise<string>;

async function smallest(index: number, input: Input, problem: string, problemOf: Check): Promise<Finding> {
  const kind = kindOf(problem);
  const stillFails = async (bytes: Buffer): Promise<boolean> => kindOf(await problemOf({ ...input, bytes })) === kind;
  const bytes = await minimise(input.bytes, stillFails, MOST_ATTEMPTS);
  // A problem that comes and goes is told as it was first seen.
  return { index, bytes, problem: (await problemOf({ ...input, bytes })) || problem };
}

function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  return process.memoryUsage().heapUsed;
}

/** Writes an input in the notation of the corpus. @returns the name of the file */
export function writeFinding(folder: string, seed: number, finding: Finding): string {
  mkdirSync(folder, { recursive: true });
  const { limits, method } = new Inputs(seed).input(finding.index);
  const file = path.join(folder, `seed-${seed}-input-${finding.index}.txt`);
  const limitsText = Object.entries(limits).map(([name, value]) => `${name}=${value}`);
  const lines = [
    `# npm run fuzz -- --seed ${seed} --from ${finding.index} --count 1`,
    ...finding.problem.split('\n').map((line) => `# ${line}`),
    `== found with seed ${seed} as input ${finding.index}`,
    `limits: ${limitsText.join(' ')}`,
    `to: ${method}`,
    `| ${notationOf(finding.bytes)}`,
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}
