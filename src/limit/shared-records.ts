/**
 * Records of a few numbers in memory that all threads share, found by key: a dictionary of fixed size.
 *
 * A key may lie in any slot of two buckets that its hash names. A slot has a state word (its version, and the
 * generation of the thread that has it locked), its key, and its numbers twice: version n uses one bank, n + 1 the
 * other. A change reads the numbers, computes, and then locks the slot by one CAS that succeeds only if the version is
 * still the one that was read; it fills the other bank and publishes it with the next version by one store. No code of
 * anyone else runs in between. So a change happens wholly or not at all, also when its thread dies in the middle: once
 * `releaseLocksOf` has cleared the lock, the numbers are those from before. Look-ups take no lock. Only inserting locks
 * more than its slot: one of some stripes, so that no key gets two slots. Only records that have expired are evicted.
 */
import type { RecordKey } from './record-key.ts';
import { EXPIRES, GENERATIONS, KEY, SHAPE, SlotMemory, SPACE, STRIPES, USED } from './slot-memory.ts';

/** Computes new numbers in place from those there are; all 0 and expired for a key that is new. Pure: it may run again. */
export type Change<A, R> = (numbers: Float64Array, argument: A, now_ms: number) => R;

/** What a thread is to a shared table. */
export interface RecordUse {
  /** Whose record is meant in each call. Tables that ask each other share one. */
  readonly key: RecordKey;
  /** Of the thread: from 1 on; those of threads that live at the same time differ modulo 1023. */
  readonly generation: number;
  /** What a key that is new begins with, null for zeros. */
  readonly seed?: () => Float64Array | null;
}

export const NO_ROOM = Symbol('no room');
const RACED = Symbol('raced');

export class SharedRecords extends SlotMemory {
  /** Of the record that was updated last; it stays there until it has expired. */
  slot = -1;
  private readonly key: RecordKey;
  private readonly seed: RecordUse['seed'];
  private readonly scratch: Float64Array;
  /** State of the slot that `find` found. */
  private state = 0;
  private isChanging = false;
  private cursor = 0;

  constructor(memory: SharedArrayBuffer, offset: number, use: RecordUse) {
    super(memory, offset, use.generation);
    this.seed = use.seed;
    this.scratch = new Float64Array(this.numbers);
    this.key = use.key;
  }

  /**
   * Changes the record of `this.key`, which is set before; `this.slot` then says where that is. NO_ROOM if it has none
   * and both its buckets are full of live ones; then nothing has happened. What the change throws is thrown, and nothing
   * has happened.
   */
  update<A, R>(change: Change<A, R>, argument: A, now_ms: number): R | typeof NO_ROOM {
    for (;;) {
      const slot = this.find();
      if (slot >= 0) {
        const result = this.attempt(slot, change, argument, now_ms);
        if (result !== RACED) return result;
        continue;
      }
      this.begin();
      const result = this.compute(change, argument, now_ms);
      if (this.isBlank()) return this.hasRoom(now_ms) ? result : NO_ROOM;
      const outcome = this.insert(now_ms);
      if (outcome !== 'again') return outcome === 'done' ? result : NO_ROOM;
    }
  }

  /** Changes the record in a slot that cannot be evicted. */
  updateAt<A, R>(slot: number, change: Change<A, R>, argument: A, now_ms: number): R {
    for (;;) {
      this.state = this.unlocked(slot);
      const result = this.attempt(slot, change, argument, now_ms);
      if (result !== RACED) return result;
    }
  }

  /** RACED if another thread changed the slot after `this.state` was read; then nothing has happened. */
  private attempt<A, R>(slot: number, change: Change<A, R>, argument: A, now_ms: number): R | typeof RACED {
    const { state } = this;
    const from = this.bankOf(slot, state);
    this.load(from);
    const result = this.compute(change, argument, now_ms);
    this.slot = slot;
    if (!this.differs(from)) {
      const at = this.wordOf(slot);
      // A read-modify-write even so: nothing that was read above may have been read later than this.
      return Atomics.compareExchange(this.words, at, state, state) === state ? result : RACED;
    }
    if (!this.lock(slot, state)) return RACED;
    this.store(this.bankOf(slot, state + GENERATIONS));
    this.publish(slot, state);
    return result;
  }

