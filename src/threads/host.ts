/** What plugins get of the gateway, and the same without effects. */
import { hash } from 'node:crypto';
import type { ClientSource } from '../clients/clients.ts';
import { QuotaReader } from '../compile/consumer-quotas.ts';
import { granted, INERT_CLIENTS, NO_GRANTS, noQuotas } from '../compile/inert-host.ts';
import type { Grants } from '../compile/instances.ts';
import type { Snapshot } from '../compile/snapshot.ts';
import type {
  Cells,
  Counters,
  Host,
  HostClock,
  HostLog,
  KeyValues,
  Load,
  Metrics,
  Owner,
  Places,
  Records,
  RecordsOptions,
  Timer,
} from '../sdk/host.ts';
import { CellTable } from '../limit/cell-table.ts';
import { CounterTable } from '../limit/counter-table.ts';
import { KeyValueTable, OverlayValues, SpaceValues } from '../limit/key-values.ts';
import { SpaceCounters } from '../limit/space-counters.ts';
import { MetricRegistry } from '../observe/metrics.ts';
import { MOST_LISTED } from '../sdk/quotas.ts';

/** Where randomness comes from. */
export interface Randomness {
  /** Uniform in [0, 1). */
  random(): number;
  /** From a cryptographic source. */
  randomBytes(length: number): Uint8Array;
}

/** What all plugins share. */
export interface HostParts extends Randomness {
  readonly clock: HostClock;
  readonly errorLog: HostLog;
  readonly counters: CounterTable;
  readonly kv: KeyValueTable;
  readonly cells: CellTable;
  readonly metrics: Metrics;
  readonly load: Load;
  readonly clients: ClientSource;
  startTimer(delay_ms: number, onExpired: () => void): Timer;
  /** See `Host`; without it, secure. */
  readonly profile?: Host['profile'];
  /** See `Host`; without it, there are no metrics. */
  readonly metricsUrl?: () => string | null;
  /** See `Host`; without it, nobody is accepted over TLS. */
  readonly httpsPort?: () => number | null;
  /** What is in force, for `quotas` of Host; without it, there are none. */
  readonly inForce?: () => Snapshot;
}

/** Sizes of an overlay: it lives as long as one question. */
const OVERLAY_KEYS = 10_000;
const OVERLAY_BYTES = 4 * 1024 * 1024;
const OVERLAY_PLACES = 1000;

/** Digests keys that are too long to keep. */
export const sha256 = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer');

/** What the instances of an owner count with, in a thread's table. */
export function countersFor(table: CounterTable, owner: Owner): Counters {
  return new SpaceCounters(table, namesFor(owner));
}

/** Without grants, an instance has a right to nothing that is not every plugin's. */
export type HostFactory = (owner: Owner, grants?: Grants) => Host;

/** Gives each instance of a plugin its Host. What two owners keep never meets, unless it is named `group/…`. */
export function hostFactory(parts: HostParts): HostFactory {
  const { clock, errorLog, counters, kv, cells, metrics, load, clients } = parts;
  const shared = sharedValues();
  const quotas = quotasOf(parts);
  return (owner, grants = NO_GRANTS) =>
    makeHost(owner, grants, {
      ...randomnessOf(parts),
      clock,
      metrics,
      load,
      log: new OwnedLog(errorLog, owner),
      counters: countersFor(counters, owner),
      kv: new OwnedKeyValues((name) => new SpaceValues(kv, name), namesFor(owner)),
      cells: new OwnedCells(cells, namesFor(owner)),
      connect(kind, options) {
        const { client, close } = clients(kind, options);
        grants.onClose(close);
        return client;
      },
      startTimer: timersOf(parts, owner, grants),
      shared: shared(owner),
      profile: parts.profile ?? 'secure',
      metricsUrl: parts.metricsUrl ?? nowhere,
      httpsPort: parts.httpsPort ?? nowhere,
      quotas,
    });
}

/** What hosts without effects are made from: what they may read. */
export interface PureParts extends Randomness {
  readonly clock: HostClock;
  /** What counts and values begin with; without them, with nothing. */
  readonly counters?: CounterTable;
  readonly kv?: KeyValueTable;
  readonly cells?: CellTable;
}

/**
 * Hosts for `check` and explanations: they write no log line, their metrics are seen by nobody, counts and values live
 * on an overlay that the hosts of one factory share and that goes with it.
 */
export function pureHostFactory(parts: PureParts): HostFactory {
  const { clock } = parts;
  const now_ms = (): number => clock.monotonic_ms();
  const use = { now_ms, digest: sha256 };
  const secret = parts.randomBytes(8);
  const baseOf = <T>(base: T | undefined) => (base === undefined ? {} : { base });
  const counterMemory = CounterTable.allocate({ maxKeys: OVERLAY_KEYS, maxOverflowBuckets: 1024 }, secret);
  const counters = new CounterTable(counterMemory, { ...use, ...baseOf(parts.counters) });
  const sizes = { maxRecords: OVERLAY_KEYS, maxOverflow: 1024, threads: 1, placesPerThread: OVERLAY_PLACES };
  const cells = new CellTable(CellTable.allocate(sizes, secret), { ...use, ...baseOf(parts.cells) });
  const own = new KeyValueTable(KeyValueTable.allocate({ max_bytes: OVERLAY_BYTES }, secret), use);
  const base = parts.kv;
  const valuesOf = (name: string): KeyValues => {
    const ownValues = new SpaceValues(own, name);
    return base === undefined ? ownValues : new OverlayValues(new SpaceValues(base, name), ownValues);
  };
  const metrics = new MetricRegistry({ now_ms });
  const shared = sharedValues();
  return (owner, grants = NO_GRANTS) =>
    makeHost(owner, grants, {
      ...randomnessOf(parts),
      clock,
      metrics,
      load: { admits: () => true },
      log: SILENT,
      counters: countersFor(counters, owner),
      kv: new OwnedKeyValues(valuesOf, namesFor(owner)),
      cells: new OwnedCells(cells, namesFor(owner)),
      connect: (kind) => INERT_CLIENTS[kind],
      startTimer: () => ({ stop: silent }),
      profile: 'secure',
      metricsUrl: nowhere,
      httpsPort: nowhere,
      quotas: noQuotas,
      shared: shared(owner),
    });
}

