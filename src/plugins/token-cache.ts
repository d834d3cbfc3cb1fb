/** Tokens that were verified, until they expire: bounded, and by the whole token, so that none can pass for another. */

export interface Verified<T> {
  /** In milliseconds since the epoch: when it becomes valid, and when it no longer is. */
  readonly from_ms: number;
  readonly until_ms: number;
  readonly value: T;
}

/** Longer ones are verified each time. */
const LONGEST = 4_096;

/**
 * Two halves: what was not used while one half filled is forgotten. Keyed by the token itself and not by a digest, which would
 * cost a microsecond and could only be less exact; nothing but verified tokens is kept.
 */
export class TokenCache<T> {
  private readonly half: number;
  private young = new Map<string, Verified<T>>();
  private old = new Map<string, Verified<T>>();

  /** @param most tokens, 0 for none */
  constructor(most: number) {
    this.half = Math.ceil(most / 2);
  }

  get size(): number {
    return this.young.size + this.old.size;
  }

  /** What is kept of a token and within its time; it may have been revoked since, which the caller must find out. */
  find(token: string, now_ms: number): T | undefined {
    let found = this.young.get(token);
    if (found === undefined) {
      found = this.old.get(token);
      if (found === undefined) return undefined;
      this.put(copyOf(token), found);
    }
    if (now_ms >= found.from_ms && now_ms < found.until_ms) return found.value;
    this.forget(token);
    return undefined;
  }

  keep(token: string, verified: Verified<T>): void {
    if (this.half > 0 && token.length <= LONGEST) this.put(copyOf(token), verified);
  }

  forget(token: string): void {
    this.young.delete(token);
    this.old.delete(token);
  }

  private put(token: string, verified: Verified<T>): void {
    if (this.young.size >= this.half) {
      this.old = this.young;
      this.young = new Map();
    }
    this.young.set(token, verified);
  }
}

/** A string of its own: a slice would keep the whole head of its request. */
function copyOf(token: string): string {
  return Buffer.from(token, 'latin1').toString('latin1');
}
