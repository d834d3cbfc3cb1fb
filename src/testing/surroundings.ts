/** What the plugins of a gateway under test get of it: the real parts, in a world that is scripted. */
import { allocateLimits, type SharedLimitMemory, SharedLimits } from '../limit/shared-limits.ts';
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
  counters: { maxKeys: 1_024, maxOverflowBuckets: 16 },
  cells: { maxRecords: 1_024, maxOverflow: 16, threads: 1, placesPerThread: 1_024 },
  kv: { max_bytes: 131_072 },
};

export function logInto(take: (line: LogLine) => void): HostLog {
  const write =
    (level: LogLine['level']): HostLog['info'] =>
    (event, detail = {}) =>
      take({ level, event, detail });
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

/** What plugins count and keep; it can be emptied, and stays where it is. */
export class Memory {
  readonly limits: SharedLimits;
  private readonly memory: SharedLimitMemory;

  constructor(clock: VirtualClock, random: SeededRandom) {
    this.memory = allocateLimits(random.randomBytes(8), SIZES);
    this.limits = new SharedLimits(this.memory, { now_ms: () => clock.monotonic_ms(), digest: sha256 });
    const copyOf = (part: SharedArrayBuffer): Uint8Array => new Uint8Array(part).slice();
    const { counters, cells, kv } = this.memory;
    this.blank = { counters: copyOf(counters), cells: copyOf(cells), kv: copyOf(kv) };
  }

  /** What the memory began with: sizes and secrets, and zeros. */
  private readonly blank: Readonly<Record<keyof SharedLimitMemory, Uint8Array>>;

  clear(): void {
    const { counters, cells, kv } = this.limits;
    this.clearPart('counters', counters.keys > 0 || counters.overflowCalls > 0);
    this.clearPart('cells', cells.used > 0 || cells.overflowCalls > 0);
    this.clearPart('kv', kv.size > 0);
  }

  private clearPart(name: keyof SharedLimitMemory, isUsed: boolean): void {
    if (isUsed) new Uint8Array(this.memory[name]).set(this.blank[name]);
  }
}

export interface PartsOptions {
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  readonly errorLog: HostLog;
  readonly memory: Memory;
  readonly effects: Effects;
  /** Whether requests are shed; see `Load`. */
  readonly admits: (priority: number) => boolean;
  readonly profile: NonNullable<HostParts['profile']>;
}

export function partsFor(options: PartsOptions): HostParts {
  const { clock, random, errorLog, memory, effects, admits, profile } = options;
  const { counters, kv, cells } = memory.limits;
  return {
    clock,
    errorLog,
    profile,
    counters,
    kv,
    cells,
    metrics: new MetricRegistry({ now_ms: () => clock.monotonic_ms() }),
    clients: scriptedClients(effects),
    load: { admits },
    random: random.random,
    randomBytes: random.randomBytes,
    startTimer: (delay_ms, onExpired) => clock.startTimer(delay_ms, onExpired),
  };
}
