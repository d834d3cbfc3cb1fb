/** What every process says of itself, under the names that Prometheus' client libraries gave it. */
import type { MetricRegistry } from './metrics.ts';

/** How the process is doing, read when metrics are collected. */
export interface ProcessReaders {
  /** CPU time of all threads since the start, in seconds. */
  cpu_s(): { readonly user: number; readonly system: number };
  rss_bytes(): number;
  /** null where the system does not tell. */
  openFds(): number | null;
  /** Seconds since the epoch. */
  readonly start_s: number;
}

export interface LoopDelay {
  readonly mean: number;
  readonly p99: number;
  readonly max: number;
}

export interface Build {
  readonly version: string;
  readonly node: string;
}

/** Registers the metrics of the process and of its build. */
export function addProcessMetrics(registry: MetricRegistry, readers: ProcessReaders, build: Build): void {
  const plain = { labels: [] };
  registry
    .gauge('gatewright_build_info', { help: 'Always 1: the labels say what runs.', labels: ['version', 'node'] })
    .set(1, build.version, build.node);
  registry
    .gauge('process_start_time_seconds', { help: 'Start of the process, since the epoch.', ...plain })
    .set(readers.start_s);
  const total = rising(registry, 'process_cpu_seconds_total', 'CPU time, of the process and of the system for it.');
  const user = rising(registry, 'process_cpu_user_seconds_total', 'CPU time of the process.');
  const system = rising(registry, 'process_cpu_system_seconds_total', 'CPU time of the system for the process.');
  const rss = registry.gauge('process_resident_memory_bytes', { help: 'Memory in RAM.', ...plain });
  const fds = registry.gauge('process_open_fds', { help: 'Open file descriptors; -1 if not known.', ...plain });
  registry.onCollect(() => {
    const cpu = readers.cpu_s();
    total(cpu.user + cpu.system);
    user(cpu.user);
    system(cpu.system);
    rss.set(readers.rss_bytes());
    fds.set(readers.openFds() ?? -1);
  });
}

/**
 * Registers the metrics of one thread.
 * @param thread its name: `control`, `worker 1`
 * @param loopDelay_s how much later than due timers ran since the last call, in seconds; null if none ran
 */
export function addThreadMetrics(registry: MetricRegistry, thread: string, loopDelay_s: () => LoopDelay | null): void {
  const delay = registry.gauge('gatewright_event_loop_delay_seconds', {
    help: 'How late timers of a thread ran since metrics were last collected.',
    labels: ['thread', 'quantile'],
  });
  registry.onCollect(() => {
    const { mean, p99, max } = loopDelay_s() ?? { mean: 0, p99: 0, max: 0 };
    delay.set(mean, thread, 'mean');
    delay.set(p99, thread, '0.99');
    delay.set(max, thread, 'max');
  });
}

/** A counter that is told where it stands. */
function rising(registry: MetricRegistry, name: string, help: string): (now: number) => void {
  const counter = registry.counter(name, { help, labels: [] });
  let before = 0;
  return (now) => {
    counter.add(Math.max(0, now - before));
    before = Math.max(before, now);
  };
}
