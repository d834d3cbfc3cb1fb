/** Round robin with weights: nothing but whose turn it is (`turns.ts` has the definition). */
import type { PickQuery } from './balancer.ts';
import type { Tier, TierChooser } from './tier.ts';
import { createTurns, type Turns } from './turns.ts';

export class RoundRobin implements TierChooser {
  readonly #indices: readonly number[];
  readonly #turns: Turns;

  constructor(tier: Tier) {
    this.#indices = tier.indices;
    this.#turns = createTurns(tier);
  }

  choose(query: PickQuery): number {
    const slot = this.#turns.next(query.excluded);
    return slot < 0 ? -1 : this.#indices[slot]!;
  }

  turn(slot: number): number {
    return this.#turns.turn(slot);
  }
}
