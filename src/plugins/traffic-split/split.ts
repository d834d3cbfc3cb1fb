/** How requests are shared out among a few choices by weight. Pure. */
import { hash } from 'node:crypto';

/** Turns by weight, each spread over its round: weights 3 and 2 give 0 1 0 1 0. The state of one rule in one worker. */
export class WeightedTurns {
  private readonly weights: readonly number[];
  private readonly credits: number[];
  private readonly total: number;

  constructor(weights: readonly number[]) {
    this.weights = weights;
    this.credits = weights.map(() => 0);
    this.total = weights.reduce((sum, weight) => sum + weight, 0);
  }

  /** −1 if all weights are 0. */
  next(): number {
    const { weights, credits } = this;
    let chosen = -1;
    for (let at = 0; at < weights.length; at++) {
      if (weights[at] === 0) continue;
      credits[at]! += weights[at]!;
      if (chosen < 0 || credits[at]! > credits[chosen]!) chosen = at;
    }
    if (chosen >= 0) credits[chosen]! -= this.total;
    return chosen;
  }
}

/**
 * The choice of a key: always the same for the same weights, and after a change of weights another one for as few keys as can be
 * (rendezvous hashing; the logarithmic method of Mosharaf and others). −1 if all weights are 0.
 */
export function chooseByKey(key: string, weights: readonly number[]): number {
  let chosen = -1;
  let lowest = Infinity;
  for (let at = 0; at < weights.length; at++) {
    if (weights[at] === 0) continue;
    const score = -Math.log(uniform(`${at} ${key}`)) / weights[at]!;
    if (score < lowest) {
      lowest = score;
      chosen = at;
    }
  }
  return chosen;
}

/** A number in (0, 1) that depends on nothing but the text. */
function uniform(text: string): number {
  const digest = hash('sha256', text, 'buffer');
  return (digest.readUIntBE(0, 6) + 0.5) / 2 ** 48;
}
