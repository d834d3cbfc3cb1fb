/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';

/** The attributes of circuit-breaker. */
export interface CircuitBreaker {
  /** Statuses of a node that are failures. No connection, no answer in time, and an answer that breaks off always are. Default: `[500,502,503,504]`. Bounds: each once; each: 400 to 599. */
  readonly failure_statuses?: readonly number[];
  /** Failures in a row that open the circuit of a node; 0 for none. Default: `5`. Bounds: 0 to 10000. */
  readonly consecutive_failures?: number;
  /** Share of failures that opens it, in percent. Default: `50`. Bounds: 1 to 100. */
  readonly failure_percent?: number;
  /** Time to the head of the answer above which a call is slow; without it, none is. Bounds: 1 to 3600000. */
  readonly slow_ms?: number;
  /** Share of slow calls that opens it, in percent. Default: `80`. Bounds: 1 to 100. */
  readonly slow_percent?: number;
  /** Calls in the window below which shares mean nothing. Default: `20`. Bounds: 1 to 1000000. */
  readonly min_calls?: number;
  /** Time that shares are about: a call of so long ago weighs 37 %. Default: `10000`. Bounds: 100 to 3600000. */
  readonly window_ms?: number;
  /** How long a node is left out. It doubles with each time in a row. Default: `5000`. Bounds: 100 to 3600000. */
  readonly open_ms?: number;
  /** The longest of these times. Default: `300000`. Bounds: 100 to 86400000. */
  readonly max_open_ms?: number;
  /** Probes at a time, of all workers, once that time is over; each lasts until the head of its answer. Default: `1`. Bounds: 1 to 1000. */
  readonly half_open_calls?: number;
  /** Good probes in a row that close the circuit. A failed or slow one opens it again. Default: `3`. Bounds: 1 to 1000. */
  readonly half_open_successes?: number;
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Leaves out a node that fails or is slow, and lets a few probes find out when it is well again. */
export function circuitBreaker(attributes: CircuitBreaker = {}): { readonly 'circuit-breaker': CircuitBreaker } {
  return { 'circuit-breaker': attributes };
}
