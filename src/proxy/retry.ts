/** Whether a failed attempt may be followed by another one. A pure decision. */
import type { ResponseFault } from '../http1/client-connection.ts';

/** RFC 9110 §9.2.2: sending these twice does what sending them once does. */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);

export function isIdempotent(method: string): boolean {
  return IDEMPOTENT.has(method);
}

export interface FailedAttempt {
  readonly fault: ResponseFault;
  readonly isIdempotent: boolean;
  /** Whether the connection was established: if not, no byte of the request was sent. */
  readonly wasConnected: boolean;
  readonly wasReused: boolean;
  readonly hasReceived: boolean;
  /** Whether the request can be sent again from its begin. */
  readonly canReplay: boolean;
  readonly hasRetriedStale: boolean;
  /** Attempts so far, without those on stale connections. */
  readonly attempts: number;
  readonly retries: number;
  /** Since the first attempt. */
  readonly elapsed_ms: number;
  readonly retryTimeout_ms: number;
}

/**
 * `fresh`: the idle connection had gone stale; again to the same node on a new one, which is no attempt of its own.
 * `next`: again to another node.
 */
export type RetryDecision = 'no' | 'fresh' | 'next';

export function decideRetry(failed: FailedAttempt): RetryDecision {
  if (!failed.canReplay || failed.hasReceived) return 'no';
  const mayRepeat = failed.isIdempotent || !failed.wasConnected;
  if (!mayRepeat) return 'no';
  if (failed.fault === 'reset' && failed.wasReused && !failed.hasRetriedStale) return 'fresh';
  if (failed.attempts > failed.retries) return 'no';
  if (failed.retryTimeout_ms > 0 && failed.elapsed_ms >= failed.retryTimeout_ms) return 'no';
  return 'next';
}
