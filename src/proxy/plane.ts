/** What exchanges share in one worker: the Snapshot in force, the ways out, and where records of them go. */
import type { AlarmClock } from '../clock/clock.ts';
import type { TimerWheel } from '../clock/timer-wheel.ts';
import type { Snapshot } from '../compile/snapshot.ts';
import type { Targets } from '../upstream/targets.ts';
import type { Transport } from '../upstream/transport.ts';
import type { NameMemo } from './added-fields.ts';
import type { Backoff } from './retry.ts';
import type { Exchange } from './exchange.ts';
import type { NearMisses } from './near-misses.ts';
import type { OwnFields } from './own-fields.ts';

export interface Plane {
  /** The Snapshot in force now, with its users; an exchange takes it once. */
  current: SnapshotUse;
  readonly options: PlaneOptions;
  readonly transport: Transport;
  readonly targets: Targets;
  readonly clock: AlarmClock;
  readonly wheel: TimerWheel;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Spellings of header names. */
  readonly names: NameMemo;
  /** Refuses every exchange that begins: there is no memory left to serve it in. */
  readonly isShedding: boolean;
  /** One word, which other threads can read: the number of the plugin that runs, 0 while none does. */
  readonly running: Int32Array;
  /** What 404s are explained by. */
  readonly nearMisses: NearMisses;
  /** Makes the ids of exchanges. */
  readonly ids: ExchangeIds;
  /** Value of the Date header, as fresh as its resolution asks. */
  httpDate(): string;
  /** What every response has of the gateway's own. */
  readonly ownFields: OwnFields;
  /** Whether the peer may tell us where a request came from. */
  isTrusted(address: string): boolean;
  /** Log phase: once for every exchange, whatever became of it. */
  onFinished(exchange: Exchange): void;
  /** No route serves it. */
  onNoRoute(exchange: Exchange): void;
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
  readonly backoff: Backoff;
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

  /** How many there are. */
  get made(): number {
    return this.count;
  }

  text(sequence: number): string {
    return this.prefix + sequence.toString(16).padStart(8, '0');
  }
}

function restOf({ revision, hold }: Snapshot): Snapshot {
  return { revision, router: NO_ROUTER, ...(hold === undefined ? {} : { hold }) };
}

const NO_ROUTER: Snapshot['router'] = { find: () => undefined };

/** Counts the exchanges that a Snapshot decides about, so that its plugins are closed after the last of them. */
export class SnapshotUse {
  /** Once it is retired, what is left of it. */
  snapshot: Snapshot;
  private left: Snapshot | null = null;
  private exchanges = 0;
  private onUnused: ((snapshot: Snapshot) => void) | null = null;

  constructor(snapshot: Snapshot) {
    this.snapshot = snapshot;
  }

  begin(): void {
    this.exchanges++;
  }

  end(): void {
    if (--this.exchanges === 0 && this.onUnused !== null) this.onUnused(this.snapshot);
  }

  /** No further exchange begins with it. Calls back once, when the last one is over. */
  retire(onUnused: (snapshot: Snapshot) => void): void {
    if (this.exchanges === 0) return onUnused(this.snapshot);
    this.onUnused = onUnused;
    this.snapshot = this.rest;
  }

  /** What an exchange needs when the head of its response is sent: a long stream must not keep all that has changed since. */
  get rest(): Snapshot {
    return (this.left ??= restOf(this.snapshot));
  }
}

/** Notes that the head of the response was sent. Of its Snapshot the exchange needs no more than it has chosen by then. */
export function noteHeadSent(exchange: Exchange): void {
  exchange.isHeadSent = true;
  // Logs ask it for an upstream that a plugin chose by name.
  if (exchange.asked === null || exchange.asked.upstream === null) exchange.snapshot = exchange.use.rest;
}
