/** What the tests of the balancers are made of: seeded randomness, nodes, queries. Not part of the gateway. */
import type { Balancer, BalanceNode, BalancerSettings, PickQuery } from './balancer.ts';

/** The four types, each with settings that serve any test. */
export const ALL_SETTINGS: readonly BalancerSettings[] = [
  { type: 'roundrobin' },
  { type: 'chash', hashKey: { kind: 'vars', name: 'remote_addr', variable: 'remote_addr' } },
  { type: 'least_conn' },
  { type: 'ewma' },
];

export type Excluded = (index: number) => boolean;

/** A source of numbers that depends on its seed alone (the generator known as mulberry32). */
export class Seeded {
  readonly seed: number;
  #state: number;

  constructor(seed: number) {
    this.seed = seed;
    this.#state = seed;
  }

  /** Uniform in [0, 1). */
  unit(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x100000000;
  }

  /** A whole number from `low` to `high`, both included. */
  whole(low: number, high: number): number {
    return low + Math.floor(this.unit() * (high - low + 1));
  }

  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  /** Nodes of distinct authorities; some without weight, some of another priority, if the bounds allow. */
  nodes(count: number, heaviest: number, priorities: number): BalanceNode[] {
    return Array.from({ length: count }, (_, at) =>
      node(`10.0.${at >> 8}.${at & 0xff}:80`, this.whole(0, heaviest), this.whole(1 - priorities, 0)),
    );
  }

  /** Excludes nobody, or each node with a probability that varies from call to call. */
  exclusion(count: number): Excluded | null {
    if (this.chance(0.5)) return null;
    const probability = this.unit();
    const out = Array.from({ length: count }, () => this.chance(probability));
    return (index) => out[index] === true;
  }
}

export function node(authority: string, weight = 1, priority = 0): BalanceNode {
  return { authority, weight, priority };
}

export function query(changes: Partial<PickQuery> = {}): PickQuery {
  return { hashKey: '', now_ms: 0, random: 0, excluded: null, ...changes };
}

/** Picks and releases at once. */
export function pickOnce(balancer: Balancer, asked: PickQuery = query()): number {
  const index = balancer.pick(asked);
  if (index >= 0) balancer.release(index, 1, asked.now_ms);
  return index;
}

/** The indices of the nodes that the highest usable priority offers: the rule that all balancers share. */
export function candidates(nodes: readonly BalanceNode[], excluded: Excluded | null): number[] {
  const usable = [...nodes.keys()].filter((index) => nodes[index]!.weight > 0 && !excluded?.(index));
  const highest = Math.max(...usable.map((index) => nodes[index]!.priority));
  return usable.filter((index) => nodes[index]!.priority === highest);
}