function quotasOf({ counters, inForce }: HostParts): Host['quotas'] {
  if (inForce === undefined) return noQuotas;
  const reader = new QuotaReader((owner) => countersFor(counters, owner));
  return (consumer) => reader.read(inForce(), consumer, { first: 0, most: MOST_LISTED });
}

const nowhere = (): null => null;

/** Values by plugin and name. */
function sharedValues(): (owner: Owner) => Host['shared'] {
  const values = new Map<string, unknown>();
  return ({ plugin }) =>
    <T>(name: string, make: () => T): T => {
      const key = JSON.stringify([plugin, name]);
      if (!values.has(key)) values.set(key, make());
      return values.get(key) as T;
    };
}

function randomnessOf(parts: Randomness): Randomness {
  return { random: () => parts.random(), randomBytes: (length) => parts.randomBytes(length) };
}

type OwnParts = Omit<Host, 'owner' | 'upstream' | 'plugin'>;

function makeHost(owner: Owner, grants: Grants, parts: OwnParts): Host {
  return Object.freeze({
    ...parts,
    owner,
    connect: grants.mayConnect ? parts.connect : (): never => refuseConnection(owner),
    upstream: (path: string) => granted(grants.upstreams, path, owner),
    plugin: (path: string) => granted(grants.plugins, path, owner),
  });
}

function refuseConnection({ plugin }: Owner): never {
  throw new TypeError(`${plugin} reaches beyond the gateway without saying so: declare effects: ['network']`);
}

/** Timers that stop when their instance is closed. */
function timersOf(parts: HostParts, { plugin, object }: Owner, grants: Grants): Host['startTimer'] {
  const running = new Set<Timer>();
  let isClosed = false;
  grants.onClose(() => {
    isClosed = true;
    for (const timer of running) timer.stop();
  });
  return (delay_ms, onExpired) => {
    if (isClosed) return { stop: silent };
    const timer = parts.startTimer(delay_ms, () => {
      running.delete(timer);
      try {
        onExpired();
      } catch (error) {
        parts.errorLog.error('plugin_fault', { plugin, object, phase: 'timer', error });
      }
    });
    running.add(timer);
    return {
      stop() {
        running.delete(timer);
        timer.stop();
      },
    };
  };
}

/**
 * How an owner's names are written in what all share. A name with `group/` in front belongs to all owners of the plugin;
 * any other to the same plugin, object and configuration, so that an unrelated edit resets nothing.
 */
function namesFor({ plugin, object, configHash }: Owner): (name: string) => string {
  const own = JSON.stringify([plugin, object, configHash]);
  const group = JSON.stringify([plugin]);
  return (name) => (name.startsWith('group/') ? group : own) + name;
}

class OwnedKeyValues implements KeyValues {
  readonly #own: KeyValues;
  readonly #group: KeyValues;

  constructor(valuesOf: (name: string) => KeyValues, nameOf: (name: string) => string) {
    this.#own = valuesOf(nameOf(''));
    this.#group = valuesOf(nameOf('group/'));
  }

  get(key: string): string | undefined {
    return this.#of(key).get(key);
  }

  set(key: string, value: string, ttl_ms: number): void {
    this.#of(key).set(key, value, ttl_ms);
  }

  delete(key: string): void {
    this.#of(key).delete(key);
  }

  #of(key: string): KeyValues {
    return key.startsWith('group/') ? this.#group : this.#own;
  }
}

class OwnedCells implements Cells {
  readonly #all: CellTable;
  readonly #nameOf: (name: string) => string;

  constructor(all: CellTable, nameOf: (name: string) => string) {
    this.#all = all;
    this.#nameOf = nameOf;
  }

  records(space: string, options: RecordsOptions): Records {
    return this.#all.records(this.#nameOf(space), options);
  }

  places(space: string): Places {
    return this.#all.places(this.#nameOf(space));
  }
}

type Detail = Readonly<Record<string, unknown>>;

/** Events are names: a text with spaces or line ends could pass for another line of the log. */
const EVENT = /^[A-Za-z0-9_.-]{1,64}$/;

class OwnedLog implements HostLog {
  readonly #log: HostLog;
  readonly #owner: Owner;

  constructor(log: HostLog, owner: Owner) {
    this.#log = log;
    this.#owner = owner;
  }

  debug(event: string, detail?: Detail): void {
    this.#write('debug', event, detail);
  }

  info(event: string, detail?: Detail): void {
    this.#write('info', event, detail);
  }

  warn(event: string, detail?: Detail): void {
    this.#write('warn', event, detail);
  }

  error(event: string, detail?: Detail): void {
    this.#write('error', event, detail);
  }

  #write(level: keyof HostLog, event: string, detail: Detail | undefined): void {
    const { plugin, object } = this.#owner;
    const isName = EVENT.test(event);
    const line: Record<string, unknown> = { plugin, object, ...(isName ? {} : { message: event }), ...detail };
    // Whatever a plugin calls its details: who speaks is not for it to say.
    line['plugin'] = plugin;
    line['object'] = object;
    this.#log[level](isName ? event : 'plugin_message', line);
  }
}

const silent = (): void => undefined;
const SILENT: HostLog = Object.freeze({ debug: silent, info: silent, warn: silent, error: silent });
