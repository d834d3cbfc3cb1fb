/**
 * Smooth weighted round robin: whose turn it is among the nodes of one tier. Each node has a credit, 0 at first. A turn
 * adds to every candidate's credit its weight, goes to the candidate with the highest credit (the first of several in
 * the order of the upstream), and lowers that credit by the sum of the candidates' weights. Candidates are the nodes
 * that are not excluded; the credit of the others does not change.
 *
 * While no node is excluded, every window of sum(weights) turns has each node exactly `weight` times, and the turns of a
 * heavy node are spread over the window: weights 5, 1, 1 give A A B A C A A. This is the rule of nginx's upstream
 * module since nginx 1.3.1.
 *
 * Equal weights make this a plain rotation, which costs the same for any number of nodes; an excluded node there just
 * loses its turn.
 */
import type { Tier } from './tier.ts';

export interface Turns {
  /** The slot whose turn it is, −1 if all are excluded. */
  next(excluded: ((index: number) => boolean) | null): number;
  /** How far a node is ahead (above 0) or behind, as a fraction of a round: what `Tier.turns` takes over. */
  turn(slot: number): number;
}

export function createTurns(tier: Tier): Turns {
  return hasEqualWeights(tier) ? new Rotation(tier) : new Credits(tier);
}

export function hasEqualWeights({ weights }: Tier): boolean {
  return weights.every((weight) => weight === weights[0]);
}

export class Rotation implements Turns {
  readonly #indices: readonly number[];
  #cursor: number;

  constructor(tier: Tier) {
    this.#indices = tier.indices;
    this.#cursor = tier.turns.indexOf(tier.turns.reduce((most, turn) => Math.max(most, turn)));
  }

  /** The slot that has the next turn if it is not excluded. */
  get cursor(): number {
    return this.#cursor;
  }

  /** Makes it the turn of the slot behind `slot`. */
  passBehind(slot: number): void {
    this.#cursor = slot + 1 === this.#indices.length ? 0 : slot + 1;
  }

  next(excluded: ((index: number) => boolean) | null): number {
    const indices = this.#indices;
    let slot = this.#cursor;
    if (excluded !== null) {
      let left = indices.length;
      while (excluded(indices[slot]!)) {
        if (--left === 0) return -1;
        slot = slot + 1 === indices.length ? 0 : slot + 1;
      }
    }
    this.passBehind(slot);
    return slot;
  }

  turn(slot: number): number {
    const done = this.#cursor / this.#indices.length;
    return slot < this.#cursor ? done - 1 : done;
  }
}

export class Credits implements Turns {
  readonly #indices: readonly number[];
  /** Plain arrays, here and for the credits: of whole numbers they are twice as fast as a Float64Array. */
  readonly #weights: readonly number[];
  readonly #credits: number[];
  readonly #total: number;

  /** Credits carry over as fractions of a round: a node neither rushes nor starves when the scale of weights changes. */
  constructor(tier: Tier) {
    const total = tier.weights.reduce((sum, weight) => sum + weight, 0);
    this.#indices = tier.indices;
    this.#weights = tier.weights;
    this.#credits = tier.turns.map((turn) => Math.round(turn * total));
    this.#total = total;
  }

  next(excluded: ((index: number) => boolean) | null): number {
    return excluded === null ? this.#nextOfAll() : this.#nextOfEligible(excluded);
  }

  /** The slot whose turn it is if only the first `count` (1 or more) of `slots`, which ascend, are candidates. */
  nextOf(slots: Int32Array, count: number): number {
    const weights = this.#weights;
    const credits = this.#credits;
    let chosen = -1;
    let highest = 0;
    let total = 0;
    for (let at = 0; at < count; at++) {
      const slot = slots[at]!;
      const credit = credits[slot]! + weights[slot]!;
      credits[slot] = credit;
      total += weights[slot]!;
      if (chosen < 0 || credit > highest) {
        highest = credit;
        chosen = slot;
      }
    }
    credits[chosen] = highest - total;
    return chosen;
  }

  turn(slot: number): number {
    return this.#credits[slot]! / this.#total;
  }

  #nextOfAll(): number {
    const weights = this.#weights;
    const credits = this.#credits;
    let chosen = -1;
    let highest = 0;
    for (let slot = 0; slot < weights.length; slot++) {
      const credit = credits[slot]! + weights[slot]!;
      credits[slot] = credit;
      if (chosen < 0 || credit > highest) {
        highest = credit;
        chosen = slot;
      }
    }
    credits[chosen] = highest - this.#total;
    return chosen;
  }

  #nextOfEligible(excluded: (index: number) => boolean): number {
    const indices = this.#indices;
    const weights = this.#weights;
    const credits = this.#credits;
    let chosen = -1;
    let highest = 0;
    let total = 0;
    for (let slot = 0; slot < weights.length; slot++) {
      if (excluded(indices[slot]!)) continue;
      const credit = credits[slot]! + weights[slot]!;
      credits[slot] = credit;
      total += weights[slot]!;
      if (chosen < 0 || credit > highest) {
        highest = credit;
        chosen = slot;
      }
    }
    if (chosen >= 0) credits[chosen] = highest - total;
    return chosen;
  }
}
