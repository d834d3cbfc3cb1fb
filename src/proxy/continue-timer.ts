import type { Deadline, TimerWheel } from '../clock/timer-wheel.ts';

/**
 * An upstream that knows nothing of `Expect: 100-continue` waits for the body while the client waits for leave to send
 * it. After this time the gateway gives that leave itself.
 */
const PATIENCE_MS = 1_000;

export class ContinueTimer implements Deadline {
  private readonly wheel: TimerWheel;
  private readonly onExpired: () => void;

  expiresAt = 0;
  filedAt = 0;
  nextDeadline: Deadline | null = null;
  previousDeadline: Deadline | null = null;

  constructor(wheel: TimerWheel, onExpired: () => void) {
    this.wheel = wheel;
    this.onExpired = onExpired;
    wheel.arm(this, PATIENCE_MS);
  }

  stop(): void {
    this.wheel.remove(this);
  }

  onDeadline(): void {
    this.onExpired();
  }
}
