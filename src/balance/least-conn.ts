/**
 * Least connections, as APISIX documents it: the node with the lowest (in flight + 1) / weight. Of several, the one whose
 * turn it is by smooth weighted round robin among just those. The + 1 makes an idle gateway prefer heavy nodes; without
 * it every idle node would tie, and a weight would count only under load.
 */
import type { PickQuery } from './balancer.ts';
import type { Tier, TierChooser } from './tier.ts';
import { createTurns, type Turns } from './turns.ts';

export class LeastConn implements TierChooser {
  readonly #tier: Tier;
  readonly #turns: Turns;
  readonly #tied: Int32Array;

  constructor(tier: Tier) {
    this.#tier = tier;
    this.#turns = createTurns(tier);
    this.#tied = new Int32Array(tier.indices.length);
  }

  choose(query: PickQuery): number {
    const { indices, weights, loads } = this.#tier;
    const excluded = query.excluded;
    const tied = this.#tied;
    let count = 0;
    let bestBusy = 0;
    let bestWeight = 0;
    for (let slot = 0; slot < weights.length; slot++) {
      const busy = loads[slot]!.inFlight + 1;
      const weight = weights[slot]!;
      // Cross-multiplied: quotients that are equal as fractions may differ as floating-point numbers.
      const difference = count === 0 ? -1 : busy * bestWeight - bestBusy * weight;
      if (difference > 0 || (excluded !== null && excluded(indices[slot]!))) continue;
      if (difference < 0) {
        count = 0;
        bestBusy = busy;
        bestWeight = weight;
      }
      tied[count++] = slot;
    }
    if (count === 0) return -1;
    return indices[count === 1 ? tied[0]! : this.#turns.nextOf(tied, count)]!;
  }

  turn(slot: number): number {
    return this.#turns.turn(slot);
  }
}
