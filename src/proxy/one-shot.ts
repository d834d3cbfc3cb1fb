import type { Deadline, TimerWheel } from '../clock/timer-wheel.ts';

/** A single deadline on the wheel. */
export class OneShot implements Deadline {
  private readonly wheel: TimerWheel;
  private readonly onExpired: () => void;

  expiresAt = 0;
  filedAt = 0;
  nextDeadline: Deadline | null = null;
  previousDeadline: Deadline | null = null;

  constructor(wheel: TimerWheel, delay_ms: number, onExpired: () => void) {
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
