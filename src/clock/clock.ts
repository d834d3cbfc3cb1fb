/** Where time comes from: the system in the gateway, a test's own hand in tests. */
export interface Clock {
  /** Milliseconds since some origin, with a fraction; never goes back. */
  monotonic_ms(): number;
  /** Milliseconds since the epoch. */
  wall_ms(): number;
}

export const systemClock: Clock = {
  monotonic_ms: () => performance.now(),
  wall_ms: () => Date.now(),
};
