/** What a plugin may use of the gateway. Plugins read no clock, no randomness and open no connection but through it. */
import type { ClientKind, Clients } from './clients.ts';
import type { PluginInstance } from './plugin.ts';

export interface Host {
  readonly clock: HostClock;
  readonly log: HostLog;
  /** Uniform in [0, 1). */
  random(): number;
  /** Random bytes from a cryptographic source. */
  randomBytes(length: number): Uint8Array;
  readonly counters: Counters;
  readonly kv: KeyValues;
  readonly metrics: Metrics;
  /**
   * A client for a system outside, to be made in `create`: it connects when it is first used, and ends with the instance.
   * The plugin must declare `effects: ['network']`. Throws TypeError where it does not, for a kind that this version does
   * not have, and for wrong options.
   */
  connect<K extends ClientKind>(kind: K, options: Clients[K]['options']): Clients[K]['client'];
  /** Calls back once after `delay_ms`, unless it is stopped before, or the instance is closed. Not to be used in `create`. */
  startTimer(delay_ms: number, onExpired: () => void): Timer;
  /** An upstream that `uses` named, by its path; for `exchange.useUpstream`. To be called in `create`. Throws TypeError for any other path. */
  upstream(path: string): Upstream;
  /** An instance of another plugin that `uses` named, by its path. To be called in `create`. Throws TypeError for any other path. */
  plugin(path: string): PluginInstance;
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
}

/** Small shared values with a life span. */
export interface KeyValues {
  get(key: string): string | undefined;
  /** @param ttl_ms 0 keeps the value until it is deleted or evicted */
  set(key: string, value: string, ttl_ms: number): void;
  delete(key: string): void;
}

export type Labels = Readonly<Record<string, string>>;

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
