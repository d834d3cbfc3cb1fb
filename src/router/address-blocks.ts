/** Blocks of addresses of one family: taken in any order, then made into disjoint ranges. */

/** Disjoint ranges in ascending order; the words of one address stand side by side. */
export interface Ranges {
  readonly count: number;
  readonly firsts: Uint32Array;
  readonly lasts: Uint32Array;
}

/** What is done to so many at a time takes some tenths of a millisecond. */
const AT_ONCE = 32_768;
const DIGITS = 256;

export class AddressBlocks {
  private readonly width: number;
  private count = 0;
  private firsts = new Uint32Array(64);
  private lasts = new Uint32Array(64);

  /** @param width words of an address */
  constructor(width: number) {
    this.width = width;
  }

  /** The network of so many first bits of an address. */
  add(address: Uint32Array, prefix: number): void {
    const { width } = this;
    const at = this.count++ * width;
    if (at + width > this.firsts.length) this.grow();
    for (let word = 0; word < width; word++) {
      const bits = Math.min(32, Math.max(0, prefix - 32 * word));
      const mask = bits === 0 ? 0 : -1 << (32 - bits);
      this.firsts[at + word] = address[word] & mask;
      this.lasts[at + word] = address[word] | ~mask;
    }
  }

  /** To be called once, after all were added. @yields wherever it may be interrupted */
  *ranges(): Generator<void, Ranges> {
    const { width, count } = this;
    const order = yield* this.inOrder();
    const ranges = { firsts: new Uint32Array(count * width), lasts: new Uint32Array(count * width) };
    let kept = 0;
    for (let i = 0; i < count; i++) {
      const at = order[i] * width;
      const last = (kept - 1) * width;
      if (kept === 0 || this.compare(this.firsts, at, ranges.lasts, last) > 0) {
        copy(this.firsts, at, ranges.firsts, kept * width, width);
        copy(this.lasts, at, ranges.lasts, kept++ * width, width);
      } else if (this.compare(this.lasts, at, ranges.lasts, last) > 0) {
        copy(this.lasts, at, ranges.lasts, last, width);
      }
      if (i % AT_ONCE === AT_ONCE - 1) yield;
    }
    return { count: kept, firsts: ranges.firsts.slice(0, kept * width), lasts: ranges.lasts.slice(0, kept * width) };
  }

  /** By their first addresses: a radix sort from the last byte on, which needs no comparison. */
  private *inOrder(): Generator<void, Uint32Array> {
    const { width, count, firsts } = this;
    let order = new Uint32Array(count);
    let next = new Uint32Array(count);
    for (let i = 0; i < count; i++) order[i] = i;
    for (let word = width - 1; word >= 0; word--) {
      for (let shift = 0; shift < 32; shift += 8) {
        const places = new Uint32Array(DIGITS + 1);
        for (let i = 0; i < count; i++) places[((firsts[i * width + word] >>> shift) & 255) + 1]++;
        yield;
        // Many have one value of a byte in common.
        if (places.includes(count)) continue;
        for (let digit = 0; digit < DIGITS; digit++) places[digit + 1] += places[digit];
        for (let i = 0; i < count; i++) {
          const block = order[i];
          next[places[(firsts[block * width + word] >>> shift) & 255]++] = block;
          if (i % AT_ONCE === AT_ONCE - 1) yield;
        }
        [order, next] = [next, order];
      }
    }
    return order;
  }

  private compare(one: Uint32Array, at: number, other: Uint32Array, otherAt: number): number {
    for (let word = 0; word < this.width; word++) {
      const difference = one[at + word] - other[otherAt + word];
      if (difference !== 0) return difference;
    }
    return 0;
  }

  private grow(): void {
    for (const side of ['firsts', 'lasts'] as const) {
      const grown = new Uint32Array(this[side].length * 2);
      grown.set(this[side]);
      this[side] = grown;
    }
  }
}

function copy(from: Uint32Array, at: number, to: Uint32Array, toAt: number, width: number): void {
  for (let word = 0; word < width; word++) to[toAt + word] = from[at + word];
}
