import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Deadline, TimerWheel } from './timer-wheel.ts';

class Entry implements Deadline {
  expiresAt = 0;
  filedAt = 0;
  nextDeadline: Deadline | null = null;
  previousDeadline: Deadline | null = null;
  expired = 0;
  onDeadline(): void {
    this.expired++;
  }
}

for (const origin of [0, 40, 1_000_000]) {
  test(`a deadline expires once its time is over, by a clock that starts at ${origin}`, () => {
    const wheel = new TimerWheel(50, (error) => assert.fail(String(error)));
    wheel.advance(origin);
    const entry = new Entry();
    wheel.arm(entry, 1_000);
    wheel.advance(origin + 950);
    assert.equal(entry.expired, 0);
    wheel.advance(origin + 1_100);
    assert.equal(entry.expired, 1);
    wheel.advance(origin + 200_000);
    assert.equal(entry.expired, 1);
    assert.equal(wheel.size, 0);
  });
}
