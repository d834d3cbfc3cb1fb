/** What a plugin may use of the gateway. Plugins read no clock, no randomness and open no connection but through it. */
import type { ClientKind, Clients } from './clients.ts';
import type { Consumer } from './exchange.ts';
import type { PluginInstance } from './plugin.ts';
import type { QuotaList } from './quotas.ts';

export interface Host {
  readonly clock: HostClock;
  readonly log: HostLog;
  /** Uniform in [0, 1). */
  random(): number;
  /** Random bytes from a cryptographic source. */
  randomBytes(length: number): Uint8Array;
  readonly counters: Counters;
  readonly kv: KeyValues;
  readonly cells: Cells;
  readonly metrics: Metrics;
  readonly load: Load;
  /**
   * A client for a system outside, to be made in `create`: it connects when it is first used, and ends with the instance.
   * The plugin must declare `effects: ['network']`. Throws TypeError where it does not, for a kind that this version does
   * not have, and for wrong options.
   */
  connect<K extends ClientKind>(kind: K, options: Clients[K]['options']): Clients[K]['client'];
  /** Calls back once after `delay_ms`, unless it is stopped before, or the instance is closed. Not to be used in `create`. */
  startTimer(delay_ms: number, onExpired: () => void): Timer;
  /**
   * What all instances of the plugin in this worker have in common, such as a cache with one bound for all routes: made by
   * whoever asks first, kept as long as the worker. To be called in `create`; `name` is within the plugin.
   */
  shared<T>(name: string, make: () => T): T;
  /** An upstream that `uses` named, by its path; for `exchange.useUpstream`. To be called in `create`. Throws TypeError for any other path. */
  upstream(path: string): Upstream;
  /** An instance of another plugin that `uses` named, by its path. To be called in `create`. Throws TypeError for any other path. */
  plugin(path: string): PluginInstance;
  /**
   * What defaults aim at where safety and APISIX's habits part: `gateway.profile`. What a configuration says itself comes
   * before it.
   */
  readonly profile: 'secure' | 'apisix';
  /** Where the gateway's metrics are fetched; null if nowhere, or at a port that is not fixed. */
  metricsUrl(): string | null;
  /** Where clients are accepted over TLS: 443 if that is one of the ports, else the first; null if none is. */
  httpsPort(): number | null;
  /**
   * How the limits stand that requests of a consumer may meet, on whatever route: those of `MOST_LISTED` instances, and how many
   * there are. Nothing is consumed by it.
   */
  quotas(consumer: Consumer): QuotaList;
  /** Whose instance this is. */
  readonly owner: Owner;
}

export interface Timer {
  stop(): void;
}

/** Where requests may go instead of the route's own upstream. */
export interface Upstream {
  /** Of the object that it is, or is part of: `upstreams/7`, `routes/1/traffic-split/rules[0].upstream`. */
  readonly key: string;
}

/** Whose configuration made the instance. */
export interface Owner {
  readonly plugin: string;
  /** `routes/7`, `consumers/jack`, `global_rules/1`, … */
  readonly object: string;
  /** Of the configuration: equal text, equal hash. */
  readonly configHash: string;
}

export interface HostClock {
  /** Milliseconds since some origin; never goes back. */
  monotonic_ms(): number;
  /** Milliseconds since the epoch. */
  wall_ms(): number;
}

export interface HostLog {
  debug(event: string, detail?: Readonly<Record<string, unknown>>): void;
  info(event: string, detail?: Readonly<Record<string, unknown>>): void;
  warn(event: string, detail?: Readonly<Record<string, unknown>>): void;
  error(event: string, detail?: Readonly<Record<string, unknown>>): void;
}

/** What a limit decided. */
export interface LimitDecision {
  readonly isAllowed: boolean;
  /** What is left of the limit in the current window; 0 if refused. */
  readonly remaining: number;
  /** Until the window ends (fixed) or the next unit is free (sliding), in milliseconds. */
  readonly reset_ms: number;
}

export interface LimitQuery {
  /** Within `space`. */
  readonly key: string;
  /** Units allowed per window. */
  readonly limit: number;
  readonly window_ms: number;
  /** Units that this call wants; a refused call consumes nothing. */
  readonly cost: number;
}

/** Counts that outlive instances: an edit elsewhere resets nothing. Bounded in memory; the fullest never evicts a live count. */
export interface Counters {
  /** A window that begins with the first unit of a key and ends `window_ms` later. */
  fixedWindow(space: string, query: LimitQuery): LimitDecision;
  /** The last window's count weighed by how much of it still overlaps, plus the current one's. */
  slidingWindow(space: string, query: LimitQuery): LimitDecision;
  /** Tokens that come at a rate, up to a capacity; a bucket that is new is full. */
  tokenBucket(space: string, query: BucketQuery): BucketDecision;
  /** Units that leave at a rate; what comes faster waits, up to a burst. */
  leakyBucket(space: string, query: LeakyQuery): LeakyDecision;
}

