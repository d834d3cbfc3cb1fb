import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Deadline, TimerWheel } from './timer-wheel.ts';

const TICK_MS = 50;
/** Beyond this many ticks a deadline outlives a whole turn of the wheel. */
const SLOTS = 1024;

class Entry implements Deadline {
  expiresAt = 0;
  filedAt = 0;
  nextDeadline: Deadline | null = null;
  previousDeadline: Deadline | null = null;
  fired = 0;
  readonly onExpired: () => void;

  constructor(onExpired: () => void = () => {}) {
    this.onExpired = onExpired;
  }

  onDeadline(): void {
    this.fired++;
    this.onExpired();
  }
}

const fail = (error: unknown): void => assert.fail(String(error));

function wheelAt(now_ms: number): TimerWheel {
  const wheel = new TimerWheel(TICK_MS, fail);
  wheel.advance(now_ms);
  return wheel;
}

describe('one deadline', () => {
  for (const delay_ms of [0, 1, 49, 50, 51, 99, 100, 1_000, 51_150, 51_200, 51_250, 102_400, 200_000, 7_200_000]) {
    it(`of ${delay_ms} ms expires once, after at least that time and less than two ticks more`, () => {
      for (const offset_ms of [0, 0.5, 20, 49.9]) {
        const start_ms = 1_000_000 + offset_ms;
        const wheel = wheelAt(start_ms);
        const entry = new Entry();
        wheel.arm(entry, delay_ms);
        let now_ms = start_ms;
        while (entry.fired === 0 && now_ms < start_ms + delay_ms + 10_000) {
          now_ms += delay_ms > 1_000_000 ? 10 : 1;
          wheel.advance(now_ms);
        }
        const elapsed_ms = now_ms - start_ms;
        assert.ok(elapsed_ms >= delay_ms, `after ${elapsed_ms} ms`);
        assert.ok(elapsed_ms < delay_ms + 2 * TICK_MS + 10, `after ${elapsed_ms} ms`);
        wheel.advance(now_ms + 2 * SLOTS * TICK_MS);
        assert.equal(entry.fired, 1);
        assert.equal(wheel.size, 0);
      }
    });
  }

  it('that is disarmed does not expire, and leaves its slot when that comes round', () => {
    const wheel = wheelAt(0);
    const entry = new Entry();
    wheel.arm(entry, 500);
    wheel.disarm(entry);
    assert.equal(wheel.size, 1);
    wheel.advance(1_000);
    assert.deepEqual([entry.fired, wheel.size], [0, 0]);
  });

  it('that is removed is gone at once', () => {
    const wheel = wheelAt(0);
    const entries = [new Entry(), new Entry(), new Entry()];
    for (const entry of entries) wheel.arm(entry, 500);
    for (const entry of entries) wheel.remove(entry);
    assert.equal(wheel.size, 0);
    wheel.advance(10_000);
    assert.deepEqual(
      entries.map(({ fired }) => fired),
      [0, 0, 0],
    );
  });

  it('that is armed again later stays where it is filed and expires at the later time', () => {
    const wheel = wheelAt(0);
    const entry = new Entry();
    wheel.arm(entry, 500);
    wheel.advance(400);
    const { filedAt } = entry;
    wheel.arm(entry, 500);
    assert.equal(entry.filedAt, filedAt);
    wheel.advance(899);
    assert.equal(entry.fired, 0);
    wheel.advance(1_000);
    assert.equal(entry.fired, 1);
  });

  it('that is armed again earlier expires at the earlier time', () => {
    const wheel = wheelAt(0);
    const entry = new Entry();
    wheel.arm(entry, 100_000);
    wheel.arm(entry, 100);
    wheel.advance(200);
    assert.deepEqual([entry.fired, wheel.size], [1, 0]);
  });
});

