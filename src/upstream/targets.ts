/** What one worker knows of its upstreams: balancers, budgets of retries, the health of nodes. Made when first used. */
import { type Balancer } from '../balance/balancer.ts';
import { createBalancer } from '../balance/create-balancer.ts';
import type { CompiledNode, CompiledUpstream } from '../compile/snapshot.ts';
import { RetryBudget, type RetryBudgetSettings } from './retry-budget.ts';
import { type HealthOptions, UpstreamHealth } from './upstream-health.ts';

/** An exchange takes it once: an index means the same node in all of its parts. */
export interface Target {
  readonly nodes: readonly CompiledNode[];
  readonly balancer: Balancer;
  readonly budget: RetryBudget;
  /** Null where nothing is checked. */
  readonly health: UpstreamHealth | null;
}

export interface TargetOptions {
  readonly retries: RetryBudgetSettings;
  /** Monotonic. */
  readonly now_ms: () => number;
  /** Null: there is no board, and what is configured of checks has no effect. */
  readonly health: HealthOptions | null;
}

export class Targets {
  private readonly options: TargetOptions;
  private readonly byUpstream = new WeakMap<CompiledUpstream, Target>();
  /** The newest of each upstream object: an edited upstream takes over what the old one knew of its nodes. */
  private readonly latest = new Map<string, WeakRef<Target>>();
  private readonly forgotten = new FinalizationRegistry<string>((key) => {
    if (this.latest.get(key)?.deref() === undefined) this.latest.delete(key);
  });

  constructor(options: TargetOptions) {
    this.options = options;
  }

  of(upstream: CompiledUpstream): Target {
    return this.byUpstream.get(upstream) ?? this.add(upstream);
  }

  private add(upstream: CompiledUpstream): Target {
    const { key, nodes, checks } = upstream;
    const { health, retries, now_ms } = this.options;
    const previous = this.latest.get(key)?.deref();
    const target: Target = {
      nodes,
      balancer: createBalancer(upstream.balancer, nodes, previous?.balancer),
      budget: new RetryBudget(retries, now_ms(), previous?.budget),
      health: checks === undefined || health === null ? null : new UpstreamHealth(key, checks, nodes, health),
    };
    this.byUpstream.set(upstream, target);
    this.latest.set(key, new WeakRef(target));
    this.forgotten.register(target, key);
    return target;
  }
}
