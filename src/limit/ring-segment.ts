/**
 * A ring of entries in shared memory, with an index, behind one lock. Entries lie one behind the other in the order in
 * which they were set; the oldest give way. Everything happens under the lock; the index names entries by their place.
 */
import { KEY_WORDS } from './record-key.ts';
import type { RecordKey } from './record-key.ts';

/** Words of the header. */
const LOCK = 0;
/** Where the next entry goes, where the oldest one is: bytes from the beginning of the ring. */
const HEAD = 1;
const TAIL = 2;
const COUNT = 3;
const USED = 4;
const HEADER_WORDS = 16;
/** Words of an entry: bytes of it in all, place of the next one in the chain plus 1, form of the value, its bytes, when it ends, hash, key. */
const SIZE = 0;
const NEXT = 1;
const FORM = 2;
const LENGTH = 3;
const EXPIRES = 4;
const LOW = 6;
const SHAPE = 7;
const SPACE = 8;
const KEY = 12;
/** Even, as times need it. */
const ENTRY_WORDS = Math.ceil((KEY + KEY_WORDS) / 2) * 2;
/** Forms of a value. */
const DEAD = 0;
const LATIN1 = 1;
const UTF16 = 2;
/** In place of the size: nothing more before the end of the ring. */
const SKIP = -1;
/** Bytes of the ring for each chain of the index. */
const PER_CHAIN = 256;
const BEYOND_LATIN1 = /[^\x00-\xff]/;
const SPINS = 200;
const WAIT_MS = 0.2;

export interface RingUse {
  /** Whose value is meant in each call. */
  readonly key: RecordKey;
  readonly generation: number;
}

export class RingSegment {
  private readonly key: RecordKey;
  private readonly generation: number;
  private readonly words: Int32Array;
  private readonly doubles: Float64Array;
  private readonly memory: Buffer;
  private readonly capacity: number;
  private readonly chains: number;
  /** First word of the ring. */
  private readonly ringAt: number;

  /** @param ring bytes of entries, a multiple of 64 */
  static bytes(ring: number): number {
    return HEADER_WORDS * 4 + Math.ceil(ring / PER_CHAIN / 16) * 64 + ring;
  }

  constructor(memory: SharedArrayBuffer, offset: number, ring: number, { key, generation }: RingUse) {
    this.key = key;
    this.generation = generation;
    this.capacity = ring;
    this.chains = Math.ceil(ring / PER_CHAIN / 16) * 16;
    const bytes = RingSegment.bytes(ring);
    this.words = new Int32Array(memory, offset, bytes / 4);
    this.doubles = new Float64Array(memory, offset, bytes / 8);
    this.memory = Buffer.from(memory, offset, bytes);
    this.ringAt = HEADER_WORDS + this.chains;
  }

  get count(): number {
    return Atomics.load(this.words, COUNT);
  }

  get bytes(): number {
    return Atomics.load(this.words, USED);
  }

  /** The value of the key. `isUse`: it counts as set anew if it is among the older half. */
  get(now_ms: number, isUse: boolean): string | undefined {
    this.lock();
    try {
      const place = this.find();
      if (place < 0) return undefined;
      const at = this.wordOf(place);
      const expires_ms = this.doubles[(at + EXPIRES) / 2]!;
      if (expires_ms <= now_ms) {
        this.bury(place);
        return undefined;
      }
      const value = this.valueAt(at);
      if (isUse && this.isOld(place)) this.put(value, expires_ms);
      return value;
    } finally {
      this.unlock();
    }
  }

  set(value: string, expires_ms: number): void {
    this.lock();
    try {
      this.put(value, expires_ms);
    } finally {
      this.unlock();
    }
  }

  delete(): void {
    this.lock();
    try {
      const place = this.find();
      if (place >= 0) this.bury(place);
    } finally {
      this.unlock();
    }
  }

  /** What a thread left in the middle of a change cannot be trusted: all values go. */
  releaseLockOf(generation: number): void {
    if (Atomics.load(this.words, LOCK) !== generation) return;
    this.words.fill(0, 1, this.ringAt);
    this.unlock();
  }

