/** The choice of a node for each attempt of one exchange: what the balancer may ask, and who is left out. */
import { type Balancer, LATENCY_UNKNOWN, type PickQuery } from '../balance/balancer.ts';
import { readHashKey } from '../balance/hash-key.ts';
import type { CompiledUpstream } from '../compile/snapshot.ts';
import type { Reply } from '../sdk/reply.ts';
import { AttemptParts } from './attempt-parts.ts';
import type { Exchange } from './exchange.ts';

/** A part of Forward, in one object with it: a request is worth no second one. */
export abstract class NodeChoice implements PickQuery {
  protected readonly exchange: Exchange;
  protected readonly upstream: CompiledUpstream;
  protected readonly balancer: Balancer;
  /** The part of plugins in the choice; null for none. */
  protected readonly parts: AttemptParts | null;
  protected nodeIndex = -1;
  private tried: Set<number> | null = null;

  constructor(exchange: Exchange, upstream: CompiledUpstream) {
    this.exchange = exchange;
    this.upstream = upstream;
    this.balancer = exchange.plane.balancers.of(upstream);
    this.parts = AttemptParts.of(exchange, upstream.nodes);
  }

  // What balancers may ask.

  get hashKey(): string {
    const { balancer } = this.upstream;
    return balancer.type === 'chash' ? readHashKey(balancer.hashKey, (name) => this.exchange.variable(name)) : '';
  }

  get now_ms(): number {
    return this.exchange.plane.clock.monotonic_ms();
  }

  get random(): number {
    return this.exchange.plane.random();
  }

  get excluded(): ((index: number) => boolean) | null {
    const { tried, parts } = this;
    if (tried === null) return parts === null ? null : parts.leavesOut;
    return (index) => tried.has(index) || parts?.leavesOut(index) === true;
  }

  /** Picks a node. @returns false if there is none */
  choose(): boolean {
    this.nodeIndex = this.balancer.pick(this);
    while (this.parts !== null && this.nodeIndex >= 0 && !this.parts.admit(this.nodeIndex)) {
      this.balancer.release(this.nodeIndex, LATENCY_UNKNOWN, this.now_ms);
      this.leaveOut();
      this.nodeIndex = this.balancer.pick(this);
    }
    return this.nodeIndex >= 0;
  }

  /** The node that was picked is not picked again for this exchange. */
  protected leaveOut(): void {
    this.tried ??= new Set();
    this.tried.add(this.nodeIndex);
  }

  /** What plugins answer where the first `choose` found no node; undefined leaves it to the gateway. */
  noNode(): Reply | undefined {
    return this.parts?.noNode();
  }

  /** Undoes `choose`, for an exchange that ends before anything is sent. */
  cancel(): void {
    this.balancer.release(this.nodeIndex, LATENCY_UNKNOWN, this.now_ms);
    this.parts?.end(this.nodeIndex, { outcome: 'abandoned', status: 0, code: '', elapsed_ms: 0 });
  }
}
