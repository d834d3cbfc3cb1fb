/** What exchanges share in one worker: the Snapshot in force, the ways out, and where records of them go. */
import type { Clock } from '../clock/clock.ts';
import type { TimerWheel } from '../clock/timer-wheel.ts';
import type { Snapshot } from '../compile/snapshot.ts';
import type { Balancers } from '../upstream/balancers.ts';
import type { Transport } from '../upstream/transport.ts';
import type { Exchange } from './exchange.ts';

export interface Plane {
  /** In force now; an exchange takes it once. */
  snapshot: Snapshot;
  readonly options: PlaneOptions;
  readonly transport: Transport;
  readonly balancers: Balancers;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Makes the ids of exchanges. */
  readonly ids: ExchangeIds;
  /** Value of the Date header, as fresh as its resolution asks. */
  httpDate(): string;
  /** Whether the peer may tell us where a request came from. */
  isTrusted(address: string): boolean;
  /** Log phase: once for every exchange, whatever became of it. */
  onFinished(exchange: Exchange): void;
  onFault(error: unknown): void;
  /** A plugin threw, or returned what is no answer. */
  onPluginFault(fault: PluginFault): void;
  /** Calls back once after `delay_ms`, unless it is stopped before. */
  startTimer(delay_ms: number, onExpired: () => void): { stop(): void };
}

export interface PluginFault {
  readonly exchange: Exchange;
  readonly plugin: string;
  readonly phase: string;
  readonly error: unknown;
}

export interface PlaneOptions {
  readonly mergeSlashes: boolean;
  /** '' sends none and lets the upstream's pass. */
  readonly serverHeader: string;
  /** Pseudonym in Via; '' adds none. */
  readonly via: string;
  readonly forwardsEarlyHints: boolean;
  readonly upstreamStatusHeader: 'on_5xx' | 'always' | 'off';
  /** How long a phase may keep an exchange waiting. */
  readonly pluginTimeout_ms: number;
  /** Whether trusted addresses are configured: then what untrusted peers claim is dropped. */
  readonly hasTrustedAddresses: boolean;
}

/** Ids that are unique across workers and restarts: a random prefix and a count. */
export class ExchangeIds {
  private readonly prefix: string;
  private count = 0;

  /** @param prefix random hexadecimal digits */
  constructor(prefix: string) {
    this.prefix = prefix;
  }

  next(): number {
    return ++this.count;
  }

  text(sequence: number): string {
    return this.prefix + sequence.toString(16).padStart(8, '0');
  }
}
