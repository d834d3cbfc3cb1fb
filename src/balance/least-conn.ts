/**
 * Least connections, as APISIX documents it: the node with the lowest (in flight + 1) / weight. The + 1 makes an idle
 * gateway prefer heavy nodes; without it all idle nodes would tie, and a weight would count only under load.
 *
 * Of several such nodes, the one whose turn it is: with unequal weights by smooth weighted round robin (`turns.ts`) among
 * just those; with equal weights the first behind the last pick.
 */
import type { PickQuery } from './balancer.ts';
import type { Tier, TierChooser } from './tier.ts';
import { Credits, hasEqualWeights, Rotation } from './turns.ts';

export function createLeastConn(tier: Tier): TierChooser {
  return hasEqualWeights(tier) ? new EqualLeastConn(tier) : new WeightedLeastConn(tier);
}

class EqualLeastConn implements TierChooser {
  readonly #tier: Tier;
  readonly #rotation: Rotation;

  constructor(tier: Tier) {
    this.#tier = tier;
    this.#rotation = new Rotation(tier);
  }

  choose(query: PickQuery): number {
    const { indices, loads } = this.#tier;
    const { excluded } = query;
    const size = indices.length;
    let chosen = -1;
    let lowest = Infinity;
    let slot = this.#rotation.cursor;
    // Nothing is below 0 in flight: while some node is idle, the search ends at the first such node.
    for (let left = size; left > 0 && lowest > 0; left--) {
      const { inFlight } = loads[slot]!;
      if (inFlight < lowest && (excluded === null || !excluded(indices[slot]!))) {
        lowest = inFlight;
        chosen = slot;
      }
      if (++slot === size) slot = 0;
    }
    if (chosen < 0) return -1;
    this.#rotation.passBehind(chosen);
    return indices[chosen]!;
  }

  turn(slot: number): number {
    return this.#rotation.turn(slot);
  }
}

class WeightedLeastConn implements TierChooser {
  readonly #tier: Tier;
  readonly #credits: Credits;
  readonly #tied: Int32Array;

  constructor(tier: Tier) {
    this.#tier = tier;
    this.#credits = new Credits(tier);
    this.#tied = new Int32Array(tier.indices.length);
  }

  choose(query: PickQuery): number {
    const { indices, weights, loads } = this.#tier;
    const { excluded } = query;
    const tied = this.#tied;
    let count = 0;
    let bestBusy = 1;
    let bestWeight = 0;
    for (let slot = 0; slot < weights.length; slot++) {
      const busy = loads[slot]!.inFlight + 1;
      const weight = weights[slot]!;
      // Cross-multiplied: quotients that are equal as fractions may differ as floating-point numbers.
      const difference = busy * bestWeight - bestBusy * weight;
      if (difference > 0 || (excluded !== null && excluded(indices[slot]!))) continue;
      if (difference < 0) {
        count = 0;
        bestBusy = busy;
        bestWeight = weight;
      }
      tied[count++] = slot;
    }
    if (count === 0) return -1;
    return indices[count === 1 ? tied[0]! : this.#credits.nextOf(tied, count)]!;
  }

  turn(slot: number): number {
    return this.#credits.turn(slot);
  }
}
