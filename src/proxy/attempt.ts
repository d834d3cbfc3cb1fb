import type { AttemptResult } from '../sdk/attempt.ts';

/** One try at one node. */
export interface Attempt {
  /** `host:port`. */
  readonly address: string;
  readonly host: string;
  /** 0 if no head came. */
  readonly status: number;
  readonly elapsed_ms: number;
  readonly outcome: AttemptResult['outcome'];
  /** Why it failed: a code of sdk/errors.ts; '' unless it did. */
  readonly code: string;
}
