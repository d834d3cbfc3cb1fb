/**
 * Keeps the answers to name queries fresh: in main, once for all threads. A name is asked for again when its TTL is over. If
 * that fails, the last good answer stays, and it is tried again after a while that doubles; without a good answer, everybody
 * is told that there is none.
 */
import type { NameQuery } from '../compile/snapshot.ts';
import { type Found, type Lookup, LookupError } from './dns-lookup.ts';
import { keyOf, type NameAnswer, type ToldAnswer } from './name-answers.ts';

export interface ResolverOptions {
  readonly lookup: Lookup;
  readonly now_ms: () => number;
  /** Uniform in [0, 1): spreads what would come together. */
  readonly random: () => number;
  readonly startTimer: (delay_ms: number, onExpired: () => void) => { stop(): void };
  /** Bounds of TTLs. */
  readonly minTtl_ms: number;
  readonly maxTtl_ms: number;
  readonly onTold: (told: readonly ToldAnswer[]) => void;
  readonly onFailed: (failure: NameFailure) => void;
  readonly onRecovered: (query: NameQuery) => void;
  /** Queries at once. Default 16. */
  readonly most?: number;
}

export interface NameFailure {
  readonly query: NameQuery;
  readonly reason: string;
  /** The last good answer serves on. */
  readonly isStale: boolean;
}

const MOST_QUERIES = 16;
/** Names that are only asked for by the way: more are refused an answer. */
const MOST_ASKED = 10_000;
/** They are forgotten after this time; who needs them asks again. */
const ASKED_MS = 3_600_000;
const FIRST_RETRY_MS = 1_000;
const MOST_RETRY_MS = 30_000;

interface Entry {
  readonly query: NameQuery;
  /** As part of the configuration, for as long as it is; else for a time. */
  isWanted: boolean;
  askedUntil_ms: number;
  answer: NameAnswer | null;
  /** Something was told. */
  isTold: boolean;
  failures: number;
  timer: { stop(): void } | null;
  isGone: boolean;
}

export class NameResolver {
  private readonly options: ResolverOptions;
  private readonly most: number;
  private readonly entries = new Map<string, Entry>();
  private readonly waiting: Entry[] = [];
  /** Names that failed the last time. */
  private readonly waitingFailed: Entry[] = [];
  private running = 0;
  private runningFailed = 0;
  private isClosed = false;

  constructor(options: ResolverOptions) {
    this.options = options;
    this.most = options.most ?? MOST_QUERIES;
  }

  /** Names that are kept fresh. */
  get size(): number {
    return this.entries.size;
  }

  /** The queries of the configuration, all of them. */
  update(queries: Iterable<NameQuery>): void {
    const wanted = new Set<string>();
    for (const query of queries) {
      wanted.add(keyOf(query));
      this.obtain(query).isWanted = true;
    }
    const now_ms = this.options.now_ms();
    const gone: ToldAnswer[] = [];
    for (const [key, entry] of this.entries) {
      if (wanted.has(key)) continue;
      entry.isWanted = false;
      if (entry.askedUntil_ms <= now_ms) gone.push(this.drop(entry));
    }
    if (gone.length > 0) this.options.onTold(gone);
  }

  /** Answers queries that may not be of the configuration; what is known is told again. */
  ask(queries: readonly NameQuery[]): void {
    const known: ToldAnswer[] = [];
    for (const query of queries) {
      if (!this.entries.has(keyOf(query)) && this.entries.size >= MOST_ASKED) {
        known.push({ query, answer: [] });
        continue;
      }
      const entry = this.obtain(query);
      entry.askedUntil_ms = this.options.now_ms() + ASKED_MS;
      if (entry.isTold) known.push({ query, answer: entry.answer ?? [] });
    }
    if (known.length > 0) this.options.onTold(known);
  }

  /** Everything that was told: for a thread that begins. */
  all(): ToldAnswer[] {
    const told = [...this.entries.values()].filter(({ isTold }) => isTold);
    return told.map(({ query, answer }) => ({ query, answer: answer ?? [] }));
  }

