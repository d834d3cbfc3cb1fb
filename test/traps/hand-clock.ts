import { systemClock, type AlarmClock } from '../../src/clock/clock.ts';
import type { Lab } from './lab.ts';

/** Time that passes only when a test says so. One for each test: its two labs go on from where it stands. */
export class HandClock implements AlarmClock {
  private now_ms = 0;

  monotonic_ms(): number {
    return this.now_ms;
  }

  wall_ms(): number {
    return this.now_ms;
  }

  startTimer(delay_ms: number, onExpired: () => void): { stop(): void } {
    return systemClock.startTimer(delay_ms, onExpired);
  }

  /** Lets that time pass, in steps that let everything that is due by then happen. */
  async pass(lab: Lab, duration_ms: number): Promise<void> {
    const end_ms = this.now_ms + duration_ms;
    while (this.now_ms < end_ms) {
      this.now_ms = Math.min(end_ms, this.now_ms + 500);
      lab.worker.tick();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