  private compute<A, R>(change: Change<A, R>, argument: A, now_ms: number): R {
    if (this.isChanging) throw new Error('a change of a shared record cannot change another one');
    this.isChanging = true;
    try {
      return change(this.scratch, argument, now_ms);
    } finally {
      this.isChanging = false;
    }
  }

  /** The numbers of `this.key` as they are, in scratch memory; null if it has none. */
  read(): Float64Array | null {
    for (;;) {
      const slot = this.find();
      if (slot < 0) return null;
      const { state } = this;
      this.load(this.bankOf(slot, state));
      if (Atomics.compareExchange(this.words, this.wordOf(slot), state, state) === state) return this.scratch;
    }
  }

  /** Looks at the next slots in turn and frees those that have expired. */
  sweep(count: number, now_ms: number): void {
    for (let left = Math.min(count, this.slots); left > 0; left--) {
      const slot = this.cursor;
      this.cursor = slot + 1 === this.slots ? 0 : slot + 1;
      if (this.words[this.tagAt + slot] === 0) continue;
      const state = Atomics.load(this.words, this.wordOf(slot));
      if (!this.isExpired(slot, state, now_ms) || !this.lock(slot, state)) continue;
      Atomics.store(this.words, this.tagAt + slot, 0);
      Atomics.sub(this.words, USED, 1);
      this.publish(slot, state);
    }
  }

  /** The slot of `this.key`, −1 if it has none; its state is then in `this.state`. */
  private find(): number {
    const { low, high } = this.key;
    const tag = tagOf(low, high);
    const first = this.firstOf(low);
    const found = this.findIn(first, tag);
    if (found >= 0 || this.buckets === 1) return found;
    return this.findIn(this.firstOf(high), tag);
  }

  private findIn(first: number, tag: number): number {
    const { words, tagAt } = this;
    const end = first + this.bucketSize;
    for (let slot = first; slot < end; slot++) {
      if (words[tagAt + slot] !== tag) continue;
      const state = this.unlocked(slot);
      if (!this.hasKey(this.wordOf(slot))) continue;
      this.state = state;
      return slot;
    }
    return -1;
  }

  private hasKey(at: number): boolean {
    const { words, key } = this;
    const { id } = key.space;
    if (words[at + SHAPE] !== key.shape) return false;
    for (let word = 0; word < key.wordCount; word++) {
      if (words[at + KEY + word] !== key.words[word]) return false;
    }
    for (let word = 0; word < 4; word++) if (words[at + SPACE + word] !== id[word]) return false;
    return true;
  }

  /** Puts what is in scratch memory into a slot of its own. */
  private insert(now_ms: number): Outcome {
    const { words, key } = this;
    const stripe = this.stripesAt + (key.low & (STRIPES - 1));
    for (;;) {
      const owner = Atomics.compareExchange(words, stripe, 0, this.generation);
      if (owner === 0) break;
      this.wait(stripe, owner);
    }
    try {
      // Another thread may have been faster.
      if (this.find() >= 0) return 'again';
      const slot = this.claim(now_ms);
      if (slot < 0) return 'full';
      const { state } = this;
      const at = this.wordOf(slot);
      if (words[this.tagAt + slot] === 0) Atomics.add(words, USED, 1);
      // Without its tag nobody finds the slot: should this thread die here, it is free.
      else Atomics.store(words, this.tagAt + slot, 0);
      words[at + SHAPE] = key.shape;
      for (let word = 0; word < key.wordCount; word++) words[at + KEY + word] = key.words[word]!;
      for (let word = 0; word < 4; word++) words[at + SPACE + word] = key.space.id[word]!;
      this.store(this.bankOf(slot, state + GENERATIONS));
      this.publish(slot, state);
      Atomics.store(words, this.tagAt + slot, tagOf(key.low, key.high));
      this.slot = slot;
      return 'done';
    } finally {
      Atomics.store(words, stripe, 0);
    }
  }

