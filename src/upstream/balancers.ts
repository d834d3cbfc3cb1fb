/** The balancers of one worker: one per upstream, made when it is first used. */
import { type Balancer } from '../balance/balancer.ts';
import { createBalancer } from '../balance/create-balancer.ts';
import type { CompiledUpstream } from '../compile/snapshot.ts';

export class Balancers {
  private readonly byUpstream = new WeakMap<CompiledUpstream, Balancer>();
  /** The newest balancer of each upstream object: an edited upstream takes over what the old one knew of its nodes. */
  private readonly latest = new Map<string, WeakRef<Balancer>>();
  private readonly forgotten = new FinalizationRegistry<string>((key) => {
    if (this.latest.get(key)?.deref() === undefined) this.latest.delete(key);
  });

  of(upstream: CompiledUpstream): Balancer {
    return this.byUpstream.get(upstream) ?? this.add(upstream);
  }

  private add(upstream: CompiledUpstream): Balancer {
    const previous = this.latest.get(upstream.key)?.deref();
    const balancer = createBalancer(upstream.balancer, upstream.nodes, previous);
    this.byUpstream.set(upstream, balancer);
    this.latest.set(upstream.key, new WeakRef(balancer));
    this.forgotten.register(balancer, upstream.key);
    return balancer;
  }
}