  private put(value: string, expires_ms: number): void {
    const { words, key } = this;
    const known = this.find();
    if (known >= 0) this.bury(known);
    const form = BEYOND_LATIN1.test(value) ? UTF16 : LATIN1;
    const length = value.length * form;
    const size = ENTRY_WORDS * 4 + Math.ceil(length / 8) * 8;
    if (size > this.capacity / 4) return;
    const place = this.makeRoom(size);
    const at = this.wordOf(place);
    words[at + SIZE] = size;
    words[at + FORM] = form;
    words[at + LENGTH] = length;
    this.doubles[(at + EXPIRES) / 2] = expires_ms;
    words[at + LOW] = key.low;
    words[at + SHAPE] = key.shape;
    words.set(key.space.id, at + SPACE);
    words.set(key.words, at + KEY);
    this.memory.write(value, (at + ENTRY_WORDS) * 4, length, form === LATIN1 ? 'latin1' : 'utf16le');
    const chain = this.chainOf(key.low);
    words[at + NEXT] = words[chain]!;
    words[chain] = place + 1;
    words[HEAD] = place + size;
    words[COUNT]!++;
    words[USED]! += size;
  }

  /** A place for that many bytes at the head; the oldest entries give way. */
  private makeRoom(size: number): number {
    const { words } = this;
    for (;;) {
      const head = words[HEAD]!;
      const tail = words[TAIL]!;
      if (words[COUNT] === 0) {
        words[HEAD] = words[TAIL] = 0;
        if (head !== 0 || tail !== 0) continue;
      }
      // Never up to the tail itself: a full ring would look like an empty one.
      if (head < tail) {
        if (size < tail - head) return head;
      } else {
        if (size <= this.capacity - head) return head;
        if (size < tail) {
          if (head < this.capacity) words[this.wordOf(head) + SIZE] = SKIP;
          words[HEAD] = 0;
          continue;
        }
      }
      this.dropOldest();
    }
  }

  private dropOldest(): void {
    const { words } = this;
    const tail = words[TAIL]!;
    if (tail >= this.capacity || words[this.wordOf(tail) + SIZE] === SKIP) {
      words[TAIL] = 0;
      return;
    }
    if (words[this.wordOf(tail) + FORM] !== DEAD) this.bury(tail);
    words[TAIL] = tail + words[this.wordOf(tail) + SIZE]!;
  }

  /** Takes an entry out of the index. Its bytes come free when it is the oldest. */
  private bury(place: number): void {
    const { words } = this;
    const at = this.wordOf(place);
    let link = this.chainOf(words[at + LOW]!);
    while (words[link] !== place + 1) link = this.wordOf(words[link]! - 1) + NEXT;
    words[link] = words[at + NEXT]!;
    words[at + FORM] = DEAD;
    words[COUNT]!--;
    words[USED]! -= words[at + SIZE]!;
  }

  /** The place of the entry of the key, −1 if there is none. */
  private find(): number {
    const { words, key } = this;
    let place = words[this.chainOf(key.low)]! - 1;
    while (place >= 0 && !this.hasKey(this.wordOf(place))) place = words[this.wordOf(place) + NEXT]! - 1;
    return place;
  }

  private hasKey(at: number): boolean {
    const { words, key } = this;
    if (words[at + LOW] !== key.low || words[at + SHAPE] !== key.shape) return false;
    for (let word = 0; word < key.wordCount; word++) if (words[at + KEY + word] !== key.words[word]) return false;
    for (let word = 0; word < 4; word++) if (words[at + SPACE + word] !== key.space.id[word]) return false;
    return true;
  }

  private valueAt(at: number): string {
    const start = (at + ENTRY_WORDS) * 4;
    const encoding = this.words[at + FORM] === LATIN1 ? 'latin1' : 'utf16le';
    return this.memory.toString(encoding, start, start + this.words[at + LENGTH]!);
  }

  private isOld(place: number): boolean {
    const { words, capacity } = this;
    const from = (to: number): number => (to - words[TAIL]! + capacity) % capacity;
    return from(place) * 2 < from(words[HEAD]!);
  }

  private chainOf(low: number): number {
    return HEADER_WORDS + ((low >>> 0) % this.chains);
  }

  private wordOf(place: number): number {
    return this.ringAt + place / 4;
  }

  private lock(): void {
    for (;;) {
      const owner = Atomics.compareExchange(this.words, LOCK, 0, this.generation);
      if (owner === 0) return;
      for (let spin = 0; spin < SPINS; spin++) if (Atomics.load(this.words, LOCK) === 0) break;
      Atomics.wait(this.words, LOCK, owner, WAIT_MS);
    }
  }

  private unlock(): void {
    Atomics.store(this.words, LOCK, 0);
    Atomics.notify(this.words, LOCK, 1);
  }
}
