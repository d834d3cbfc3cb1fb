/** What guessing costs: wrong credentials are counted by address, and by address and name, in all workers together. */
import { networkOf } from '../sdk/addresses.ts';
import type { BucketDecision, Exchange, Host } from '../sdk/index.ts';
import type { AuthMetadata } from './auth-attributes.ts';

/** Of an IPv6 address: a client has a whole network of that size, and would count for each of its addresses. */
const IPV6_PREFIX = 64;

/** Wrong credentials that an address may send at once, unless the metadata say otherwise. */
const USUAL_FAILURES = 30;

/**
 * What callers prove themselves with. `password`: people choose it, so it can be guessed: a name that was tried too often is not
 * looked at. `key`: callers send it as it is. `signature`: made with a key that is not sent, or by an issuer of tokens: nobody
 * guesses those, so that failures count only where the metadata say so.
 */
export type SecretKind = 'password' | 'key' | 'signature';

export interface DampingOptions {
  readonly host: Host;
  readonly amounts: AuthMetadata['damping'];
  readonly secret: SecretKind;
}

/**
 * Each address, and each address with a name, has a bucket of failures that it may have at once; it fills again evenly. The
 * buckets are those of the plugin on all routes. Both spaces are bounded: beyond that, new addresses share one bucket.
 */
export class Damping {
  private readonly host: Host;
  private readonly bucket: { readonly rate: number; readonly capacity: number } | null;
  private readonly isGuessable: boolean;
  private readonly blocksAll: boolean;

  constructor({ host, amounts, secret }: DampingOptions) {
    const { window_s, blocks } = amounts;
    const isUsual = blocks === 'all' || (secret !== 'signature' && host.profile !== 'apisix');
    const { failures = isUsual ? USUAL_FAILURES : 0 } = amounts;
    this.host = host;
    this.bucket = failures === 0 ? null : { rate: failures / window_s, capacity: failures };
    this.isGuessable = secret === 'password';
    this.blocksAll = blocks === 'all';
  }

  /** Before a look at the credentials: for how long they are not looked at, in milliseconds; 0 if they are. */
  held_ms(exchange: Exchange, name: string): number {
    if (this.bucket === null || !(this.isGuessable || this.blocksAll)) return 0;
    const address = addressOf(exchange);
    const byAddress = this.blocksAll ? this.look('group/addresses', address) : 0;
    return Math.max(byAddress, this.isGuessable ? this.look('group/names', `${address} ${name}`) : 0);
  }

  /** Counts a failure. @returns for how long further ones are answered with 429, in milliseconds; 0 if they are not */
  failed_ms(exchange: Exchange, name: string): number {
    if (this.bucket === null) return 0;
    const address = addressOf(exchange);
    if (this.isGuessable) this.take('group/names', `${address} ${name}`, 1);
    const { isAllowed, reset_ms } = this.take('group/addresses', address, 1);
    return isAllowed ? 0 : Math.max(1, reset_ms);
  }

  /** Until the bucket has one left. */
  private look(space: string, key: string): number {
    const { remaining, reset_ms } = this.take(space, key, 0);
    return remaining > 0 ? 0 : Math.max(1, reset_ms);
  }

  private take(space: string, key: string, cost: number): BucketDecision {
    return this.host.counters.tokenBucket(space, { key, cost, ...(this.bucket ?? NO_BUCKET) });
  }
}

const NO_BUCKET = { rate: 1, capacity: 1 };

function addressOf({ remoteAddress }: Exchange): string {
  return remoteAddress.includes(':') ? (networkOf(remoteAddress, IPV6_PREFIX) ?? remoteAddress) : remoteAddress;
}
