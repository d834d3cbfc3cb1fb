/** Tiers: the nodes of one priority, as parallel arrays. A tier knows nothing of the other priorities. */
import type { PickQuery } from './balancer.ts';

/** What is known of one node. Shared by all balancers that an edit puts in each other's place. */
export interface NodeLoad {
  /** Picks that are not released yet. */
  inFlight: number;
  /** Moving average of the latency as of `measured_ms`; NaN before the first measurement. */
  average_ms: number;
  /** When the average last changed. */
  measured_ms: number;
}

/** Nodes of one priority with a weight above 0, in the order of the upstream. A place in these arrays is a slot. */
export interface Tier {
  /** The index of each node among all nodes of the upstream. */
  readonly indices: readonly number[];
  readonly weights: readonly number[];
  /** What identifies each node across edits. */
  readonly identities: readonly string[];
  readonly loads: readonly NodeLoad[];
  /** Where each node stood in its turn before the edit, as `TierChooser.turn` told; 0 for a new one. */
  readonly turns: readonly number[];
}

/** How one tier chooses. It does not count its choices: the balancer does, for all tiers alike. */
export interface TierChooser {
  /** The index (not the slot) of the chosen node, −1 if every node of the tier is excluded. */
  choose(query: PickQuery): number;
  /** How far the node in `slot` is ahead (above 0) or behind, as a fraction of a whole round; 0 where none is kept. */
  turn(slot: number): number;
}

/** Puts the slots of the nodes that are not excluded into `slots`; gives their number. */
export function collectEligible(tier: Tier, excluded: (index: number) => boolean, slots: Int32Array): number {
  const { indices } = tier;
  let count = 0;
  for (let slot = 0; slot < indices.length; slot++) {
    if (!excluded(indices[slot]!)) slots[count++] = slot;
  }
  return count;
}

/** A tier of one node, whatever the balancer: there is nothing to compare. */
export class SoleNode implements TierChooser {
  readonly #index: number;

  constructor(index: number) {
    this.#index = index;
  }

  choose(query: PickQuery): number {
    return query.excluded !== null && query.excluded(this.#index) ? -1 : this.#index;
  }

  turn(): number {
    return 0;
  }
}
