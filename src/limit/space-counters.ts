/** The counters that one plugin instance gets: a view of a table in which its spaces have names of their own. */
import type {
  BucketDecision,
  BucketQuery,
  Counters,
  LeakyDecision,
  LeakyQuery,
  LimitDecision,
  LimitQuery,
} from '../sdk/host.ts';
import type { CounterSpace, CounterTable } from './counter-table.ts';

/** Spaces that are remembered; a plugin has a handful. */
const MAX_REMEMBERED = 256;

export class SpaceCounters implements Counters {
  readonly #table: CounterTable;
  readonly #nameOf: (space: string) => string;
  readonly #spaces = new Map<string, CounterSpace>();
  #last: string | null = null;
  #lastSpace: CounterSpace | null = null;

  /** @param nameOf the name in the table of a plugin's space; equal names share their counts */
  constructor(table: CounterTable, nameOf: (space: string) => string) {
    this.#table = table;
    this.#nameOf = nameOf;
  }

  fixedWindow(space: string, query: LimitQuery): LimitDecision {
    return this.#spaceOf(space).fixedWindow(query);
  }

  slidingWindow(space: string, query: LimitQuery): LimitDecision {
    return this.#spaceOf(space).slidingWindow(query);
  }

  tokenBucket(space: string, query: BucketQuery): BucketDecision {
    return this.#spaceOf(space).tokenBucket(query);
  }

  leakyBucket(space: string, query: LeakyQuery): LeakyDecision {
    return this.#spaceOf(space).leakyBucket(query);
  }

  #spaceOf(name: string): CounterSpace {
    if (name === this.#last && this.#lastSpace !== null) return this.#lastSpace;
    let space = this.#spaces.get(name);
    if (space === undefined) {
      // Nothing is lost: counts live in the table.
      if (this.#spaces.size >= MAX_REMEMBERED) this.#spaces.clear();
      space = this.#table.space(this.#nameOf(name));
      this.#spaces.set(name, space);
    }
    this.#last = name;
    this.#lastSpace = space;
    return space;
  }
}
