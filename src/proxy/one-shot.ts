import { TimedEntry, type TimerWheel } from '../clock/timer-wheel.ts';

/** A single deadline on the wheel. */
export class OneShot extends TimedEntry {
  private readonly wheel: TimerWheel;
  private readonly onExpired: () => void;

  constructor(wheel: TimerWheel, delay_ms: number, onExpired: () => void) {
    super();
    this.wheel = wheel;
    this.onExpired = onExpired;
    wheel.arm(this, delay_ms);
  }

  stop(): void {
    this.wheel.remove(this);
  }

  onDeadline(): void {
    this.onExpired();
  }
}
