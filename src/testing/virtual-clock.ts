/** Time that passes only when somebody says so. */
import type { AlarmClock } from '../clock/clock.ts';

interface Alarm {
  readonly at_ms: number;
  readonly order: number;
  readonly onExpired: () => void;
}

export class VirtualClock implements AlarmClock {
  private readonly start_ms: number;
  private elapsed_ms = 0;
  private count = 0;
  /** The next one first; of those for the same time, the one that was started first. */
  private readonly alarms: Alarm[] = [];

  /** @param start_ms wall-clock time at the beginning, milliseconds since the epoch */
  constructor(start_ms: number) {
    this.start_ms = start_ms;
  }

  monotonic_ms(): number {
    return this.elapsed_ms;
  }

  wall_ms(): number {
    return this.start_ms + this.elapsed_ms;
  }

  startTimer(delay_ms: number, onExpired: () => void): { stop(): void } {
    // What takes no time is over with the next step, not within this call.
    const alarm = { at_ms: this.elapsed_ms + Math.max(0, delay_ms), order: this.count++, onExpired };
    let at = this.alarms.length;
    while (at > 0 && (this.alarms[at - 1]?.at_ms ?? 0) > alarm.at_ms) at--;
    this.alarms.splice(at, 0, alarm);
    return {
      stop: () => {
        const index = this.alarms.indexOf(alarm);
        if (index >= 0) this.alarms.splice(index, 1);
      },
    };
  }

  /** When the next alarm is due; Infinity where there is none. */
  get next_ms(): number {
    return this.alarms[0]?.at_ms ?? Infinity;
  }

  /** Sets the clock, never back. Nothing calls back within. */
  moveTo(elapsed_ms: number): void {
    this.elapsed_ms = Math.max(this.elapsed_ms, elapsed_ms);
  }

  /** Calls back the first alarm that is due. @returns whether there was one */
  fire(): boolean {
    if (this.next_ms > this.elapsed_ms) return false;
    this.alarms.shift()?.onExpired();
    return true;
  }
}
