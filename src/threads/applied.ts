import type { Problem } from '../model/problem.ts';

/** What came of a change. */
export interface Applied {
  /** In force now. */
  readonly revision: number;
  /** Of the objects: where there are some, last good versions or refusals serve in their place. */
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  /** Why nothing changed; '' if it did. */
  readonly refusal: string;
}
