/** The command line of the benchmark. */
import { parseArgs } from 'node:util';
import type { Pace } from './rounds.ts';

export const USAGE = `usage: npm run bench -- [options]

  --quick            one short round of everything, within 60 seconds, without HAProxy: a first impression only
  --only NAMES       these workloads, separated by commas
  --gateways NAMES   these gateways (nginx, haproxy, gatewright, or the path of a file that exports a further adapter)
  --rounds N         rounds that count, 7 unless told
  --seconds N        seconds that each gateway is measured in a round, 2 unless told
  --json FILE        writes everything that was measured to a file
  --list             lists the workloads`;

export interface BenchArguments {
  readonly isQuick: boolean;
  readonly list: boolean;
  readonly only: readonly string[] | undefined;
  readonly gateways: readonly string[];
  readonly rounds: number;
  readonly seconds: number;
  readonly json: string | undefined;
}

const QUICK_WITHIN_MS = 48_000;

/** How thoroughly to measure. The quick pace gives up spare rounds and comparisons. */
export function paceOf({ isQuick, rounds, seconds }: BenchArguments): Pace {
  return {
    rounds,
    seconds,
    spareRounds: isQuick ? 0 : rounds,
    warm_ms: isQuick ? 1200 : 3000,
    settle_ms: isQuick ? 150 : 500,
    memoryTimes: isQuick ? 1 : 3,
    comparesOwn: !isQuick,
    within_ms: isQuick ? QUICK_WITHIN_MS : Number.POSITIVE_INFINITY,
  };
}

/** A command line that cannot be obeyed; the message says why. */
export class UsageError extends Error {}

function count(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!/^[1-9]\d{0,3}$/.test(text))
    throw new UsageError(`--${name} is '${text}', must be a whole number from 1 to 9999`);
  return Number(text);
}

function names(text: string | undefined): string[] | undefined {
  return text?.split(',').filter((name) => name !== '');
}

/** Parses and checks the arguments; throws a UsageError. */
export function parseArguments(args: readonly string[], workloads: readonly string[]): BenchArguments {
  const options = {
    quick: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    only: { type: 'string' },
    gateways: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    json: { type: 'string' },
  } as const;
  let values;
  try {
    ({ values } = parseArgs({ args: [...args], options, allowPositionals: false }));
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  const only = names(values.only);
  const unknown = only?.find((name) => !workloads.includes(name));
  if (unknown !== undefined) throw new UsageError(`there is no workload '${unknown}', only ${workloads.join(', ')}`);
  return {
    isQuick: values.quick,
    list: values.list,
    only,
    gateways: names(values.gateways) ?? (values.quick ? ['nginx', 'gatewright'] : ['nginx', 'haproxy', 'gatewright']),
    rounds: count('rounds', values.rounds, values.quick ? 1 : 7),
    seconds: count('seconds', values.seconds, values.quick ? 1 : 2),
    json: values.json,
  };
}
