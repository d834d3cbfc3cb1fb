/** What plugins of a lab get of the gateway: real randomness, the lab's clock, and a log that tests can read. */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../src/clock/clock.ts';
import { inertHost } from '../../src/compile/inert-host.ts';
import type { HostFor } from '../../src/compile/instances.ts';
import type { HostLog } from '../../src/sdk/index.ts';

export interface HostLine {
  readonly level: keyof HostLog;
  readonly plugin: string;
  readonly event: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** @param lines gets what plugins log */
export function labHost(clock: Clock, lines: HostLine[]): HostFor {
  return (owner) => {
    const write =
      (level: keyof HostLog): HostLog['info'] =>
      (event, detail = {}) =>
        void lines.push({ level, plugin: owner.plugin, event, detail });
    return {
      ...inertHost(owner),
      clock,
      log: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
      random: Math.random,
      randomBytes: (length) => randomBytes(length),
    };
  };
}

/** Time that passes only when a test says so. */
export class HandClock implements Clock {
  /** Told whenever time has passed. */
  onPassed: () => void = () => {};
  private elapsed_ms = 0;
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

  pass(duration_ms: number): void {
    this.elapsed_ms += duration_ms;
    this.onPassed();
  }
}
