/**
 * From keys to slots. A Map that grows to a million entries is rebuilt whole each time it doubles, which holds up its
 * thread for up to 60 ms (measured). Here it is many Maps of some thousand entries, split one at a time (linear
 * hashing), so that no insertion takes longer than splitting one of them.
 */

/** Average entries of a Map before another one is split off: splitting takes about a millisecond. */
const MAP_SIZE = 2_048;
/** Characters of a key that choose its Map, at each end. */
const MIXED_ENDS = 16;

export class KeyIndex {
  #size = 0;
  readonly #first = new Map<string, number>();
  readonly #maps: Map<string, number>[] = [this.#first];
  /** Maps there were when the present round of splits began, a power of two, less one. */
  #mask = 0;

  get size(): number {
    return this.#size;
  }

  /** −1 if the key is not there. */
  get(key: string): number {
    const map = this.#maps.length === 1 ? this.#first : this.#mapOf(key);
    return map.get(key) ?? -1;
  }

  /** Adds a key that is not there. */
  add(key: string, slot: number): void {
    this.#mapOf(key).set(key, slot);
    this.#size++;
    if (this.#size > this.#maps.length * MAP_SIZE) this.#split();
  }

  delete(key: string): void {
    if (this.#mapOf(key).delete(key)) this.#size--;
  }

  #mapOf(key: string): Map<string, number> {
    const hash = mix(key);
    const at = hash & (this.#mask * 2 + 1);
    return this.#maps[at < this.#maps.length ? at : at & this.#mask]!;
  }

  #split(): void {
    const added = this.#maps.length;
    const old = this.#maps[added - this.#mask - 1]!;
    const wide = this.#mask * 2 + 1;
    const moved = new Map<string, number>();
    for (const [key, slot] of old) if ((mix(key) & wide) === added) moved.set(key, slot);
    for (const key of moved.keys()) old.delete(key);
    this.#maps.push(moved);
    if (this.#maps.length === wide + 1) this.#mask = wide;
  }
}

/**
 * Spreads keys over Maps. Nothing but evenness depends on it: keys made to fall into one Map only lose the small steps,
 * and within a Map the engine's own seeded hash decides.
 */
function mix(key: string): number {
  const { length } = key;
  let hash = length;
  const front = Math.min(length, MIXED_ENDS);
  for (let at = 0; at < front; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  for (let at = Math.max(front, length - MIXED_ENDS); at < length; at++) {
    hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  }
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return (hash ^ (hash >>> 12)) >>> 0;
}
