/**
 * Peak EWMA with two choices: two different nodes are drawn at random, and the one with the lower score serves (the
 * first drawn of two equal ones). Two choices are enough to avoid the slow nodes, and unlike a search for the minimum
 * they do not send every worker to the same node at once (Mitzenmacher, "The power of two choices", 2001).
 *
 * The average moves with time, not with the number of samples: a sample that comes `t` after the last change leaves
 * e^(−t/τ) of the old average and fills the rest; one above the average replaces it at once, hence "peak" (as in
 * Twitter's Finagle, whose documentation names the method). The score is
 *
 *     average · e^(−(now − last change)/τ) · (in flight + 1) / weight
 *
 * so a node that looks bad is tried again after a while (once it is fast again, its share grows about e-fold every τ),
 * and a weight of 2 bears twice the latency. A failure has no
 * latency worth counting (a refused connection is the fastest answer of all): it doubles the average, which at equal
 * latencies keeps the node out for τ·ln 2 ≈ 7 s, and longer for each failure in a row.
 */
import { LATENCY_FAILED, LATENCY_UNKNOWN, type PickQuery } from './balancer.ts';
import { collectEligible, type NodeLoad, type Tier, type TierChooser } from './tier.ts';

/** τ: the time in which an old average loses all but 1/e of its influence. */
export const DECAY_ms = 10_000;

/** Upper bound of the average, and what a node that never answered counts as while it is being tried for the first time. */
export const WORST_ms = 60_000;

/**
 * Lower bound of the average. A clock of whole milliseconds calls a fast answer 0 ms, and an average of 0 would make
 * the attempts in flight count for nothing.
 */
export const LEAST_ms = 0.1;

/** The average of a node whose first attempt failed. */
export const FIRST_FAILURE_ms = 1000;

/** What the node would cost now: lower is better. A node without a measurement costs nothing while it is idle. */
export function ewmaScore(load: NodeLoad, weight: number, now_ms: number): number {
  const share = (load.inFlight + 1) / weight;
  if (Number.isNaN(load.average_ms)) return load.inFlight === 0 ? 0 : WORST_ms * share;
  return load.average_ms * remaining(load, now_ms) * share;
}

/** Takes the outcome of one attempt into the node's average. */
export function recordLatency(load: NodeLoad, latency_ms: number, now_ms: number): void {
  if (latency_ms === LATENCY_UNKNOWN) return;
  const average = load.average_ms;
  const isFirst = Number.isNaN(average);
  let next: number;
  if (latency_ms === LATENCY_FAILED) next = isFirst ? FIRST_FAILURE_ms : average * 2;
  else if (isFirst || latency_ms > average) next = latency_ms;
  else next = latency_ms + (average - latency_ms) * remaining(load, now_ms);
  load.average_ms = Math.max(LEAST_ms, Math.min(next, WORST_ms));
  // Results may arrive out of order: going back would let the same stretch of time decay the average twice.
  if (isFirst || now_ms > load.measured_ms) load.measured_ms = now_ms;
}

function remaining(load: NodeLoad, now_ms: number): number {
  const age_ms = now_ms - load.measured_ms;
  return age_ms > 0 ? Math.exp(-age_ms / DECAY_ms) : 1;
}

export class Ewma implements TierChooser {
  readonly #tier: Tier;
  readonly #slots: Int32Array;
  readonly #eligible: Int32Array;

  constructor(tier: Tier) {
    this.#tier = tier;
    this.#slots = Int32Array.from(tier.weights.keys());
    this.#eligible = new Int32Array(tier.indices.length);
  }

  choose(query: PickQuery): number {
    const { excluded, random } = query;
    let slots = this.#slots;
    let count = slots.length;
    if (excluded !== null) {
      slots = this.#eligible;
      count = collectEligible(this.#tier, excluded, slots);
      if (count === 0) return -1;
      if (count === 1) return this.#tier.indices[slots[0]!]!;
    }
    // One number names one of the count · (count − 1) ordered pairs, each with the same probability.
    const pair = Math.floor(random * count * (count - 1));
    const first = Math.floor(pair / (count - 1));
    const other = pair % (count - 1);
    const one = slots[first]!;
    const two = slots[other < first ? other : other + 1]!;
    return this.#tier.indices[this.#score(two, query) < this.#score(one, query) ? two : one]!;
  }

  turn(): number {
    return 0;
  }

  #score(slot: number, query: PickQuery): number {
    return ewmaScore(this.#tier.loads[slot]!, this.#tier.weights[slot]!, query.now_ms);
  }
}
