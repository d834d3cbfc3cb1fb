/**
 * The slots of a shared dictionary: where what lies in memory, and the locks.
 *
 * Header: secret, slots in use, sizes; a lock word for each stripe of keys; for each generation of threads, which slot
 * it locked last. Then a tag for each slot, 0 for a free one, side by side so that a bucket is searched in one cache
 * line; then the slots.
 */
import { KEY_WORDS } from './record-key.ts';

export interface RecordSizes {
  /** Records that have room for certain; there are a third more slots, as buckets fill unevenly. */
  readonly records: number;
  /** Numbers of each, the one at EXPIRES included. */
  readonly numbers: number;
}

/** Of the numbers of each record: when it is worth nothing any more, in ms of the monotonic clock. */
export const EXPIRES = 0;

const BUCKET = 16;
export const STRIPES = 256;
/** A version is so much more than the one before: the bits below name who has the slot locked, 0 for nobody. */
export const GENERATIONS = 1024;
export const GENERATION_MASK = GENERATIONS - 1;
/** Words of the header. */
const SECRET = 0;
export const USED = 2;
const SIZES = 3;
const HEADER_WORDS = 16;
/** A cache line each: threads write there all the time. */
const HELD_WORDS = 16;
/** Of a slot: state, shape of the key, space, key. */
export const SHAPE = 1;
export const SPACE = 2;
export const KEY = 6;
const SLOT_WORDS = KEY + KEY_WORDS;
const SPINS = 200;
const WAIT_MS = 0.2;

function slotsFor(records: number): number {
  return records <= BUCKET ? records : Math.ceil((records * 4) / 3 / BUCKET) * BUCKET;
}

const aligned = (bytes: number): number => Math.ceil(bytes / 64) * 64;
const tagsAt = (HEADER_WORDS + STRIPES + GENERATIONS * HELD_WORDS) * 4;
const slotsAt = (slots: number): number => aligned(tagsAt + slots * 4);
const slotBytes = (numbers: number): number => aligned(SLOT_WORDS * 4 + numbers * 16);

export class SlotMemory {
  protected readonly numbers: number;
  protected readonly slots: number;
  protected readonly buckets: number;
  protected readonly bucketSize: number;
  protected readonly generation: number;
  protected readonly words: Int32Array;
  protected readonly doubles: Float64Array;
  protected readonly stripesAt = HEADER_WORDS;
  protected readonly tagAt = tagsAt / 4;
  private readonly heldSlot: number;
  private readonly slotAt: number;
  private readonly slotWords: number;

  /** The memory that a table needs. It is taken from the system only as slots are used. */
  static bytes({ records, numbers }: RecordSizes): number {
    const slots = slotsFor(records);
    return slotsAt(slots) + slots * slotBytes(numbers);
  }

  /** Prepares memory, once, before any thread uses it. `secret` is 8 random bytes; `offset` a multiple of 64. */
  static prepare(memory: SharedArrayBuffer, offset: number, sizes: RecordSizes, secret: Uint8Array): void {
    new Uint8Array(memory, offset + SECRET * 4, 8).set(secret.subarray(0, 8));
    new Int32Array(memory, offset + SIZES * 4, 2).set([sizes.records, sizes.numbers]);
  }

  static secret(memory: SharedArrayBuffer, offset: number): readonly [low: number, high: number] {
    const [low = 0, high = 0] = new Int32Array(memory, offset + SECRET * 4, 2);
    return [low, high];
  }

  /** The sizes that memory was prepared with. */
  static sizes(memory: SharedArrayBuffer, offset: number): RecordSizes {
    const [records = 0, numbers = 0] = new Int32Array(memory, offset + SIZES * 4, 2);
    return { records, numbers };
  }

  /** @param generation of the thread, from 1 on; those of threads that live at the same time differ modulo 1023 */
  constructor(memory: SharedArrayBuffer, offset: number, generation: number) {
    const sizes = SlotMemory.sizes(memory, offset);
    this.numbers = sizes.numbers;
    this.slots = slotsFor(sizes.records);
    this.bucketSize = Math.min(BUCKET, this.slots);
    this.buckets = this.slots / this.bucketSize;
    this.generation = ((generation - 1) % GENERATION_MASK) + 1;
    const bytes = SlotMemory.bytes(sizes);
    this.words = new Int32Array(memory, offset, bytes / 4);
    this.doubles = new Float64Array(memory, offset, bytes / 8);
    this.heldSlot = HEADER_WORDS + STRIPES + this.generation * HELD_WORDS;
    this.slotAt = slotsAt(this.slots) / 4;
    this.slotWords = slotBytes(sizes.numbers) / 4;
  }

  /** Slots in use: those of live records, and of expired ones whose slot nobody needed. */
  get used(): number {
    return Atomics.load(this.words, USED);
  }

  /** Clears the locks that a thread held when it died. Its last change has then happened wholly, or not at all. */
  releaseLocksOf(generation: number): void {
    const { words } = this;
    const owner = ((generation - 1) % GENERATION_MASK) + 1;
    const slot = Atomics.load(words, HEADER_WORDS + STRIPES + owner * HELD_WORDS) - 1;
    if (slot >= 0) {
      const at = this.wordOf(slot);
      const state = Atomics.load(words, at);
      if ((state & GENERATION_MASK) === owner) {
        // It was being filled or freed.
        if (words[this.tagAt + slot] === 0) Atomics.sub(words, USED, 1);
        Atomics.store(words, at, state & ~GENERATION_MASK);
      }
    }
    for (let stripe = 0; stripe < STRIPES; stripe++) {
      Atomics.compareExchange(words, this.stripesAt + stripe, owner, 0);
    }
  }

  protected lock(slot: number, state: number): boolean {
    if ((state & GENERATION_MASK) !== 0) return false;
    // Said before it is done: what `releaseLocksOf` finds here may be held, everything else is not.
    this.words[this.heldSlot] = slot + 1;
    return Atomics.compareExchange(this.words, this.wordOf(slot), state, state | this.generation) === state;
  }

  protected publish(slot: number, state: number): void {
    Atomics.store(this.words, this.wordOf(slot), (state + GENERATIONS) | 0);
  }

  /** The state of a slot when nobody has it locked. */
  protected unlocked(slot: number): number {
    const at = this.wordOf(slot);
    for (;;) {
      const state = Atomics.load(this.words, at);
      if ((state & GENERATION_MASK) === 0) return state;
      this.wait(at, state);
    }
  }

  /** Until a word may have changed. Who has a lock is inside for some nanoseconds, unless the system took the core away. */
  protected wait(at: number, seen: number): void {
    for (let spin = 0; spin < SPINS; spin++) if (Atomics.load(this.words, at) !== seen) return;
    Atomics.wait(this.words, at, seen, WAIT_MS);
  }

  protected wordOf(slot: number): number {
    return this.slotAt + slot * this.slotWords;
  }

  /** Where the numbers of a slot's version lie. */
  protected bankOf(slot: number, state: number): number {
    const at = (this.wordOf(slot) + SLOT_WORDS) / 2;
    return (state & GENERATIONS) === 0 ? at : at + this.numbers;
  }

  protected isExpired(slot: number, state: number, now_ms: number): boolean {
    return this.doubles[this.bankOf(slot, state) + EXPIRES]! <= now_ms;
  }
}
