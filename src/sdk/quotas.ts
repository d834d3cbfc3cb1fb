/** How limits stand for a consumer, whoever asks: nothing is consumed by it. */

/** One limit of an instance. */
export interface ConsumerQuota {
  /** The name of its policy in the RateLimit header: `default`, or that of a rule. */
  readonly policy: string;
  /** By what requests are counted, with `$` before variables: `$consumer_name`. */
  readonly key: string;
  /** What counts together with it elsewhere. */
  readonly group?: string;
  /** Where its counts are kept: `local`, or the kind of Redis. */
  readonly counted_in: string;
  /** Requests that are allowed; null where the request decides. */
  readonly limit: number | null;
  readonly window_s: number | null;
  /** Null where it cannot be told for the consumer as a whole, or not from here: `reason` says why. */
  readonly remaining: number | null;
  /** Until the window ends, or the next unit is free; null with `remaining`. */
  readonly reset_s: number | null;
  readonly reason?: string;
}

/** A limit beside where it stands. */
export interface PlacedQuota extends ConsumerQuota {
  /** `routes/7`, `consumers/jack`, `global_rules/1`, … */
  readonly object: string;
  readonly plugin: string;
  /** Whether a filter, or the plugin that it stands inside of, decides if a request is counted. */
  readonly is_conditional: boolean;
}

/** Instances that are listed where nobody says how many. */
export const MOST_LISTED = 100;

/** The limits that requests of a consumer may meet. */
export interface QuotaList {
  readonly consumer: string;
  /** At most so many as were asked for, from the first one that was. */
  readonly quotas: readonly PlacedQuota[];
  /** Instances with limits that there are. */
  readonly total: number;
}