describe('a deadline that expires', () => {
  it('may arm itself again, and does not expire twice because the clock jumped', () => {
    const wheel = wheelAt(0);
    const entry: Entry = new Entry(() => wheel.arm(entry, 100));
    wheel.arm(entry, 100);
    // The loop was busy for five seconds: that is no reason to let a deadline of 100 ms expire again at once.
    wheel.advance(5_000);
    assert.equal(entry.fired, 1);
    wheel.advance(5_099);
    assert.equal(entry.fired, 1);
    wheel.advance(5_200);
    assert.equal(entry.fired, 2);
  });

  it('may disarm, remove and arm others that are due in the same tick', () => {
    const wheel = wheelAt(0);
    const others = [new Entry(), new Entry(), new Entry()] as const;
    const acting = new Entry(() => {
      wheel.disarm(others[0]);
      wheel.remove(others[1]);
      wheel.arm(others[2], 1_000);
    });
    // Lists are read from their head, where the entry filed last stands.
    for (const entry of [...others, acting]) wheel.arm(entry, 100);
    wheel.advance(500);
    assert.deepEqual(
      others.map(({ fired }) => fired),
      [0, 0, 0],
    );
    wheel.advance(1_700);
    assert.deepEqual(
      others.map(({ fired }) => fired),
      [0, 0, 1],
    );
  });

  it('and throws is reported, and the others expire all the same', () => {
    const faults: unknown[] = [];
    const wheel = new TimerWheel(TICK_MS, (error) => faults.push(error));
    wheel.advance(0);
    const fault = new Error('on purpose');
    const entries = [
      new Entry(),
      new Entry(() => {
        throw fault;
      }),
      new Entry(),
    ];
    for (const entry of entries) wheel.arm(entry, 100);
    wheel.advance(500);
    assert.deepEqual(
      entries.map(({ fired }) => fired),
      [1, 1, 1],
    );
    assert.deepEqual(faults, [fault]);
  });
});

/** mulberry32. */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

describe('random use', () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    it(`agrees with a list of deadlines that is searched as a whole (seed ${seed})`, () => {
      const random = seededRandom(seed);
      const below = (bound: number): number => Math.floor(random() * bound);
      const wheel = wheelAt(0);
      let now_ms = 0;
      /** When each entry is due; undefined if it is not armed. */
      const due: (number | undefined)[] = [];
      const fired = new Set<number>();
      const delay = (): number => (below(10) === 0 ? below(3 * SLOTS * TICK_MS) : below(40 * TICK_MS));
      const act = (index: number): void => {
        const entry = entries[index];
        const choice = below(6);
        if (choice === 0) {
          wheel.disarm(entry);
          due[index] = undefined;
        } else if (choice === 1) {
          wheel.remove(entry);
          due[index] = undefined;
        } else {
          const delay_ms = delay();
          wheel.arm(entry, delay_ms);
          due[index] = now_ms + delay_ms;
        }
      };
      const entries = Array.from(
        { length: 40 },
        (_, index): Entry =>
          new Entry(() => {
            const dueAt_ms = due[index];
            assert.ok(dueAt_ms !== undefined, `entry ${index} expired and was not armed`);
            assert.ok(now_ms >= dueAt_ms, `entry ${index} expired ${dueAt_ms - now_ms} ms early`);
            due[index] = undefined;
            fired.add(index);
            for (let k = below(3); k > 0; k--) act(below(40));
          }),
      );
      for (let step = 0; step < 6_000; step++) {
        for (let k = below(4); k > 0; k--) act(below(40));
        now_ms += below(20) === 0 ? below(300 * TICK_MS) : random() * 2 * TICK_MS;
        wheel.advance(now_ms);
        for (const [index, dueAt_ms] of due.entries()) {
          if (dueAt_ms !== undefined)
            assert.ok(now_ms < dueAt_ms + 2 * TICK_MS, `entry ${index} is ${now_ms - dueAt_ms} ms late`);
        }
        const armed = due.filter((dueAt_ms) => dueAt_ms !== undefined).length;
        assert.ok(wheel.size >= armed && wheel.size <= entries.length, `${wheel.size} entries filed, ${armed} armed`);
      }
      assert.equal(fired.size, 40, 'every entry expired at some time');
      now_ms += 4 * SLOTS * TICK_MS;
      for (const entry of entries) wheel.disarm(entry);
      due.fill(undefined);
      wheel.advance(now_ms);
      assert.equal(wheel.size, 0);
    });
  }
});

describe('the next deadline', () => {
  it('is when the slot of the earliest entry comes round, or never', () => {
    const wheel = wheelAt(1_000);
    assert.equal(wheel.next_ms, Infinity);
    const [early, late] = [new Entry(), new Entry()];
    wheel.arm(late, 200_000);
    wheel.arm(early, 500);
    const next_ms = wheel.next_ms;
    wheel.advance(next_ms - 1);
    assert.equal(early.fired, 0);
    wheel.advance(next_ms);
    assert.equal(early.fired, 1);
    // Jumping from one to the next visits every entry in the end.
    for (let jumps = 0; wheel.next_ms < Infinity; jumps++) {
      assert.ok(jumps < 10, 'the next deadline is always ahead');
      wheel.advance(wheel.next_ms);
    }
    assert.equal(late.fired, 1);
  });
});
