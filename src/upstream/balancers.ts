/** The balancers of one worker: one per upstream, made when it is first used, each with its budget of retries. */
import { type Balancer } from '../balance/balancer.ts';
import { createBalancer } from '../balance/create-balancer.ts';
import type { CompiledUpstream } from '../compile/snapshot.ts';
import { RetryBudget, type RetryBudgetSettings } from './retry-budget.ts';

export class Balancers {
  private readonly retries: RetryBudgetSettings;
  private readonly now_ms: () => number;
  private readonly byUpstream = new WeakMap<CompiledUpstream, Balancer>();
  private readonly budgets = new WeakMap<Balancer, RetryBudget>();
  /** The newest balancer of each upstream object: an edited upstream takes over what the old one knew of its nodes. */
  private readonly latest = new Map<string, WeakRef<Balancer>>();
  private readonly forgotten = new FinalizationRegistry<string>((key) => {
    if (this.latest.get(key)?.deref() === undefined) this.latest.delete(key);
  });

  /** @param now_ms monotonic */
  constructor(retries: RetryBudgetSettings, now_ms: () => number) {
    this.retries = retries;
    this.now_ms = now_ms;
  }

  of(upstream: CompiledUpstream): Balancer {
    return this.byUpstream.get(upstream) ?? this.add(upstream);
  }

  /** Of the upstream that a balancer is for. */
  budgetOf(balancer: Balancer): RetryBudget {
    const budget = this.budgets.get(balancer);
    if (budget === undefined) throw new TypeError('a balancer that was not made here');
    return budget;
  }

  private add(upstream: CompiledUpstream): Balancer {
    const previous = this.latest.get(upstream.key)?.deref();
    const balancer = createBalancer(upstream.balancer, upstream.nodes, previous);
    const budgetBefore = previous === undefined ? undefined : this.budgets.get(previous);
    this.budgets.set(balancer, new RetryBudget(this.retries, this.now_ms(), budgetBefore));
    this.byUpstream.set(upstream, balancer);
    this.latest.set(upstream.key, new WeakRef(balancer));
    this.forgotten.register(balancer, upstream.key);
    return balancer;
  }
}