  /** Locks a free or an expired slot of the emptier bucket, −1 if there is none; its former state is in `this.state`. */
  private claim(now_ms: number): number {
    const { words, tagAt } = this;
    const one = this.firstOf(this.key.low);
    const other = this.buckets === 1 ? one : this.firstOf(this.key.high);
    const roomInOne = this.roomIn(one, now_ms);
    const roomInOther = other === one ? 0 : this.roomIn(other, now_ms);
    // Under a flood of new keys this is how it ends.
    if (roomInOne + roomInOther === 0) return -1;
    const isOtherFirst = roomInOther > roomInOne;
    for (const wantsFree of [true, false]) {
      for (const first of isOtherFirst ? [other, one] : [one, other]) {
        for (let slot = first; slot < first + this.bucketSize; slot++) {
          if ((words[tagAt + slot] === 0) !== wantsFree) continue;
          const state = this.unlocked(slot);
          if (!wantsFree && !this.isExpired(slot, state, now_ms)) continue;
          if (!this.lock(slot, state)) continue;
          const isFree = words[tagAt + slot] === 0;
          if (isFree || this.isExpired(slot, state, now_ms)) {
            this.state = state;
            return slot;
          }
          this.publish(slot, state - GENERATIONS);
        }
      }
    }
    return -1;
  }

  /** Whether `this.key` could have a record. */
  hasRoom(now_ms: number): boolean {
    for (const first of [this.firstOf(this.key.low), this.firstOf(this.key.high)]) {
      for (let slot = first; slot < first + this.bucketSize; slot++) {
        if (this.words[this.tagAt + slot] === 0) return true;
        if (this.isExpired(slot, this.unlocked(slot), now_ms)) return true;
      }
    }
    return false;
  }

  /** Slots that a new key could take. A look at those that expired is only taken where it matters: it waits for memory. */
  private roomIn(first: number, now_ms: number): number {
    let free = 0;
    for (let slot = first; slot < first + this.bucketSize; slot++) if (this.words[this.tagAt + slot] === 0) free++;
    if (free * 2 >= this.bucketSize) return free;
    for (let slot = first; slot < first + this.bucketSize; slot++) {
      if (this.words[this.tagAt + slot] === 0) continue;
      if (this.isExpired(slot, Atomics.load(this.words, this.wordOf(slot)), now_ms)) free++;
    }
    return free;
  }

  private firstOf(hash: number): number {
    return ((hash >>> 0) % this.buckets) * this.bucketSize;
  }

  private begin(): void {
    const seed = this.seed === undefined ? null : this.seed();
    if (seed !== null) return this.scratch.set(seed);
    this.scratch.fill(0);
    this.scratch[EXPIRES] = -Infinity;
  }

  /** Whether scratch memory holds nothing that is worth a slot. */
  private isBlank(): boolean {
    return this.scratch[EXPIRES] === -Infinity;
  }

  private load(bank: number): void {
    for (let at = 0; at < this.numbers; at++) this.scratch[at] = this.doubles[bank + at]!;
  }

  private store(bank: number): void {
    for (let at = 0; at < this.numbers; at++) this.doubles[bank + at] = this.scratch[at]!;
  }

  private differs(bank: number): boolean {
    for (let at = 0; at < this.numbers; at++) if (this.doubles[bank + at] !== this.scratch[at]) return true;
    return false;
  }
}

/** `again`: look once more. */
type Outcome = 'done' | 'full' | 'again';

/** Never 0, which marks a free slot. */
function tagOf(low: number, high: number): number {
  return (Math.imul(low, 0x9e3779b1) ^ high) | 1;
}
