/** What every balancer gives: the choice of one node of an upstream. Balancers do no I/O and read no clock. */
import type { HashKeySource } from './hash-key.ts';

/** One target as a balancer sees it. */
export interface BalanceNode {
  /** What distinguishes the node from its siblings, `host:port`. */
  readonly authority: string;
  /** Its share of the traffic relative to its siblings; 0 takes it out of rotation. */
  readonly weight: number;
  /** Nodes of a lower priority serve only when no node of a higher one can be picked. */
  readonly priority: number;
}

export type BalancerSettings =
  | { readonly type: 'roundrobin' | 'least_conn' | 'ewma' }
  | {
      readonly type: 'chash';
      /** What the caller makes `PickQuery.hashKey` of, with `readHashKey`; the balancer itself sees only the value. */
      readonly hashKey: HashKeySource;
    };

/** What a pick may depend on. */
export interface PickQuery {
  /** Value of the hash key, for `chash`; '' elsewhere. */
  readonly hashKey: string;
  /** Monotonic time in milliseconds, for `ewma`. */
  readonly now_ms: number;
  /** A uniform random number in [0, 1), for balancers that compare random candidates. */
  readonly random: number;
  /** True for a node that must not be picked: tried before in this exchange, or down. Null excludes none. */
  readonly excluded: ((index: number) => boolean) | null;
}

/** A `latency_ms` for `release`: the attempt failed, and the node is to blame. */
export const LATENCY_FAILED = -1;

/** A `latency_ms` for `release`: nothing was learnt about the node, because the client left before it answered. */
export const LATENCY_UNKNOWN = -2;

/**
 * The state of one balancer in one worker. Positions, counts and averages live in it, so that an equal sequence of
 * calls always gives an equal sequence of picks.
 */
export interface Balancer {
  /** Nodes picked so far. */
  readonly picks: number;
  /** The index of the chosen node, −1 if none can be picked. Every other answer must be released exactly once. */
  pick(query: PickQuery): number;
  /**
   * Ends what `pick` began: the attempt on node `index` is over. `latency_ms` is the time to the response head, or
   * `LATENCY_FAILED`, or `LATENCY_UNKNOWN`. To be called on the balancer that was asked, also when an edit has put
   * another in its place since: what both know of a node is shared. Throws when the node has no pick to release.
   */
  release(index: number, latency_ms: number, now_ms: number): void;
  /** Picks of node `index` that are not released yet, by this balancer and by those that it took the place of. */
  inFlight(index: number): number;
}
