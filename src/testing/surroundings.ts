/** What the plugins of a gateway under test get of it: the real parts, in a world that is scripted. */
import { allocateLimits, SharedLimits } from '../limit/shared-limits.ts';
import { MetricRegistry } from '../observe/metrics.ts';
import type { HostLog } from '../sdk/host.ts';
import { type HostParts, sha256 } from '../threads/host.ts';
import type { Effects } from './scripted-clients.ts';
import { scriptedClients } from './scripted-clients.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** What plugins, or the gateway itself, wrote to the error log. */
export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly event: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** Room for what tests count: the gateway's own sizes would be most of a test's time. */
const SIZES = {
  counters: { maxKeys: 4_096, maxOverflowBuckets: 64 },
  cells: { maxRecords: 4_096, maxOverflow: 64, threads: 1 },
  kv: { max_bytes: 1_048_576 },
};

export function logInto(lines: LogLine[]): HostLog {
  const write =
    (level: LogLine['level']): HostLog['info'] =>
    (event, detail = {}) =>
      void lines.push({ level, event, detail });
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

export interface PartsOptions {
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  readonly errorLog: HostLog;
  readonly effects: Effects;
  /** Whether requests are shed; see `Load`. */
  readonly admits: (priority: number) => boolean;
}

export function partsFor({
  clock,
  random,
  errorLog,
  effects,
  admits,
}: PartsOptions): HostParts & { readonly metrics: MetricRegistry } {
  const now_ms = (): number => clock.monotonic_ms();
  const limits = new SharedLimits(allocateLimits(random.randomBytes(8), SIZES), { now_ms, digest: sha256 });
  return {
    clock,
    errorLog,
    counters: limits.counters,
    kv: limits.kv,
    cells: limits.cells,
    metrics: new MetricRegistry({ now_ms }),
    clients: scriptedClients(effects),
    load: { admits },
    random: random.random,
    randomBytes: random.randomBytes,
    startTimer: (delay_ms, onExpired) => clock.startTimer(delay_ms, onExpired),
  };
}
