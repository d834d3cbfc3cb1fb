/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';

/** The attributes of api-breaker. */
export interface ApiBreaker {
  /** Status of the answers that are given in place of the upstream. Bounds: 200 to 599. */
  readonly break_response_code: number;
  /** Their body. */
  readonly break_response_body?: string;
  /** Their fields; only beside `break_response_body`. */
  readonly break_response_headers?: readonly {
    /** Name of a field. Bounds: not empty. */
    readonly key: string;
    /** Its value, with variables such as `$remote_addr`. Bounds: not empty. */
    readonly value: string;
  }[];
  /** The longest time that the upstream is spared, in seconds. It begins with 2 s and doubles. Default: `300`. Bounds: 3 to 31536000. */
  readonly max_breaker_sec?: number;
  /** What breaks it. Default: `{}`. */
  readonly unhealthy?: {
    /** Statuses of the upstream that are failures. Default: `[500]`. Bounds: not empty; each once; each: 500 to 599. */
    readonly http_statuses?: readonly number[];
    /** Failures after which it is spared. Default: `3`. Bounds: ≥ 1. */
    readonly failures?: number;
  };
  /** What ends it. Default: `{}`. */
  readonly healthy?: {
    /** Statuses of the upstream that show that it is healthy. Default: `[200]`. Bounds: not empty; each once; each: 200 to 499. */
    readonly http_statuses?: readonly number[];
    /** Healthy answers in a row, without a failure between them, after which it counts as healthy. Default: `3`. Bounds: ≥ 1. */
    readonly successes?: number;
  };
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Answers in place of an upstream that keeps failing, for twice as long each time, until it is healthy again. */
export function apiBreaker(attributes: ApiBreaker): { readonly 'api-breaker': ApiBreaker } {
  return { 'api-breaker': attributes };
}
