/** Counts in Redis: the same limits for all gateways that share it. */
import { createHash } from 'node:crypto';
import type {
  BucketDecision,
  BucketQuery,
  LeakyDecision,
  LeakyQuery,
  LimitDecision,
  LimitQuery,
  Owner,
  RedisClient,
} from '../sdk/index.ts';
import { DECIDE, ENTER } from './limit-scripts.ts';

/** Longer keys are written as a digest. */
const MOST_KEY_LENGTH = 200;
/** A count is kept for so long after it has expired: clocks of a server and its replicas differ. */
const KEPT_MS = 1_000;

export interface RedisLimitOptions {
  readonly client: RedisClient;
  readonly owner: Owner;
  /** In place of the server's clock: for tests. */
  readonly now_ms?: () => number;
}

type Numbers = readonly [allowed: number, remaining: string, reset_ms: string, delay_ms: string];

/** As `Counters`, from far away. Every method rejects with a `ClientError`. */
export class RedisLimits {
  private readonly client: RedisClient;
  private readonly own: string;
  private readonly group: string;
  private readonly now: () => string;
  private readonly kept_ms: number;

  constructor({ client, owner, now_ms }: RedisLimitOptions) {
    this.client = client;
    // As in the gateway itself: what is named group/… belongs to all owners of the plugin, everything else to this one.
    this.own = `gatewright:${owner.plugin}:${owner.object}:${owner.configHash}`;
    this.group = `gatewright:${owner.plugin}`;
    this.now = now_ms === undefined ? () => '' : () => String(now_ms());
    this.kept_ms = now_ms === undefined ? KEPT_MS : 3_600_000;
  }

  async fixedWindow(space: string, { key, limit, window_ms, cost }: LimitQuery): Promise<LimitDecision> {
    return this.decide('fixed', this.nameOf('fixed', window_ms, space, key), [limit, window_ms, cost]);
  }

  /** Counts, in the window of `fixedWindow`, what was let in without asking; 0 looks only. */
  async add(space: string, { key, window_ms, cost }: Addition): Promise<Added> {
    const { remaining, reset_ms } = await this.decide('add', this.nameOf('fixed', window_ms, space, key), [
      0,
      window_ms,
      cost,
    ]);
    return { counted: remaining, reset_ms };
  }

  async slidingWindow(space: string, { key, limit, window_ms, cost }: LimitQuery): Promise<LimitDecision> {
    return this.decide('sliding', this.nameOf('sliding', window_ms, space, key), [limit, window_ms, cost]);
  }

  async tokenBucket(space: string, { key, rate, capacity, cost }: BucketQuery): Promise<BucketDecision> {
    return this.decide('tokens', this.nameOf('tokens', rate, space, key), [capacity, rate, cost]);
  }

  async leakyBucket(space: string, { key, rate, burst }: LeakyQuery): Promise<LeakyDecision> {
    return this.decide('leaky', this.nameOf('leaky', rate, space, key), [burst, rate, 1]);
  }

  /**
   * Takes one of `most` places; gives how many are taken then, 0 if none was free.
   *
   * @param member who takes it
   * @param ttl_ms after which it is free even if it was never left
   */
  async enter(space: string, key: string, most: number, place: RedisPlace): Promise<number> {
    const { member, ttl_ms } = place;
    const taken = await this.client.run(
      ENTER,
      [this.nameOf('places', 0, space, key)],
      [most, member, ttl_ms, this.now()],
    );
    return Number(taken);
  }

  async leave(space: string, key: string, { member }: RedisPlace): Promise<void> {
    await this.client.command('ZREM', this.nameOf('places', 0, space, key), member);
  }

  private async decide(kind: string, name: string, numbers: readonly number[]): Promise<LimitDecision & LeakyDecision> {
    const answer = (await this.client.run(DECIDE, [name], [kind, ...numbers, this.kept_ms, this.now()])) as Numbers;
    const [allowed, remaining, reset_ms, delay_ms] = answer;
    return {
      isAllowed: Number(allowed) === 1,
      remaining: Number(remaining),
      reset_ms: Number(reset_ms),
      delay_ms: Number(delay_ms),
    };
  }

  private nameOf(kind: string, pace: number, space: string, key: string): string {
    const prefix = space.startsWith('group/') ? this.group : this.own;
    const short = key.length <= MOST_KEY_LENGTH ? `=${key}` : `#${digestOf(key)}`;
    return `${prefix}:${kind}:${pace}:${space}:${short}`;
  }
}

export type Addition = Pick<LimitQuery, 'key' | 'window_ms' | 'cost'>;

export interface Added {
  /** In this window, by everybody. */
  readonly counted: number;
  /** Until the window ends. */
  readonly reset_ms: number;
}

export interface RedisPlace {
  readonly member: string;
  readonly ttl_ms: number;
}

/** Not of the text's UTF-8 form, in which different texts can be the same. */
function digestOf(key: string): string {
  return createHash('sha256').update(Buffer.from(key, 'utf16le')).digest('hex');
}
