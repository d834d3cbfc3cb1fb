/** The parts of Host that come from the system, and what is known of it. */
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { clientSource } from '../clients/clients.ts';
import type { AlarmClock } from '../clock/clock.ts';
import { allocateLimits, SharedLimits } from '../limit/shared-limits.ts';
import type { SharedLimitMemory } from '../limit/shared-limits.ts';
import type { MetricRegistry } from '../observe/metrics.ts';
import { addProcessMetrics, addThreadMetrics } from '../observe/process-metrics.ts';
import type { LoopDelay } from '../observe/process-metrics.ts';
import type { GatewaySettings } from '../config/settings.ts';
import type { HostLog } from '../sdk/host.ts';
import { resolveAuthorities } from '../upstream/upstream-tls.ts';
import { sha256 } from './host.ts';
import type { HostParts } from './host.ts';
import { LoadMeter } from './load-meter.ts';

export interface SystemParts extends HostParts {
  readonly limits: SharedLimits;
  /** Ends the measuring of the event loop's delay. */
  close(): void;
}

export interface ThreadParts {
  readonly clock: AlarmClock;
  readonly errorLog: HostLog;
  readonly metrics: MetricRegistry;
  /** Its name in metrics. */
  readonly thread: string;
  readonly settings: Pick<GatewaySettings, 'load_shedding' | 'authorities' | 'profile' | 'metrics'>;
  /** What it shares with the other threads; without it, it is alone. */
  readonly limits?: SharedLimits;
  /** See `Host`. */
  readonly httpsPort?: () => number | null;
}

/** Resolution of the event loop's delay. */
const LOOP_RESOLUTION_MS = 20;

/** This thread's view of what all threads count and keep. @param thread main is 0 */
export function sharedLimits(memory: SharedLimitMemory, clock: AlarmClock, thread: number): SharedLimits {
  return new SharedLimits(memory, {
    now_ms: () => clock.monotonic_ms(),
    digest: sha256,
    generation: generationOf(thread),
  });
}

/** Under which a thread takes locks in shared memory: from 1 on. */
export const generationOf = (thread: number): number => thread + 1;

/** What the plugins of one thread are given, with the metrics of that thread. */
export function systemParts(options: ThreadParts): SystemParts {
  const { clock, errorLog, metrics, thread, settings, limits = alone(clock), httpsPort } = options;
  const { counters, kv, cells } = limits;
  const loop = measureLoop(metrics, thread);
  countOverflow(metrics, limits);
  const load = new LoadMeter({ settings: settings.load_shedding, errorLog, now_ms: () => clock.monotonic_ms() });
  const close = (): void => {
    loop.close();
    load.close();
  };
  const startTimer = (delay_ms: number, onExpired: () => void) => clock.startTimer(delay_ms, onExpired);
  const clients = clientSource(startTimer, resolveAuthorities(settings.authorities)?.join('\n'));
  const { profile } = settings;
  const url = metricsUrlOf(settings.metrics);
  const metricsUrl = (): string | null => url;
  const shared = { counters, kv, cells, limits, profile, metricsUrl, ...(httpsPort !== undefined && { httpsPort }) };
  return { clock, errorLog, ...shared, metrics, load, clients, startTimer, random: Math.random, randomBytes, close };
}

/** An address that stands for all of them is asked at the one that is always there. */
function metricsUrlOf(metrics: GatewaySettings['metrics']): string | null {
  if (metrics === false || metrics.port === 0) return null;
  const { address, port, path } = metrics;
  const own = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
  return `http://${own.includes(':') ? `[${own}]` : own}:${port}${path}`;
}

/** Registers how late the timers of this thread run. */
export function measureLoop(metrics: MetricRegistry, thread: string): { close(): void } {
  const loop = new LoopDelayReader();
  addThreadMetrics(metrics, thread, () => loop.read());
  return loop;
}

/** Registers what is known of the process as a whole: for one thread of it. @param version of the gateway */
export function measureProcess(metrics: MetricRegistry, clock: AlarmClock, version: string): void {
  const readers = {
    cpu_s: cpuTime,
    rss_bytes: () => process.memoryUsage.rss(),
    openFds,
    start_s: clock.wall_ms() / 1000 - process.uptime(),
  };
  addProcessMetrics(metrics, readers, { version, node: process.version });
}

function alone(clock: AlarmClock): SharedLimits {
  return sharedLimits(allocateLimits(randomBytes(8)), clock, 0);
}

function countOverflow(metrics: MetricRegistry, { counters, cells }: SharedLimits): void {
  const overflow = metrics.counter('gatewright_counter_overflow_total', {
    help: 'Calls of limits and breakers that found no room for their key and were counted together with others.',
    labels: [],
  });
  let before = 0;
  metrics.onCollect(() => {
    const now = counters.overflowCalls + cells.overflowCalls;
    overflow.add(now - before);
    before = now;
  });
}

/** Slots that each collection looks at, so that gauges forget what has expired: about a millisecond. */
const SWEPT = 50_000;

/** Registers how much of the shared memory is in use: for one thread. */
export function measureLimits(metrics: MetricRegistry, { counters, cells, kv }: SharedLimits): void {
  const gauge = (name: string, help: string) => metrics.gauge(name, { help, labels: [] });
  const keys = gauge('gatewright_counter_keys', 'Keys that limits count now.');
  const records = gauge('gatewright_cell_records', 'Records that breakers and limits keep now.');
  const values = gauge('gatewright_kv_entries', 'Values that plugins keep now.');
  const bytes = gauge('gatewright_kv_bytes', 'Memory of the values that plugins keep.');
  metrics.onCollect(() => {
    counters.sweep(SWEPT);
    cells.sweep(SWEPT);
    keys.set(counters.keys);
    records.set(cells.used);
    values.set(kv.size);
    bytes.set(kv.bytes);
  });
}

function cpuTime(): { readonly user: number; readonly system: number } {
  const { user, system } = process.cpuUsage();
  return { user: user / 1e6, system: system / 1e6 };
}

/** Linux lists them; counting them opens one more. */
function openFds(): number | null {
  try {
    return readdirSync('/proc/self/fd').length - 1;
  } catch {
    return null;
  }
}

class LoopDelayReader {
  readonly #histogram = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });

  constructor() {
    this.#histogram.enable();
  }

  read(): LoopDelay | null {
    const { count, mean, max } = this.#histogram;
    const p99 = this.#histogram.percentile(99);
    this.#histogram.reset();
    if (count === 0) return null;
    return { mean: late(mean), p99: late(p99), max: late(max) };
  }

  close(): void {
    this.#histogram.disable();
  }
}

/** The histogram has the nanoseconds between two ticks of its timer, the time that it means to wait included. */
const late = (interval_ns: number): number => Math.max(0, interval_ns / 1e9 - LOOP_RESOLUTION_MS / 1000);
