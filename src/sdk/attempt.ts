/** The part that a plugin may take in the choice of nodes: to keep some out, and to learn what became of each attempt. */
import type { ErrorCode } from './errors.ts';
import type { Exchange } from './exchange.ts';
import type { Reply } from './reply.ts';

/** One target of an upstream. */
export interface Node {
  readonly host: string;
  readonly port: number;
  /** `host:port`, with brackets around an IPv6 address. Of a name, several nodes can have the same. */
  readonly authority: string;
  /** `address:port`: what distinguishes a node from the others of its upstream. */
  readonly endpoint: string;
}

/** What became of one attempt. */
export interface AttemptResult {
  /**
   * `answered`: the whole answer came; `failed`: the node is to blame; `abandoned`: it ended before the node had its say,
   * because the client left, or because another plugin answered.
   */
  readonly outcome: 'answered' | 'failed' | 'abandoned';
  /** Of the answer's head, 0 if none came. */
  readonly status: number;
  /** Why it failed, '' unless it did. */
  readonly code: ErrorCode | '';
  /** Whole attempt, in milliseconds. */
  readonly elapsed_ms: number;
}

/** All synchronous. An exchange without an upstream has no attempts. */
export interface AttemptPart {
  /**
   * Whether a node is left out of the choice. Asked before each pick, of nodes in question only, perhaps several times;
   * it must be quick and change nothing.
   */
  leavesOut?(exchange: Exchange, node: Node): boolean;
  /**
   * A node was picked and is about to be asked. False gives it back, and another one is picked. True is followed by exactly
   * one `ended` for that node.
   */
  admits?(exchange: Exchange, node: Node): boolean;
  /** The head of the node's answer came, after that time. The body may take its time. */
  answered?(exchange: Exchange, node: Node, status: number, latency_ms: number): void;
  /** The attempt is over. */
  ended?(exchange: Exchange, node: Node, result: AttemptResult): void;
  /** The first pick found none of the nodes fit: what is answered, undefined for 503 `no_node`. */
  noNode?(exchange: Exchange, nodes: readonly Node[]): Reply | undefined;
}
