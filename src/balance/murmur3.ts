/**
 * MurmurHash3, the 32-bit variant for x86 (Austin Appleton, in the public domain): fast, and every bit of the input
 * changes every bit of the result with a probability near ½. Not for use against an adversary who picks the input.
 */

const C1 = 0xcc9e2d51;
const C2 = 0x1b873593;

/**
 * The hash of a text as a signed 32-bit integer, which V8 returns without allocating. A text of code units up to 255 (what a request head holds) is hashed as
 * those bytes, any other as its UTF-16 code units, low byte first.
 */
export function murmur3(text: string, seed: number): number {
  const { length } = text;
  const end = length & ~3;
  let hash = seed | 0;
  let units = 0;
  for (let at = 0; at < end; at += 4) {
    const a = text.charCodeAt(at);
    const b = text.charCodeAt(at + 1);
    const c = text.charCodeAt(at + 2);
    const d = text.charCodeAt(at + 3);
    units |= a | b | c | d;
    hash = mixBlock(hash, a | (b << 8) | (c << 16) | (d << 24));
  }
  let tail = 0;
  for (let at = length - 1; at >= end; at--) {
    const unit = text.charCodeAt(at);
    units |= unit;
    tail = (tail << 8) | unit;
  }
  if (units > 0xff) return murmur3Wide(text, seed);
  return finish(hash, tail, length);
}

function murmur3Wide(text: string, seed: number): number {
  const { length } = text;
  const end = length & ~1;
  let hash = seed | 0;
  for (let at = 0; at < end; at += 2) hash = mixBlock(hash, text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16));
  return finish(hash, end < length ? text.charCodeAt(end) : 0, length * 2);
}

function mixBlock(hash: number, block: number): number {
  const mixed = hash ^ scramble(block);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

function scramble(block: number): number {
  const product = Math.imul(block, C1);
  return Math.imul((product << 15) | (product >>> 17), C2);
}

function finish(hash: number, tail: number, bytes: number): number {
  return avalanche(hash ^ scramble(tail) ^ bytes);
}

/** MurmurHash3's finalizer: a bijection of the 32-bit integers that spreads each bit over all others. */
export function avalanche(value: number): number {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
