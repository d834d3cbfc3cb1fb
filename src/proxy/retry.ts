/** Whether, and when, a failed attempt is followed by another one. Pure decisions. */
import type { ResponseFault } from '../http1/client-settings.ts';

/** RFC 9110 §9.2.2: sending these twice does what sending them once does. */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);

export function isIdempotent(method: string): boolean {
  return IDEMPOTENT.has(method);
}

/**
 * Who takes few requests on a connection (nginx's `keepalive_requests`) refuses the others of a burst, and of what is left of
 * them again.
 */
const MOST_FRESH = 3;

export interface FailedAttempt {
  readonly fault: ResponseFault;
  readonly isIdempotent: boolean;
  /** Whether the connection was established: if not, no byte of the request was sent. */
  readonly wasConnected: boolean;
  readonly wasReused: boolean;
  readonly hasReceived: boolean;
  /** Whether the request can be sent again from its begin. */
  readonly canReplay: boolean;
  /** How often it was sent again to the node of the last attempt. */
  readonly freshAttempts: number;
  /** Attempts so far, without those on stale connections. */
  readonly attempts: number;
  readonly retries: number;
  /** Since the first attempt. */
  readonly elapsed_ms: number;
  readonly retryTimeout_ms: number;
}

/**
 * `fresh`: the idle connection had gone stale, or the node did not look at the request; again to the same node on a new
 * connection, which is no attempt of its own.
 * `next`: again to another node.
 */
export type RetryDecision = 'no' | 'fresh' | 'next';

export function decideRetry(failed: FailedAttempt): RetryDecision {
  // What is short here is short for every node.
  if (!failed.canReplay || failed.hasReceived || failed.fault === 'exhausted') return 'no';
  // RFC 9113 §8.7: what was not looked at can be sent again, whatever it is.
  const isUnprocessed = failed.fault === 'unprocessed';
  const mayRepeat = failed.isIdempotent || !failed.wasConnected || isUnprocessed;
  if (!mayRepeat) return 'no';
  const isStale = isUnprocessed || (failed.fault === 'reset' && failed.wasReused);
  if (isStale && failed.freshAttempts === 0) return 'fresh';
  if (failed.retryTimeout_ms > 0 && failed.elapsed_ms >= failed.retryTimeout_ms) return 'no';
  if (failed.attempts <= failed.retries) return 'next';
  return isUnprocessed && failed.freshAttempts < MOST_FRESH ? 'fresh' : 'no';
}

/**
 * Whether no connection was had at all. That cost the node nothing, and the request is still sent only once: a node that is
 * down must not cost requests that another one would serve.
 */
const wasRefused = ({ fault, wasConnected }: FailedAttempt): boolean => fault === 'refused' && !wasConnected;

/** Whether the attempt after a failed one is taken out of the budget. */
export function costsBudget(failed: FailedAttempt): boolean {
  return failed.fault !== 'unprocessed' && !wasRefused(failed);
}

export interface Backoff {
  /** Longest wait before the second retry; it doubles with each further one. 0 waits for none. */
  readonly backoff_ms: number;
  readonly backoff_max_ms: number;
}

/**
 * How long the next attempt is to wait. The first retry goes at once to another node, as in APISIX; each further one
 * waits for a random part of a bound that doubles ("full jitter"), so that those who failed together do not come back
 * together. After a refused connection there is nothing to wait for, as the next node is another one: where all of many are
 * down, the answer must not take as long as all those waits.
 * @param random uniform in [0, 1)
 */
export function retryDelay(failed: FailedAttempt, { backoff_ms, backoff_max_ms }: Backoff, random: number): number {
  const { attempts } = failed;
  if (attempts < 2 || wasRefused(failed)) return 0;
  return random * Math.min(backoff_max_ms, backoff_ms * 2 ** (attempts - 2));
}
