/**
 * Keys as the shared tables keep them: a few words and a 64-bit hash. Short Latin-1 keys are kept literally, all others
 * as a cryptographic digest, so that every key has the same bounded size and no two of them can be made to meet.
 */

/** A cryptographic digest of bytes, of at least 32 bytes. */
export type Digest = (bytes: Uint8Array) => Uint8Array;

/** Bytes of a key that is kept literally. */
const MAX_INLINE = 40;
export const KEY_WORDS = MAX_INLINE / 4;
/** In place of the length, for keys that are kept as a digest. */
const DIGESTED = 64;
/** In place of the length, for keys that no caller can have. */
const RESERVED = 128;
const DIGEST_WORDS = 8;

/** Where keys belong: equal names are the same space, in every thread. */
export interface RecordSpace {
  /** 128 bits of the digest of its name. */
  readonly id: Int32Array;
  /** The key of the hash of its keys: derived from the secret of the table. */
  readonly low: number;
  readonly high: number;
}

/** One key, taken apart. It is overwritten by the next one. */
export class RecordKey {
  space: RecordSpace = NO_SPACE;
  readonly words = new Int32Array(KEY_WORDS);
  wordCount = 0;
  /** Tells literal keys by their length, and them from digests. */
  shape = 0;
  low = 0;
  high = 0;
  /** What `set` was given last, null if something else was taken apart since: many requests come from the same caller. */
  private text: string | null = null;
  private readonly digest: Digest;
  private readonly secretLow: number;
  private readonly secretHigh: number;

  constructor(digest: Digest, secretLow: number, secretHigh: number) {
    this.digest = digest;
    this.secretLow = secretLow;
    this.secretHigh = secretHigh;
  }

  spaceOf(name: string): RecordSpace {
    const id = wordsOf(this.digest(Buffer.from(name, 'utf16le')), 4);
    this.text = null;
    this.words.set(id);
    this.shape = 0;
    this.hash(4, this.secretLow, this.secretHigh);
    return { id, low: this.low, high: this.high };
  }

  set(space: RecordSpace, key: string): void {
    if (space === this.space && key === this.text) return;
    this.text = null;
    const { length } = key;
    let beyond = 0;
    let count = 0;
    if (length <= MAX_INLINE) {
      const { words } = this;
      let at = 0;
      for (; at + 4 <= length; at += 4) {
        const a = key.charCodeAt(at);
        const b = key.charCodeAt(at + 1);
        const c = key.charCodeAt(at + 2);
        const d = key.charCodeAt(at + 3);
        beyond |= a | b | c | d;
        words[count++] = a | (b << 8) | (c << 16) | (d << 24);
      }
      if (at < length) {
        let word = 0;
        for (let shift = 0; at < length; at++, shift += 8) {
          const unit = key.charCodeAt(at);
          beyond |= unit;
          word |= unit << shift;
        }
        words[count++] = word;
      }
      this.shape = length;
    }
    if (length > MAX_INLINE || beyond > 0xff) {
      this.words.set(wordsOf(this.digest(Buffer.from(key, 'utf16le')), DIGEST_WORDS));
      count = DIGEST_WORDS;
      this.shape = DIGESTED;
    }
    this.finish(space, count);
    this.text = key;
  }

  /** A key of a number that no text is. */
  setReserved(space: RecordSpace, value: number): void {
    this.text = null;
    this.words[0] = value;
    this.words[1] = Math.floor(value / 2 ** 32);
    this.shape = RESERVED;
    this.finish(space, 2);
  }

  private finish(space: RecordSpace, count: number): void {
    this.space = space;
    this.wordCount = count;
    this.hash(count, space.low, space.high);
  }

  /**
   * HalfSipHash-1-3 with 64 bits of output (https://github.com/veorq/SipHash): whoever chooses keys must not be able
   * to make them fall into the same bucket.
   */
  private hash(count: number, low: number, high: number): void {
    const { words } = this;
    let v0 = low;
    let v1 = high ^ 0xee;
    let v2 = low ^ 0x6c796765;
    let v3 = high ^ 0x74656462;
    // The length is hashed as the last word; three more rounds give the first half of the output, three more the second.
    for (let at = 0; at < count + 7; at++) {
      const isWord = at <= count;
      const word = at < count ? words[at]! : (this.shape << 24) | count;
      if (isWord) v3 ^= word;
      else if (at === count + 1) v2 ^= 0xee;
      else if (at === count + 4) {
        this.low = v1 ^ v3;
        v1 ^= 0xdd;
      }
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      if (isWord) v0 ^= word;
    }
    this.high = v1 ^ v3;
  }
}

const NO_SPACE: RecordSpace = Object.freeze({ id: new Int32Array(4), low: 0, high: 0 });

function wordsOf(bytes: Uint8Array, count: number): Int32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Int32Array.from({ length: count }, (_, at) => view.getInt32(at * 4, true));
}