export interface BucketQuery {
  /** Within `space`. */
  readonly key: string;
  /** Tokens a second, above 0. */
  readonly rate: number;
  /** Tokens that a full bucket holds, at least 1. */
  readonly capacity: number;
  /** Tokens that this call wants; a refused call takes none. */
  readonly cost: number;
}

/** `reset_ms`: until there are tokens enough for a refused call, or for one more; 0 where there are. */
export type BucketDecision = LimitDecision;

export interface LeakyQuery {
  /** Within `space`. */
  readonly key: string;
  /** Units a second, above 0. */
  readonly rate: number;
  /** Units that may wait, 0 for none. */
  readonly burst: number;
}

export interface LeakyDecision {
  readonly isAllowed: boolean;
  /** How long the unit is to wait for its turn. */
  readonly delay_ms: number;
  /** Until a refused unit would be let in. */
  readonly reset_ms: number;
}

/**
 * Named records of a few numbers that all workers share: what breakers, leaky buckets and counts of concurrency stand
 * on. They outlive instances as counters do, and are in bounded memory: when there is no room for a new key, all new
 * keys of a space share one record, and a metric says so.
 */
export interface Cells {
  /** Records of a space. Ask once, in `create`: equal names are the same records, in every worker. */
  records(space: string, options: RecordsOptions): Records;
  /** Places of a space that are taken and left again: how much of something is going on now. */
  places(space: string): Places;
}

export interface RecordsOptions {
  /** Numbers of each record, 1 to 7. Equal for all who use the space. */
  readonly numbers: number;
  /** A record is kept for so long after its last update, then it is all 0 again. One that is all 0 takes no room. */
  readonly keep_ms: number;
}

export interface Records {
  /**
   * Changes the numbers of a record (all 0 at first) in place and gives what `change` gives. Atomic: nobody sees it half
   * done, no other change is lost, and a worker that dies in the middle has changed everything or nothing.
   *
   * `change` must be pure: it runs again if another worker came in between. It may keep neither `numbers` nor update
   * another record. What it throws is thrown, and nothing has changed. Synchronous; a fraction of a microsecond.
   */
  update<A, R>(key: string, change: RecordChange<A, R>, argument: A): R;
  /** A copy of the numbers; null for a record that is all 0. */
  read(key: string): number[] | null;
}

/** @param now_ms of the monotonic clock, which all workers share; times may be kept in records */
export type RecordChange<A, R> = (numbers: Float64Array, argument: A, now_ms: number) => R;

export interface Places {
  /** Takes one of `most` places of a key; null if none is free. Whoever takes one must leave it, once. */
  enter(key: string, most: number): Place | null;
  /** How many are taken. */
  taken(key: string): number;
}

export interface Place {
  /** How many were taken when this one was, itself included. */
  readonly taken: number;
  /** Frees the place; once is enough, more does no harm. The places of a worker that dies are freed. */
  leave(): void;
}

/** Small shared values with a life span. */
export interface KeyValues {
  get(key: string): string | undefined;
  /** @param ttl_ms 0 keeps the value until it is deleted or evicted */
  set(key: string, value: string, ttl_ms: number): void;
  delete(key: string): void;
}

export type Labels = Readonly<Record<string, string>>;

/** How much the worker has to do. */
export interface Load {
  /** Whether a request may pass, by its priority, 0 to 9. To be asked once for each request that may be refused. */
  admits(priority: number): boolean;
}

/** Prometheus' model. The same name always means the same metric; asking for it with other labels or another type throws. */
export interface Metrics {
  counter(name: string, options: MetricOptions): Counter;
  gauge(name: string, options: MetricOptions): Gauge;
  histogram(name: string, options: MetricOptions & { readonly buckets: readonly number[] }): Histogram;
}

export interface MetricOptions {
  readonly help: string;
  readonly labels: readonly string[];
  /** Series that nothing was written to for so long are forgotten; without it, or 0, none is. */
  readonly expire_ms?: number;
}

/** `values` in the order of the declared labels. */
export interface Counter {
  add(amount: number, ...values: string[]): void;
  /** One series, found once, at its first write: for who writes to the same one often. */
  series(...values: string[]): CounterSeries;
}

export interface CounterSeries {
  add(amount: number): void;
}

export interface Gauge {
  set(value: number, ...values: string[]): void;
}

export interface Histogram {
  observe(value: number, ...values: string[]): void;
  /** One series, found once, at its first write: for who writes to the same one often. */
  series(...values: string[]): HistogramSeries;
}

export interface HistogramSeries {
  observe(value: number): void;
}
