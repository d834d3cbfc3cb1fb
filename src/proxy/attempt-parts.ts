/** Lets the plugins of a route take part in the choice of nodes. Made only for routes that have such plugins. */
import type { Step } from '../compile/chain.ts';
import type { CompiledNode } from '../compile/snapshot.ts';
import type { AttemptPart, AttemptResult } from '../sdk/attempt.ts';
import type { Reply } from '../sdk/reply.ts';
import type { Exchange } from './exchange.ts';

interface ActivePart {
  readonly plugin: string;
  readonly part: AttemptPart;
}

/** What a plugin throws is reported and, as it may be guarding something, counts as its refusal. */
export class AttemptParts {
  private readonly exchange: Exchange;
  private readonly nodes: readonly CompiledNode[];
  private readonly parts: readonly ActivePart[];
  /** Parts that admitted the attempt under way. */
  private admitted: readonly ActivePart[] = [];
  private hasHead = false;

  private constructor(exchange: Exchange, nodes: readonly CompiledNode[], parts: readonly ActivePart[]) {
    this.exchange = exchange;
    this.nodes = nodes;
    this.parts = parts;
  }

  /** Null where no plugin of the exchange wants a part. */
  static of(exchange: Exchange, nodes: readonly CompiledNode[]): AttemptParts | null {
    const { attempts } = exchange.chain;
    if (attempts.length === 0) return null;
    const parts = attempts.flatMap((step: Step) => {
      const part = step.instance.attempts;
      const isActive = part !== undefined && (step.filter === null || exchange.passesFilter(step));
      return isActive ? [{ plugin: step.plugin, part }] : [];
    });
    return parts.length === 0 ? null : new AttemptParts(exchange, nodes, parts);
  }

  readonly leavesOut = (index: number): boolean => {
    const node = this.nodes[index];
    return this.parts.some((active) =>
      this.guard(active, 'leavesOut', true, () => node !== undefined && active.part.leavesOut?.(this.exchange, node)),
    );
  };

  /** Asks all of them; those that agreed before one refused hear that the attempt is abandoned. */
  admit(index: number): boolean {
    const node = this.nodes[index];
    if (node === undefined) return true;
    const admitted: ActivePart[] = [];
    this.admitted = admitted;
    this.hasHead = false;
    for (const active of this.parts) {
      const { part } = active;
      const isAdmitted = this.guard(active, 'admits', false, () => part.admits?.(this.exchange, node) ?? true);
      if (isAdmitted === false) {
        this.end(index, { outcome: 'abandoned', status: 0, code: '', elapsed_ms: 0 });
        return false;
      }
      admitted.push(active);
    }
    return true;
  }

  answered(index: number, status: number, latency_ms: number): void {
    const node = this.nodes[index];
    if (node === undefined || this.hasHead) return;
    this.hasHead = true;
    for (const active of this.admitted) {
      this.guard(active, 'answered', undefined, () => active.part.answered?.(this.exchange, node, status, latency_ms));
    }
  }

  /** Does nothing for an attempt that ended already. */
  end(index: number, result: AttemptResult): void {
    const node = this.nodes[index];
    const { admitted } = this;
    this.admitted = [];
    if (node === undefined) return;
    for (const active of admitted) {
      this.guard(active, 'ended', undefined, () => active.part.ended?.(this.exchange, node, result));
    }
  }

  /** The first answer that one of them has. */
  noNode(): Reply | undefined {
    for (const active of this.parts) {
      const reply = this.guard(active, 'noNode', undefined, () => active.part.noNode?.(this.exchange, this.nodes));
      if (reply === undefined) continue;
      this.exchange.repliedBy = active.plugin;
      return reply;
    }
    return undefined;
  }

  private guard<T>({ plugin }: ActivePart, phase: keyof AttemptPart, otherwise: T, run: () => T): T {
    try {
      return run();
    } catch (error) {
      this.exchange.plane.onPluginFault({ exchange: this.exchange, plugin, phase: `attempts.${phase}`, error });
      return otherwise;
    }
  }
}
