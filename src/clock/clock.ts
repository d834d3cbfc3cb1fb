/** Where time comes from: the system in the gateway, a test's own hand in tests. */
export interface Clock {
  /** Milliseconds since some origin that all threads of the process share, with a fraction; never goes back. */
  monotonic_ms(): number;
  /** Milliseconds since the epoch. */
  wall_ms(): number;
}

/** A clock that calls back, to the millisecond: for delays that somebody asked for. Deadlines belong on a `TimerWheel`. */
export interface AlarmClock extends Clock {
  /** Calls back once after `delay_ms`, unless it is stopped before. Does not keep the process alive. */
  startTimer(delay_ms: number, onExpired: () => void): { stop(): void };
}

/**
 * What turns a thread's own `performance.now()`, whose origin is the start of that thread, into the system's monotonic
 * clock, which all of them share. Both count with the same clock, so that the difference stays; reading them one after
 * the other makes it wrong by about a microsecond, the least of some tries less.
 */
function originOffset(): number {
  let least = Infinity;
  let offset_ms = 0;
  for (let round = 0; round < 10; round++) {
    const before = process.hrtime.bigint();
    const now_ms = performance.now();
    const spent = Number(process.hrtime.bigint() - before);
    if (spent >= least) continue;
    least = spent;
    offset_ms = (Number(before) + spent / 2) / 1e6 - now_ms;
  }
  return offset_ms;
}

const ORIGIN_OFFSET_MS = originOffset();
/** The global is a getter, which is looked up at every use. */
const { performance: ownClock } = globalThis;

export const systemClock: AlarmClock = {
  monotonic_ms: () => ownClock.now() + ORIGIN_OFFSET_MS,
  wall_ms: () => Date.now(),
  startTimer(delay_ms, onExpired) {
    const timer = setTimeout(onExpired, delay_ms).unref();
    return { stop: () => clearTimeout(timer) };
  },
};
