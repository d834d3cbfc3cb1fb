/**
 * What a node's checks have come to, and what one more of them changes: pure arithmetic on numbers that fit into one
 * cell of shared memory. The four states and four counters are those of APISIX's page on health checks.
 */

export type HealthStatus = 'healthy' | 'mostly_healthy' | 'mostly_unhealthy' | 'unhealthy';

/** By state number. The first two get traffic. */
export const STATUSES: readonly HealthStatus[] = ['healthy', 'mostly_healthy', 'mostly_unhealthy', 'unhealthy'];

export const HEALTHY = 0;
export const MOSTLY_HEALTHY = 1;
export const MOSTLY_UNHEALTHY = 2;
export const UNHEALTHY = 3;

/** What one probe, or one request, told about its node. */
export const SUCCESS = 0;
export const TCP_FAILURE = 1;
export const HTTP_FAILURE = 2;
export const TIMEOUT_FAILURE = 3;

export type HealthEvent = typeof SUCCESS | typeof TCP_FAILURE | typeof HTTP_FAILURE | typeof TIMEOUT_FAILURE;

/** How many events of each kind in a row decide, by event; 0: events of the kind do not count. At most 254 each. */
export type HealthLimits = readonly [successes: number, tcp: number, http: number, timeouts: number];

export interface HealthCounters {
  readonly success: number;
  readonly tcp_failure: number;
  readonly http_failure: number;
  readonly timeout_failure: number;
}

/** Counters are packed into 32 bits: eight for each event, successes lowest. */
export function countOf(counters: number, event: HealthEvent): number {
  return (counters >>> (event * 8)) & 0xff;
}

export function readCounters(counters: number): HealthCounters {
  return {
    success: countOf(counters, SUCCESS),
    tcp_failure: countOf(counters, TCP_FAILURE),
    http_failure: countOf(counters, HTTP_FAILURE),
    timeout_failure: countOf(counters, TIMEOUT_FAILURE),
  };
}

export interface NodeHealth {
  /** 0 to 3. */
  readonly state: number;
  /** Packed; as an unsigned number. */
  readonly counters: number;
}

export const isDownState = (state: number): boolean => state >= MOSTLY_UNHEALTHY;

/**
 * The state after `event`; `health` itself if that changes nothing, which is the case for every success of a healthy node.
 * A success clears the failures, a failure clears the successes: only events in a row decide.
 */
export function nextHealth(health: NodeHealth, event: HealthEvent, limits: HealthLimits): NodeHealth {
  const limit = limits[event];
  if (limit === 0) return health;
  const { state, counters } = health;
  if (event === SUCCESS) {
    if (state === HEALTHY) return health;
    const successes = Math.min(254, countOf(counters, SUCCESS) + 1);
    if (successes >= limit) return { state: HEALTHY, counters: successes };
    return { state: isDownState(state) ? MOSTLY_UNHEALTHY : MOSTLY_HEALTHY, counters: successes };
  }
  // It is down already: the counters show what brought it down.
  if (state === UNHEALTHY) return health;
  const failures = Math.min(254, countOf(counters, event) + 1);
  const cleared = counters & ~(0xff << (event * 8)) & ~0xff;
  const counted = (cleared | (failures << (event * 8))) >>> 0;
  if (failures >= limit) return { state: UNHEALTHY, counters: counted };
  return { state: isDownState(state) ? MOSTLY_UNHEALTHY : MOSTLY_HEALTHY, counters: counted };
}
