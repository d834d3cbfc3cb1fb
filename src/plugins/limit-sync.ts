/**
 * Counts of fixed windows that are told to Redis now and then, so that no request waits for it: each worker decides by what it
 * has let in itself and by what it knows of the others.
 *
 * How far that can be wrong: when everybody together has let in as many as are allowed, it takes two intervals until each
 * worker has told its part and heard of the others'. Until then it may let somebody in, as far as it knows; and one that had
 * nothing to do may once more, while it asks. So each worker lets in too many by what comes to it in two intervals and one
 * question, but never more by itself than are allowed in a window. Nobody is refused too early.
 */
import { ClientError } from '../sdk/clients.ts';
import type { HostClock, LimitDecision, LimitQuery, Timer } from '../sdk/index.ts';
import type { RedisLimits } from './limit-redis.ts';

export interface SyncOptions {
  readonly redis: Pick<RedisLimits, 'add' | 'fixedWindow'>;
  readonly interval_ms: number;
  readonly clock: Pick<HostClock, 'monotonic_ms'>;
  readonly startTimer: (delay_ms: number, onExpired: () => void) => Timer;
  /** Keys that a worker has in mind; beyond, Redis decides about each request. Default 20000. */
  readonly mostKeys?: number;
}

/** One count, as this worker sees it. */
interface Count {
  readonly space: string;
  readonly key: string;
  readonly window_ms: number;
  /** What Redis said, and what it was told since without having answered for certain. */
  known: number;
  /** Let in, and not told yet. */
  untold: number;
  /** Told, without an answer so far. */
  underWay: number;
  isAsked: boolean;
  /** When Redis last said something about this window. */
  heardAt_ms: number;
  /** Of the clock; then it is another window. */
  expires_ms: number;
  /** Answers about an earlier window say nothing about this one. */
  window: number;
}

/** Told at once; then comes the next slice. */
const SLICE = 500;
/** Those whose time is over are looked for so often at most. */
const SWEEP_MS = 1_000;

export class SyncedLimits {
  private readonly options: SyncOptions;
  private readonly mostKeys: number;
  private readonly counts = new Map<string, Count>();
  /** That have something to tell, or are to be heard of. */
  private readonly due = new Set<Count>();
  /** Why Redis did not answer last; null while it does. */
  private fault: ClientError | null = null;
  private timer: Timer | null = null;
  private sweptAt_ms = -Infinity;

  constructor(options: SyncOptions) {
    this.options = options;
    this.mostKeys = options.mostKeys ?? 20_000;
  }

  /** Rejects with a ClientError while Redis does not answer. */
  fixedWindow(space: string, query: LimitQuery): LimitDecision | Promise<LimitDecision> {
    const now_ms = this.options.clock.monotonic_ms();
    const count = this.countOf(space, query, now_ms);
    if (count === null) return this.options.redis.fixedWindow(space, query);
    if (this.fault !== null) {
      // Somebody has to find out that it is there again.
      this.await(count);
      return Promise.reject(this.fault);
    }
    const { limit, cost } = query;
    const used = count.known + count.underWay + count.untold;
    const reset_ms = count.expires_ms - now_ms;
    if (cost > limit - used) return { isAllowed: false, remaining: 0, reset_ms };
    if (cost > 0) {
      count.untold += cost;
      this.await(count);
    }
    // The sooner it is known what the others have let in, the less is let in without knowing.
    if (now_ms - count.heardAt_ms > this.options.interval_ms) void this.tell(count);
    return { isAllowed: true, remaining: limit - used - cost, reset_ms };
  }

  /** Tells what is untold. Resolves when Redis has answered, or cannot be asked. */
  async close(): Promise<void> {
    this.timer?.stop();
    this.timer = null;
    if (this.fault === null) await this.tellAll([...this.due]);
  }

  private countOf(space: string, { key, window_ms }: LimitQuery, now_ms: number): Count | null {
    const id = `${space}\0${window_ms}\0${key}`;
    const known = this.counts.get(id);
    if (known !== undefined) {
      if (now_ms >= known.expires_ms) renew(known, now_ms);
      return known;
    }
    if (this.counts.size >= this.mostKeys && !this.sweep(now_ms)) return null;
    const count: Count = {
      space,
      key,
      window_ms,
      known: 0,
      untold: 0,
      underWay: 0,
      isAsked: false,
      heardAt_ms: -Infinity,
      expires_ms: now_ms + window_ms,
      window: 0,
    };
    this.counts.set(id, count);
    return count;
  }

  /** @returns whether there is room again */
  private sweep(now_ms: number): boolean {
    if (now_ms - this.sweptAt_ms < SWEEP_MS) return false;
    this.sweptAt_ms = now_ms;
    for (const [id, count] of this.counts) {
      if (count.expires_ms > now_ms || count.isAsked) continue;
      this.counts.delete(id);
      this.due.delete(count);
    }
    return this.counts.size < this.mostKeys;
  }

  private await(count: Count): void {
    this.due.add(count);
    this.timer ??= this.options.startTimer(this.options.interval_ms, () => void this.tick());
  }

  private async tick(): Promise<void> {
    this.timer = null;
    // One is enough to find out whether Redis is there again.
    await this.tellAll(this.fault === null ? [...this.due] : [...this.due].slice(0, 1));
    const [first] = this.due;
    if (first !== undefined) this.await(first);
  }

  private async tellAll(due: readonly Count[]): Promise<void> {
    for (let at = 0; at < due.length; at += SLICE) {
      await Promise.all(due.slice(at, at + SLICE).map((count) => this.tell(count)));
    }
  }

  private async tell(count: Count): Promise<void> {
    if (count.isAsked) return;
    const { redis, clock } = this.options;
    const { space, key, window_ms, window, untold: cost } = count;
    this.due.delete(count);
    // A window that is over needs no count any more.
    if (clock.monotonic_ms() >= count.expires_ms) return;
    count.isAsked = true;
    count.underWay = cost;
    count.untold = 0;
    try {
      const { counted, reset_ms } = await redis.add(space, { key, window_ms, cost });
      this.fault = null;
      if (count.window !== window) return;
      count.known = counted;
      count.heardAt_ms = clock.monotonic_ms();
      count.expires_ms = count.heardAt_ms + reset_ms;
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      this.fault = error;
      this.due.add(count);
      if (count.window !== window) return;
      // Without a connection it was not told. Otherwise nobody knows, and nothing is told twice.
      if (error.fault === 'refused') count.untold += cost;
      else count.known += cost;
    } finally {
      count.isAsked = false;
      if (count.window === window) count.underWay = 0;
    }
  }
}

function renew(count: Count, now_ms: number): void {
  count.window++;
  count.known = 0;
  count.untold = 0;
  count.underWay = 0;
  count.heardAt_ms = -Infinity;
  count.expires_ms = now_ms + count.window_ms;
}
