/** What every balancer gives: the choice of one node of an upstream. Balancers do no I/O and read no clock. */

/** One target as a balancer sees it. */
export interface BalanceNode {
  /** What distinguishes the node from its siblings, `host:port`. */
  readonly authority: string;
  /** Its share of the traffic relative to its siblings; 0 takes it out of rotation. */
  readonly weight: number;
  /** Nodes of a lower priority serve only when no node of a higher one can be picked. */
  readonly priority: number;
}

export interface BalancerSettings {
  readonly type: 'roundrobin' | 'chash' | 'least_conn' | 'ewma';
}

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

/**
 * The state of one balancer in one worker. Positions, counts and averages live in it, so that an equal sequence of
 * calls always gives an equal sequence of picks.
 */
export interface Balancer {
  /** The index of the chosen node, −1 if none can be picked. */
  pick(query: PickQuery): number;
  /** Ends what `pick` began: the attempt on node `index` is over; `latency_ms` is −1 if it failed. */
  release(index: number, latency_ms: number, now_ms: number): void;
}
