/** A Host without effects, for instances that are made only to see whether they can be: `check`, and tests of compile. */
import type { Host, Owner } from '../sdk/host.ts';

const nothing = (): void => undefined;
const ALLOWED = Object.freeze({ isAllowed: true, remaining: 0, reset_ms: 0 });

export function inertHost(owner: Owner): Host {
  return {
    owner,
    clock: { monotonic_ms: () => 0, wall_ms: () => 0 },
    log: { debug: nothing, info: nothing, warn: nothing, error: nothing },
    random: () => 0,
    randomBytes: (length) => new Uint8Array(length),
    counters: { fixedWindow: () => ALLOWED, slidingWindow: () => ALLOWED },
    kv: { get: () => undefined, set: nothing, delete: nothing },
    metrics: {
      counter: () => ({ add: nothing, series: () => ({ add: nothing }) }),
      gauge: () => ({ set: nothing }),
      histogram: () => ({ observe: nothing, series: () => ({ observe: nothing }) }),
    },
    connect: () => Object.freeze({}),
  };
}
