/** The parts of Host that come from the system, and what is known of it. */
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { clientSource } from '../clients/clients.ts';
import type { AlarmClock } from '../clock/clock.ts';
import { CounterTable } from '../limit/counter-table.ts';
import { KeyValueTable } from '../limit/key-values.ts';
import type { MetricRegistry } from '../observe/metrics.ts';
import { addProcessMetrics, addThreadMetrics } from '../observe/process-metrics.ts';
import type { LoopDelay } from '../observe/process-metrics.ts';
import type { HostLog } from '../sdk/host.ts';
import { sha256 } from './host.ts';
import type { HostParts } from './host.ts';

export interface SystemParts extends HostParts {
  /** Ends the measuring of the event loop's delay. */
  close(): void;
}

export interface ThreadParts {
  readonly clock: AlarmClock;
  readonly errorLog: HostLog;
  readonly metrics: MetricRegistry;
  /** Its name in metrics. */
  readonly thread: string;
}

/** Resolution of the event loop's delay. */
const LOOP_RESOLUTION_MS = 20;

/** What the plugins of one thread are given, with the metrics of that thread. */
export function systemParts({ clock, errorLog, metrics, thread }: ThreadParts): SystemParts {
  const now_ms = (): number => clock.monotonic_ms();
  const counters = new CounterTable({ now_ms, digest: sha256 });
  const kv = new KeyValueTable({ now_ms });
  const loop = measureLoop(metrics, thread);
  addTableMetrics(metrics, counters, kv);
  const close = (): void => loop.close();
  const startTimer = (delay_ms: number, onExpired: () => void) => clock.startTimer(delay_ms, onExpired);
  const clients = clientSource(startTimer);
  return { clock, errorLog, counters, kv, metrics, clients, startTimer, random: Math.random, randomBytes, close };
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

function addTableMetrics(metrics: MetricRegistry, counters: CounterTable, kv: KeyValueTable): void {
  const labels: string[] = [];
  const keys = metrics.gauge('gatewright_counter_keys', { help: 'Keys that limits count now.', labels });
  const overflow = metrics.counter('gatewright_counter_overflow_total', {
    help: 'Calls of limits that found no room for their key and were counted together with others.',
    labels,
  });
  const values = metrics.gauge('gatewright_kv_entries', { help: 'Values that plugins keep now.', labels });
  const bytes = metrics.gauge('gatewright_kv_bytes', { help: 'Memory of the values that plugins keep.', labels });
  let overflowBefore = 0;
  metrics.onCollect(() => {
    keys.set(counters.keys);
    overflow.add(counters.overflowCalls - overflowBefore);
    overflowBefore = counters.overflowCalls;
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
