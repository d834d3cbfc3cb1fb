/** From samples to the rows of the report: medians, ratios within a round, verdicts. Pure. */
import type { Goal, Workload } from './workloads.ts';

/** One gateway in one round of one workload. */
export interface Sample {
  readonly workload: string;
  readonly gateway: string;
  readonly round: number;
  readonly requests: number;
  readonly duration_us: number;
  readonly user_us: number;
  readonly system_us: number;
  readonly p50_us: number;
  readonly p99_us: number;
  readonly rss_kib: number;
  /** The share of all cores' time that went to other people's processes and to the hypervisor, 0 to 1. */
  readonly foreign: number;
}

export type Verdict = 'goal' | 'accept' | 'missed';

/** What a gateway did in a workload under load. Times are CPU microseconds per request. */
export interface Row {
  readonly workload: string;
  readonly gateway: string;
  readonly cpu_us: number;
  readonly user_us: number;
  readonly system_us: number;
  /** To nginx in the same rounds, in this workload or in the one that judges it: their median, and the middle half of them. */
  readonly ratio?: Spread;
  /** To the same gateway's own cost in the workload named by `against`, in the same rounds. */
  readonly toAgainst?: Spread;
  readonly requestsPerSecond: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly rss_mib: number;
  /** The share of its core that the gateway used, 0 to 1: near 1 it was the bottleneck, as it should be. */
  readonly busy: number;
  readonly rounds: number;
  readonly verdict?: Verdict;
}

export interface Spread {
  readonly low: number;
  readonly median: number;
  readonly high: number;
}

/** Linear interpolation between the closest ranks; `share` from 0 to 1. */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new Error('no values to take a quantile of');
  const sorted = values.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const [low = 0, high = low] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return low + (high - low) * (at - Math.floor(at));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** What is compared: CPU microseconds per request. */
export function costOf(sample: Sample): number {
  return (sample.user_us + sample.system_us) / sample.requests;
}

/** Whether less is good enough: both limits are the highest value that passes, read at the two digits that are shown. */
export function verdictOf(value: number, { goal, accept }: Goal): Verdict {
  const shown = Math.round(value * 100) / 100;
  if (shown <= goal) return 'goal';
  return shown <= accept ? 'accept' : 'missed';
}

/**
 * The `keep` rounds in which other processes took the least time. The choice does not look at what was measured, so it
 * favours nobody. A round that lacks a gateway (its run failed) counts only if there are no others.
 */
export function quietest(samples: readonly Sample[], keep: number): Sample[] {
  const byRound = Map.groupBy(samples, ({ round }) => round);
  const most = Math.max(0, ...[...byRound.values()].map((group) => group.length));
  const disturbance = (group: readonly Sample[]): number =>
    most - group.length + Math.max(...group.map(({ foreign }) => foreign));
  return [...byRound.values()]
    .toSorted((a, b) => disturbance(a) - disturbance(b))
    .slice(0, keep)
    .flat();
}

function ratioTo(own: readonly Sample[], others: readonly Sample[]): Spread | undefined {
  const costs = new Map(others.map((sample) => [sample.round, costOf(sample)]));
  const ratios = own.flatMap((sample) => {
    const cost = costs.get(sample.round);
    return cost === undefined ? [] : [costOf(sample) / cost];
  });
  if (ratios.length === 0) return undefined;
  return { low: quantile(ratios, 0.25), median: median(ratios), high: quantile(ratios, 0.75) };
}

/** The row of one gateway. The parts of user and system time are taken over all rounds: a single one has too few ticks. */
function rowOf(workload: Workload, gateway: string, samples: readonly Sample[]): Row {
  const of = (name: string, load: string): Sample[] =>
    samples.filter((sample) => sample.gateway === name && sample.workload === load);
  const own = of(gateway, workload.name);
  const cpu_us = median(own.map(costOf));
  const user = own.reduce((sum, sample) => sum + sample.user_us, 0);
  const system = own.reduce((sum, sample) => sum + sample.system_us, 0);
  const userShare = user + system === 0 ? 0 : user / (user + system);
  const against = workload.kind === 'load' ? workload.against : undefined;
  const isJudgedByAgainst = workload.kind === 'load' && workload.isJudgedByAgainst === true;
  const ratio = ratioTo(own, of('nginx', isJudgedByAgainst && against !== undefined ? against : workload.name));
  const toAgainst = against === undefined ? undefined : ratioTo(own, of(gateway, against));
  const isJudged = gateway === 'gatewright' && workload.goal !== undefined && ratio !== undefined;
  return {
    workload: workload.name,
    gateway,
    cpu_us,
    user_us: cpu_us * userShare,
    system_us: cpu_us * (1 - userShare),
    ...(ratio !== undefined && { ratio }),
    ...(toAgainst !== undefined && { toAgainst }),
    requestsPerSecond: median(own.map((sample) => (sample.requests * 1e6) / sample.duration_us)),
    p50_ms: median(own.map((sample) => sample.p50_us)) / 1000,
    p99_ms: median(own.map((sample) => sample.p99_us)) / 1000,
    rss_mib: median(own.map((sample) => sample.rss_kib)) / 1024,
    busy: median(own.map((sample) => (sample.user_us + sample.system_us) / sample.duration_us)),
    rounds: own.length,
    ...(isJudged && { verdict: verdictOf(ratio.median, workload.goal) }),
  };
}

/** The rows of one workload, one a gateway, in the order in which the gateways were measured. */
export function summarise(workload: Workload, samples: readonly Sample[]): Row[] {
  const measured = samples.filter((sample) => sample.workload === workload.name);
  const gateways = [...new Set(measured.map(({ gateway }) => gateway))];
  return gateways.map((gateway) => rowOf(workload, gateway, samples));
}
