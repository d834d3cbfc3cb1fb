/** What plugins of a lab get of the gateway: the real parts, with the lab's clock, and a log that tests can read. */
import { randomBytes } from 'node:crypto';
import { clientSource } from '../../src/clients/clients.ts';
import { systemClock } from '../../src/clock/clock.ts';
import type { AlarmClock } from '../../src/clock/clock.ts';
import { allocateLimits, SharedLimits } from '../../src/limit/shared-limits.ts';
import { Shedding } from '../../src/limit/shedding.ts';
import { MetricRegistry } from '../../src/observe/metrics.ts';
import type { HostLog } from '../../src/sdk/index.ts';
import { type HostParts, sha256 } from '../../src/threads/host.ts';

export interface HostLine {
  readonly level: keyof HostLog;
  readonly plugin: string;
  readonly event: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

export type LabParts = HostParts & { readonly metrics: MetricRegistry; readonly load: Shedding };

/** The gateway's own. */
const SHEDDING = { delay_ms: 50, recover_delay_ms: 20, sustained_ms: 1_000 };

const SIZES = {
  counters: { maxKeys: 10_000 },
  cells: { maxRecords: 10_000, threads: 1 },
  kv: { max_bytes: 4_000_000 },
};

/** @param lines gets what plugins log */
export function labParts(clock: AlarmClock, lines: HostLine[]): LabParts {
  const now_ms = (): number => clock.monotonic_ms();
  const write =
    (level: keyof HostLog): HostLog['info'] =>
    (event, detail = {}) =>
      void lines.push({ level, plugin: String(detail['plugin']), event, detail });
  const { counters, kv, cells } = new SharedLimits(allocateLimits(randomBytes(8), SIZES), { now_ms, digest: sha256 });
  return {
    clock,
    errorLog: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    counters,
    kv,
    cells,
    metrics: new MetricRegistry({ now_ms }),
    // Sockets have real time, whatever the clock of the lab says.
    clients: clientSource((delay_ms, onExpired) => systemClock.startTimer(delay_ms, onExpired)),
    startTimer: (delay_ms, onExpired) => clock.startTimer(delay_ms, onExpired),
    // Tests say how much there is to do: see `Lab.load`.
    load: new Shedding(SHEDDING, () => {}),
    random: Math.random,
    randomBytes: (length) => randomBytes(length),
  };
}

/** Time that passes only when a test says so. */
export class HandClock implements AlarmClock {
  /** Told whenever time has passed. */
  onPassed: () => void = () => {};
  private onStarted: (delay_ms: number) => void = () => {};
  private elapsed_ms = 0;
  private readonly timers = new Set<{ readonly at_ms: number; readonly onExpired: () => void }>();
  private readonly start_ms: number;

  /** @param start wall-clock time at the beginning */
  constructor(start = '2026-01-01T00:00:00Z') {
    this.start_ms = Date.parse(start);
  }

  monotonic_ms(): number {
    return this.elapsed_ms;
  }

  wall_ms(): number {
    return this.start_ms + this.elapsed_ms;
  }

  startTimer(delay_ms: number, onExpired: () => void): { stop(): void } {
    const timer = { at_ms: this.elapsed_ms + delay_ms, onExpired };
    this.timers.add(timer);
    this.onStarted(delay_ms);
    return { stop: () => void this.timers.delete(timer) };
  }

  /** Until the next timer of so long is started: from then on time may pass. */
  started(delay_ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.onStarted = (started_ms) => {
        if (started_ms === delay_ms) resolve();
      };
    });
  }

  /** Timers that have not called back yet. */
  get timerCount(): number {
    return this.timers.size;
  }

  pass(duration_ms: number): void {
    this.elapsed_ms += duration_ms;
    for (const timer of this.timers) {
      if (timer.at_ms > this.elapsed_ms) continue;
      this.timers.delete(timer);
      timer.onExpired();
    }
    this.onPassed();
  }
}
