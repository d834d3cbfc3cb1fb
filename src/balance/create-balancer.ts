/** Balancers of all types: tiers by priority, each with its chooser, and the counting that all types share. */
import type { Balancer, BalanceNode, BalancerSettings, PickQuery } from './balancer.ts';
import { ConsistentHash } from './chash.ts';
import { Ewma, recordLatency } from './ewma.ts';
import { createLeastConn } from './least-conn.ts';
import { RoundRobin } from './round-robin.ts';
import { SoleNode, type NodeLoad, type Tier, type TierChooser } from './tier.ts';

/**
 * Makes the balancer of one upstream in one worker. `previous` is the balancer that it takes the place of after an
 * edit: nodes with an equal authority keep their counts, averages and turns, also when the type changes. The previous
 * one goes on serving the exchanges that began with it. Throws a RangeError for a weight that is no number from 0 up.
 */
export function createBalancer(
  settings: BalancerSettings,
  nodes: readonly BalanceNode[],
  previous?: Balancer,
): Balancer {
  return new TieredBalancer(settings, nodes, previous instanceof TieredBalancer ? previous : null);
}

interface Member {
  readonly index: number;
  readonly identity: string;
  readonly node: BalanceNode;
  readonly load: NodeLoad;
}

class TieredBalancer implements Balancer {
  picks = 0;
  readonly #type: BalancerSettings['type'];
  readonly #members: readonly Member[];
  readonly #loads: NodeLoad[];
  /** Highest priority first. */
  readonly #tiers: readonly Tier[];
  readonly #choosers: readonly TierChooser[];
  /** Nodes that an edit took away while attempts on them were under way: if they come back, those still count. */
  readonly #departed: ReadonlyMap<string, NodeLoad>;

  constructor(settings: BalancerSettings, nodes: readonly BalanceNode[], previous: TieredBalancer | null) {
    const known = previous === null ? new Map<string, NodeLoad>() : previous.#knownLoads();
    const turns = previous === null ? new Map<string, number>() : previous.#turns();
    this.#type = settings.type;
    this.#members = identify(nodes, known);
    this.#loads = this.#members.map((member) => member.load);
    for (const member of this.#members) known.delete(member.identity);
    this.#departed = new Map([...known].filter(([, load]) => load.inFlight > 0));
    this.#tiers = buildTiers(this.#members, turns);
    const before = previous === null ? [] : previous.#choosers;
    this.#choosers = this.#tiers.map((tier, rank) => createChooser(settings.type, tier, before[rank]));
  }

  pick(query: PickQuery): number {
    const choosers = this.#choosers;
    for (let rank = 0; rank < choosers.length; rank++) {
      const index = choosers[rank]!.choose(query);
      if (index >= 0) {
        this.#loads[index]!.inFlight++;
        this.picks++;
        return index;
      }
    }
    return -1;
  }

  release(index: number, latency_ms: number, now_ms: number): void {
    const load = this.#loads[index];
    if (load === undefined || load.inFlight === 0) {
      throw new RangeError(`node ${index} of ${this.#loads.length} has no pick to release`);
    }
    load.inFlight--;
    if (this.#type === 'ewma') recordLatency(load, latency_ms, now_ms);
  }

  inFlight(index: number): number {
    return this.#loads[index]?.inFlight ?? 0;
  }

  #knownLoads(): Map<string, NodeLoad> {
    const known = new Map(this.#departed);
    for (const member of this.#members) known.set(member.identity, member.load);
    return known;
  }

  #turns(): Map<string, number> {
    const turns = new Map<string, number>();
    for (const [rank, tier] of this.#tiers.entries()) {
      for (const [slot, identity] of tier.identities.entries()) turns.set(identity, this.#choosers[rank]!.turn(slot));
    }
    return turns;
  }
}

/** A list may name a target twice; the second one gets an identity of its own, as it has a weight of its own. */
function identify(nodes: readonly BalanceNode[], known: ReadonlyMap<string, NodeLoad>): Member[] {
  const seen = new Map<string, number>();
  return nodes.map((node, index) => {
    if (!(node.weight >= 0 && node.weight < Infinity)) {
      throw new RangeError(`weight ${node.weight} of node ${node.authority} must be a finite number from 0 up`);
    }
    const earlier = seen.get(node.authority) ?? 0;
    seen.set(node.authority, earlier + 1);
    const identity = earlier === 0 ? node.authority : `${node.authority} #${earlier + 1}`;
    return { index, identity, node, load: known.get(identity) ?? createLoad() };
  });
}

function createLoad(): NodeLoad {
  // NaN and −Infinity, not 0: V8 then keeps both as doubles from the start, and a write allocates nothing.
  return { inFlight: 0, average_ms: NaN, measured_ms: -Infinity };
}

function buildTiers(members: readonly Member[], turns: ReadonlyMap<string, number>): Tier[] {
  const groups = new Map<number, Member[]>();
  for (const member of members) {
    if (member.node.weight === 0) continue;
    const group = groups.get(member.node.priority);
    if (group === undefined) groups.set(member.node.priority, [member]);
    else group.push(member);
  }
  const descending = [...groups].sort(([a], [b]) => b - a);
  return descending.map(([, group]) => ({
    indices: group.map((member) => member.index),
    weights: group.map((member) => member.node.weight),
    identities: group.map((member) => member.identity),
    loads: group.map((member) => member.load),
    turns: group.map((member) => turns.get(member.identity) ?? 0),
  }));
}

function createChooser(type: BalancerSettings['type'], tier: Tier, previous: TierChooser | undefined): TierChooser {
  if (tier.indices.length === 1) return new SoleNode(tier.indices[0]!);
  switch (type) {
    case 'roundrobin':
      return new RoundRobin(tier);
    case 'chash':
      return new ConsistentHash(tier, previous);
    case 'least_conn':
      return createLeastConn(tier);
    case 'ewma':
      return new Ewma(tier);
  }
}
