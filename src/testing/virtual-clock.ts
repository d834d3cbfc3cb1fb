/** Time that passes only when somebody says so. */
import type { AlarmClock } from '../clock/clock.ts';

interface Alarm {
  readonly at_ms: number;
  readonly order: number;
  readonly onExpired: () => void;
}

export class VirtualClock implements AlarmClock {
  /** Wall-clock time at the beginning. */
  private start_ms = 0;
  /** On the monotonic clock, which goes on whatever begins anew. */
  private origin_ms = 0;
  private now_ms = 0;
  private count = 0;
  /** The next one first; of those for the same time, the one that was started first. */
  private alarms: Alarm[] = [];

  /** Time begins anew, without any alarm. @param start_ms wall-clock time, milliseconds since the epoch */
  restart(start_ms: number): void {
    this.start_ms = start_ms;
    this.origin_ms = this.now_ms;
    this.alarms = [];
  }

  monotonic_ms(): number {
    return this.now_ms;
  }

  wall_ms(): number {
    return this.start_ms + this.elapsed_ms;
  }

  /** Since it began anew. */
  get elapsed_ms(): number {
    return this.now_ms - this.origin_ms;
  }

  startTimer(delay_ms: number, onExpired: () => void): { stop(): void } {
    // What takes no time is over with the next step, not within this call.
    const alarm = { at_ms: this.now_ms + Math.max(0, delay_ms), order: this.count++, onExpired };
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
  moveTo(now_ms: number): void {
    this.now_ms = Math.max(this.now_ms, now_ms);
  }

  /** Calls back the first alarm that is due. @returns whether there was one */
  fire(): boolean {
    if (this.next_ms > this.now_ms) return false;
    this.alarms.shift()?.onExpired();
    return true;
  }
}
