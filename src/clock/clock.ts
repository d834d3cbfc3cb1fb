/** Where time comes from: the system in the gateway, a test's own hand in tests. */
export interface Clock {
  /** Milliseconds since some origin, with a fraction; never goes back. */
  monotonic_ms(): number;
  /** Milliseconds since the epoch. */
  wall_ms(): number;
}

/** A clock that calls back, to the millisecond: for delays that somebody asked for. Deadlines belong on a `TimerWheel`. */
export interface AlarmClock extends Clock {
  /** Calls back once after `delay_ms`, unless it is stopped before. Does not keep the process alive. */
  startTimer(delay_ms: number, onExpired: () => void): { stop(): void };
}

export const systemClock: AlarmClock = {
  monotonic_ms: () => performance.now(),
  wall_ms: () => Date.now(),
  startTimer(delay_ms, onExpired) {
    const timer = setTimeout(onExpired, delay_ms).unref();
    return { stop: () => clearTimeout(timer) };
  },
};
