/** What one worker knows of its upstreams: nodes, balancers, budgets of retries, health. Made when first used. */
import { type Balancer } from '../balance/balancer.ts';
import { createBalancer } from '../balance/create-balancer.ts';
import type { CompiledNode, CompiledUpstream } from '../compile/snapshot.ts';
import { type Expansion, expandNodes } from './expand-nodes.ts';
import type { NameAnswers } from './name-answers.ts';
import { RetryBudget, type RetryBudgetSettings } from './retry-budget.ts';
import { type HealthOptions, UpstreamHealth } from './upstream-health.ts';

/** An exchange takes it once: an index means the same node in all of its parts. */
export interface Target {
  /** Each with an address. */
  readonly nodes: readonly CompiledNode[];
  /** Names have no answer yet: there may be more nodes soon. */
  readonly isPending: boolean;
  readonly retries: number;
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
  /** Null: the system finds the addresses of names when it connects, and services have no nodes. */
  readonly names: NameAnswers | null;
}

export class Targets {
  private readonly options: TargetOptions;
  private readonly fixed = new WeakMap<CompiledUpstream, Target>();
  /** Of upstreams whose nodes depend on names, as of `version`. */
  private named = new WeakMap<CompiledUpstream, Target>();
  private version = 0;
  /** The newest of each upstream object: an edited upstream takes over what the old one knew of its nodes. */
  private readonly latest = new Map<string, WeakRef<Target>>();
  private readonly forgotten = new FinalizationRegistry<string>((key) => {
    if (this.latest.get(key)?.deref() === undefined) this.latest.delete(key);
  });

  constructor(options: TargetOptions) {
    this.options = options;
  }

  of(upstream: CompiledUpstream): Target {
    return this.fixed.get(upstream) ?? this.find(upstream);
  }

  /** Calls back once, when names have other answers than now. @returns takes the call back */
  onChange(callback: () => void): () => void {
    return this.options.names?.onChange(callback) ?? (() => undefined);
  }

  private find(upstream: CompiledUpstream): Target {
    const { names } = this.options;
    if (upstream.names === undefined || names === null) {
      const target = this.create(upstream, { nodes: upstream.nodes, isPending: false }, upstream.retries);
      this.fixed.set(upstream, target);
      return target;
    }
    if (this.version !== names.version) {
      this.version = names.version;
      this.named = new WeakMap();
    }
    const known = this.named.get(upstream);
    if (known !== undefined) return known;
    const expansion = expandNodes(upstream, (kind, name) => names.get({ kind, name }));
    const retries = upstream.names.retries ?? Math.max(0, expansion.nodes.length - 1);
    const target = this.create(upstream, expansion, retries);
    this.named.set(upstream, target);
    return target;
  }

  private create(upstream: CompiledUpstream, { nodes, isPending }: Expansion, retries: number): Target {
    const { key, checks } = upstream;
    const { health, retries: budget, now_ms } = this.options;
    const previous = this.latest.get(key)?.deref();
    const target: Target = {
      nodes,
      isPending,
      retries,
      balancer: createBalancer(upstream.balancer, nodes.map(balanced), previous?.balancer),
      budget: new RetryBudget(budget, now_ms(), previous?.budget),
      health: checks === undefined || health === null ? null : new UpstreamHealth(key, checks, nodes, health),
    };
    this.latest.set(key, new WeakRef(target));
    this.forgotten.register(target, key);
    return target;
  }
}

/** What distinguishes nodes is where they are: of one name there may be several. */
function balanced({ endpoint, weight, priority }: CompiledNode) {
  return { authority: endpoint, weight, priority };
}
