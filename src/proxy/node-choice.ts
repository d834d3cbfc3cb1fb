/** The choice of a node for each attempt of one exchange: what the balancer may ask, and who is left out. */
import { LATENCY_UNKNOWN, type PickQuery } from '../balance/balancer.ts';
import { readHashKey } from '../balance/hash-key.ts';
import type { CompiledUpstream } from '../compile/snapshot.ts';
import type { Reply } from '../sdk/reply.ts';
import type { Target } from '../upstream/targets.ts';
import type { UpstreamHealth } from '../upstream/upstream-health.ts';
import { AttemptParts } from './attempt-parts.ts';
import type { Exchange } from './exchange.ts';

/** A part of Forward, in one object with it: a request is worth no second one. */
export abstract class NodeChoice implements PickQuery {
  readonly exchange: Exchange;
  protected readonly upstream: CompiledUpstream;
  protected readonly target: Target;
  /** The part of plugins in the choice; null for none. */
  protected readonly parts: AttemptParts | null;
  protected nodeIndex = -1;
  private tried: Set<number> | null = null;
  /** Nodes that health checks keep from a turn; null for none. */
  private unfit: ((index: number) => boolean) | null = null;

  constructor(exchange: Exchange, upstream: CompiledUpstream) {
    this.exchange = exchange;
    this.upstream = upstream;
    this.target = exchange.plane.targets.of(upstream);
    this.parts = AttemptParts.of(exchange, this.target.nodes);
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
    const { tried, parts, unfit } = this;
    if (tried === null) {
      if (parts === null) return unfit;
      if (unfit === null) return parts.leavesOut;
    }
    return (index) => tried?.has(index) === true || unfit?.(index) === true || parts?.leavesOut(index) === true;
  }

  /** Picks a node. @returns false if there is none */
  choose(): boolean {
    this.pick();
    while (this.parts !== null && this.nodeIndex >= 0 && !this.parts.admit(this.nodeIndex)) {
      this.target.balancer.release(this.nodeIndex, LATENCY_UNKNOWN, this.now_ms);
      this.leaveOut();
      this.pick();
    }
    return this.nodeIndex >= 0;
  }

  private pick(): void {
    const { balancer, health } = this.target;
    if (health !== null) this.unfit = health.leavesOut;
    this.nodeIndex = balancer.pick(this);
    if (this.nodeIndex < 0 && health !== null) this.pickUnfit(health);
  }

  /** Nobody took the turn: then those that are coming back have to, and without any of them perhaps those that are down. */
  private pickUnfit(health: UpstreamHealth): void {
    const { balancer } = this.target;
    this.unfit = health.isDown;
    this.nodeIndex = balancer.pick(this);
    if (this.nodeIndex >= 0 || !health.mayUseDown) return;
    this.unfit = null;
    this.nodeIndex = balancer.pick(this);
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
    this.target.balancer.release(this.nodeIndex, LATENCY_UNKNOWN, this.now_ms);
    this.parts?.end(this.nodeIndex, { outcome: 'abandoned', status: 0, code: '', elapsed_ms: 0 });
  }
}
