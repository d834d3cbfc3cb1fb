/** The health of one upstream's nodes as a worker sees it: whom to leave out, and what the worker's own traffic tells. */
import type { CompiledChecks, CompiledNode, PassiveChecks } from '../compile/snapshot.ts';
import type { ResponseFault } from '../http1/client-settings.ts';
import { DOWN, type HealthBoard, type HealthSlot, LOST, UP } from './health-board.ts';
import { HTTP_FAILURE, SUCCESS, TCP_FAILURE, TIMEOUT_FAILURE, type HealthEvent } from './health-state.ts';

/** What identifies a checked node on the board: a changed check begins anew, an unrelated edit changes nothing. */
export function healthKey(upstreamKey: string, checks: CompiledChecks, node: CompiledNode): string {
  return JSON.stringify([upstreamKey, checks.identity, node.host, node.endpoint]);
}

/** What a status says, by status; 255 for nothing. */
type StatusTable = Uint8Array;
const NOTHING = 255;

export function statusTable({ healthy, unhealthy }: PassiveChecks['statuses']): StatusTable {
  const table = new Uint8Array(600).fill(NOTHING);
  for (const status of healthy) table[status] = SUCCESS;
  for (const status of unhealthy) table[status] = HTTP_FAILURE;
  return table;
}

/** Undefined: the status says nothing about the node. */
export function eventOf(table: StatusTable, status: number): HealthEvent | undefined {
  const event = table[status] ?? NOTHING;
  return event === NOTHING ? undefined : (event as HealthEvent);
}

export interface HealthOptions {
  readonly board: HealthBoard;
  /** Whether an upstream whose nodes are all down is served by all of them, as if none were. */
  readonly usesDownNodes: boolean;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

export class UpstreamHealth {
  readonly #options: HealthOptions;
  readonly #keys: readonly string[];
  readonly #weights: readonly number[];
  readonly #slots: (HealthSlot | null)[];
  readonly #passive: PassiveChecks | null;
  readonly #statuses: StatusTable | null;
  #epoch = -1;

  /** For balancers: true for a node that is down, or that came back a moment ago and leaves this turn to others. */
  readonly leavesOut: (index: number) => boolean;
  /** True for a node that is down. */
  readonly isDown: (index: number) => boolean;

  constructor(upstreamKey: string, checks: CompiledChecks, nodes: readonly CompiledNode[], options: HealthOptions) {
    const { passive } = checks;
    this.#options = options;
    this.#keys = nodes.map((node) => healthKey(upstreamKey, checks, node));
    this.#weights = nodes.map((node) => node.weight);
    this.#slots = nodes.map(() => null);
    this.#passive = passive;
    this.#statuses = passive === null || passive.type === 'tcp' ? null : statusTable(passive.statuses);
    this.leavesOut = (index) => {
      const seen = this.#look(index);
      return seen === DOWN || (seen > UP && this.#options.random() * 256 >= seen);
    };
    this.isDown = (index) => this.#look(index) === DOWN;
  }

  /** Whether nodes that are down may serve, because there are no others. */
  get mayUseDown(): boolean {
    if (!this.#options.usesDownNodes) return false;
    return this.#weights.every((weight, index) => weight === 0 || this.isDown(index));
  }

  /** The head of a response came. */
  noteStatus(index: number, status: number): void {
    const passive = this.#passive;
    if (passive === null) return;
    // Whatever it says: for a check of connections, there was one.
    const event = this.#statuses === null ? SUCCESS : eventOf(this.#statuses, status);
    if (event !== undefined) this.#report(index, event, passive);
  }

  /** An attempt failed, and not because an idle connection had gone stale. */
  noteFault(index: number, fault: ResponseFault): void {
    // Who says that it did not look at a request is there, and going away or busy; of what is short here no node knows.
    if (this.#passive === null || fault === 'unprocessed' || fault === 'exhausted') return;
    const isTimeout = fault === 'connect_timeout' || fault === 'send_timeout' || fault === 'read_timeout';
    this.#report(index, isTimeout ? TIMEOUT_FAILURE : TCP_FAILURE, this.#passive);
  }

  #report(index: number, event: HealthEvent, passive: PassiveChecks): void {
    const slot = this.#slots[index] ?? this.#search(index);
    if (slot !== null) this.#options.board.report(slot, event, passive.limits);
  }

  #look(index: number): number {
    const slot = this.#slots[index] ?? this.#search(index);
    if (slot === null) return UP;
    const seen = this.#options.board.look(slot);
    if (seen !== LOST) return seen;
    this.#slots[index] = null;
    return UP;
  }

  /** Nodes that the prober has not put on the board yet count as up; searched for only when the board changed. */
  #search(index: number): HealthSlot | null {
    const { board } = this.#options;
    const { epoch } = board;
    if (epoch === this.#epoch) return null;
    this.#epoch = epoch;
    this.#keys.forEach((key, i) => (this.#slots[i] = board.find(key)));
    return this.#slots[index] ?? null;
  }
}
