/** Limits as one would write them down: everything that was ever consumed is kept, nothing is optimised. Times are whole ms. */
import type { BucketQuery, LeakyQuery, LimitQuery } from '../../src/sdk/index.ts';

interface Used {
  readonly start_ms: number;
  used: number;
}

export interface Verdict {
  readonly isAllowed: boolean;
  readonly remaining: number;
}

export class NaiveLimits {
  private readonly windows = new Map<string, Used[]>();
  private readonly buckets = new Map<string, { milli: number; at_ms: number }>();

  fixedWindow(space: string, { key, limit, window_ms, cost }: LimitQuery, now_ms: number): Verdict {
    const windows = this.windowsOf(`fixed ${space} ${window_ms} ${key}`);
    const live = windows.findLast(({ start_ms }) => now_ms < start_ms + window_ms);
    const used = live?.used ?? 0;
    if (used + cost > limit) return { isAllowed: false, remaining: 0 };
    if (live !== undefined) live.used += cost;
    else if (cost > 0) windows.push({ start_ms: now_ms, used: cost });
    return { isAllowed: true, remaining: limit - used - cost };
  }

  slidingWindow(space: string, { key, limit, window_ms, cost }: LimitQuery, now_ms: number): Verdict {
    const windows = this.windowsOf(`sliding ${space} ${window_ms} ${key}`);
    const last = windows.at(-1);
    let start_ms = now_ms;
    if (last !== undefined && now_ms < last.start_ms + 2 * window_ms) {
      start_ms = now_ms < last.start_ms + window_ms ? last.start_ms : last.start_ms + window_ms;
    }
    const current = windows.find((one) => one.start_ms === start_ms)?.used ?? 0;
    const before = windows.findLast((one) => one.start_ms < start_ms && one.start_ms + window_ms >= start_ms);
    const room = limit - current - ((before?.used ?? 0) * (window_ms - (now_ms - start_ms))) / window_ms;
    if (cost > room) return { isAllowed: false, remaining: 0 };
    if (cost > 0) {
      if (last?.start_ms === start_ms) last.used += cost;
      else windows.push({ start_ms, used: cost });
    }
    return { isAllowed: true, remaining: Math.floor(room - cost) };
  }

  /** Tokens in thousandths: rates are whole. */
  tokenBucket(space: string, { key, rate, capacity, cost }: BucketQuery, now_ms: number): Verdict {
    const name = `${space} ${rate} ${key}`;
    const bucket = this.buckets.get(name) ?? { milli: capacity * 1000, at_ms: now_ms };
    this.buckets.set(name, bucket);
    bucket.milli = Math.min(capacity * 1000, bucket.milli + rate * (now_ms - bucket.at_ms));
    bucket.at_ms = now_ms;
    if (cost * 1000 > bucket.milli) return { isAllowed: false, remaining: 0 };
    bucket.milli -= cost * 1000;
    return { isAllowed: true, remaining: Math.floor(bucket.milli / 1000) };
  }

  /** A token bucket of one more: who comes waits until the units before have left. */
  leakyBucket(space: string, { key, rate, burst }: LeakyQuery, now_ms: number) {
    const query = { key, rate, capacity: burst + 1, cost: 1 };
    const { isAllowed } = this.tokenBucket(`leaky ${space}`, query, now_ms);
    const { milli } = this.buckets.get(`leaky ${space} ${rate} ${key}`)!;
    return { isAllowed, delay_ms: isAllowed ? (burst * 1000 - milli) / rate : 0 };
  }

  private windowsOf(name: string): Used[] {
    let windows = this.windows.get(name);
    if (windows === undefined) this.windows.set(name, (windows = []));
    return windows;
  }
}