  close(): void {
    this.isClosed = true;
    for (const entry of this.entries.values()) this.drop(entry);
  }

  private obtain(query: NameQuery): Entry {
    const key = keyOf(query);
    const known = this.entries.get(key);
    if (known !== undefined) return known;
    const entry: Entry = {
      query,
      isWanted: false,
      askedUntil_ms: -Infinity,
      answer: null,
      isTold: false,
      failures: 0,
      timer: null,
      isGone: false,
    };
    this.entries.set(key, entry);
    this.waiting.push(entry);
    this.runNext();
    return entry;
  }

  private drop(entry: Entry): ToldAnswer {
    entry.isGone = true;
    entry.timer?.stop();
    this.entries.delete(keyOf(entry.query));
    return { query: entry.query, answer: null };
  }

  private runNext(): void {
    while (this.running < this.most && !this.isClosed) {
      const entry = this.next();
      if (entry === undefined) return;
      if (!entry.isGone) this.run(entry);
    }
  }

  /**
   * Names that fail may have half of the places, as a name server that does not answer holds each for seconds: the others
   * must not get old in the meantime. One of them is always on its way, however many there are of the others.
   */
  private next(): Entry | undefined {
    const { waiting, waitingFailed } = this;
    if (waitingFailed.length === 0) return waiting.shift();
    if (this.runningFailed === 0) return waitingFailed.shift();
    return waiting.shift() ?? (this.runningFailed < this.most / 2 ? waitingFailed.shift() : undefined);
  }

  private run(entry: Entry): void {
    this.running++;
    const hasFailed = entry.failures > 0;
    if (hasFailed) this.runningFailed++;
    this.options
      .lookup(entry.query)
      .then(
        (found) => this.succeed(entry, found),
        (error: unknown) => this.fail(entry, error),
      )
      .finally(() => {
        this.running--;
        if (hasFailed) this.runningFailed--;
        this.runNext();
      });
  }

  private succeed(entry: Entry, { answer, ttl_ms }: Found): void {
    if (entry.isGone) return;
    const { minTtl_ms, maxTtl_ms, onRecovered } = this.options;
    if (entry.failures > 0) onRecovered(entry.query);
    entry.failures = 0;
    this.put(entry, answer.toSorted(byAddress));
    this.again(entry, Math.min(maxTtl_ms, Math.max(minTtl_ms, ttl_ms)));
  }

  private fail(entry: Entry, error: unknown): void {
    if (entry.isGone) return;
    entry.failures++;
    const isStale = entry.answer !== null && entry.answer.length > 0;
    if (entry.failures === 1) {
      const reason = error instanceof Error ? error.message : String(error);
      this.options.onFailed({ query: entry.query, reason, isStale });
    }
    if (!isStale) this.put(entry, []);
    const bound_ms = Math.min(MOST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(10, entry.failures - 1));
    // What is said not to be there seldom appears within a second; what could not be asked may be there all the time.
    const least_ms = error instanceof LookupError && error.isNegative ? this.options.minTtl_ms : 0;
    this.again(entry, Math.max(least_ms, bound_ms * (0.5 + this.options.random() / 2)));
  }

  private put(entry: Entry, answer: NameAnswer): void {
    const isSame = entry.isTold && JSON.stringify(entry.answer ?? []) === JSON.stringify(answer);
    entry.answer = answer;
    entry.isTold = true;
    if (!isSame) this.options.onTold([{ query: entry.query, answer }]);
  }

  private again(entry: Entry, delay_ms: number): void {
    const { startTimer, now_ms, onTold } = this.options;
    entry.timer = startTimer(delay_ms, () => {
      if (!entry.isWanted && entry.askedUntil_ms <= now_ms()) {
        onTold([this.drop(entry)]);
        return;
      }
      (entry.failures > 0 ? this.waitingFailed : this.waiting).push(entry);
      this.runNext();
    });
  }
}

/** Servers rotate their records: the order means nothing. */
function byAddress(a: { readonly address: string; readonly port: number }, b: typeof a): number {
  if (a.address !== b.address) return a.address < b.address ? -1 : 1;
  return a.port - b.port;
}
