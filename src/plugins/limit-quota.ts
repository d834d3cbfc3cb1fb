/** How limits stand for a consumer, as far as that follows from the consumer alone. */
import type { Consumer, LimitDecision, ConsumerQuota } from '../sdk/index.ts';
import type { KeyType, ReadKey, Variables } from './limit-key.ts';

/** What a limit is, and how it is asked for a key. */
export interface AskedLimit extends Pick<ConsumerQuota, 'policy' | 'key' | 'counted_in' | 'group'> {
  readonly readKey: ReadKey;
  /** Negative where it has no valid value. */
  readonly limit: (variables: Variables) => number;
  readonly window_s: (variables: Variables) => number;
  /** Asks with a cost of 0. */
  readonly ask: (key: string, limit: number, window_s: number) => LimitDecision;
}

/** A key as it is told: with `$` before a variable. */
export function keyText(type: KeyType, key: string): string {
  return type === 'var' ? `$${key.replace(/^\$/, '')}` : key;
}

/** What requests of a consumer have in common; it notes whether more was asked for. */
class OfConsumer implements Variables {
  isEnough = true;
  private readonly consumer: Consumer;

  constructor(consumer: Consumer) {
    this.consumer = consumer;
  }

  variable(name: string): string | undefined {
    if (name === 'consumer_name') return this.consumer.username;
    if (name === 'consumer_group_id') return this.consumer.groupId;
    this.isEnough = false;
    return undefined;
  }
}

/** Null where more than the consumer decides, or nothing does. */
function valueFor<T>(consumer: Consumer, read: (variables: Variables) => T): T | null {
  const variables = new OfConsumer(consumer);
  const value = read(variables);
  return variables.isEnough ? value : null;
}

export function quotaOf(asked: AskedLimit, consumer: Consumer): ConsumerQuota {
  const { policy, key, group, counted_in, ask } = asked;
  const own = valueFor(consumer, asked.readKey) ?? null;
  const limit = amountOf(valueFor(consumer, asked.limit));
  const window_s = amountOf(valueFor(consumer, asked.window_s));
  const what = { policy, key, ...(group !== undefined && { group }), counted_in, limit, window_s };
  const unknown = (reason: string): ConsumerQuota => ({ ...what, remaining: null, reset_s: null, reason });
  if (own === null) return unknown('it is counted by what requests say, not by the consumer alone');
  if (limit === null || window_s === null) return unknown('each request says what is allowed');
  if (counted_in !== 'local') return unknown('it is counted in Redis, which is not asked here');
  const { remaining, reset_ms } = ask(own, limit, window_s);
  return { ...what, remaining, reset_s: Math.ceil(reset_ms / 1000) };
}

function amountOf(value: number | null): number | null {
  return value === null || value < 1 ? null : value;
}
