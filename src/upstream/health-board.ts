/**
 * The health of all checked nodes, in memory that all threads share. One thread, the one that also probes, gives slots to
 * nodes and takes them back; every thread finds the slot of a node by its key without asking anybody, looks at it with
 * one atomic load, and reports to it what its own traffic told.
 *
 * Slots are found by open addressing: the place comes from a SHA-256 digest of the key, and the whole digest is compared,
 * so that two nodes never share a slot. Each time a slot changes hands its generation grows, and a reader that still holds
 * the old one sees a node that nobody checks: up. A board that is full gives no slot (`claim` returns null): the node is
 * then not checked and counts as healthy, and whoever claims says so in the log.
 */
import { hash } from 'node:crypto';
import {
  HEALTHY,
  type HealthCounters,
  type HealthEvent,
  type HealthLimits,
  isDownState,
  nextHealth,
  readCounters,
  STATUSES,
  type HealthStatus,
} from './health-state.ts';

/** Where a node is on the board, and as whose slot. */
export interface HealthSlot {
  readonly index: number;
  readonly generation: number;
}

export interface SlotHealth {
  readonly status: HealthStatus;
  readonly isDown: boolean;
  readonly counters: HealthCounters;
  /** Of 256 of its turns, how many a node takes that came back a moment ago; 0 for all of them. */
  readonly share: number;
}

/** Header, in words of 32 bits. */
const EPOCH = 0;
const CHANGES = 1;
const RAMPS = 2;
const HEADER_WORDS = 8;
/** A slot: whether it is taken, the digest, and a cell of 64 bits. */
const SLOT_WORDS = 12;
const DIGEST_WORDS = 8;
const CELL_WORD = 10;
const SLOT_BYTES = SLOT_WORDS * 4;

const FREE = 0;
const TAKEN = 1;
/** Given back; a search goes on behind it. */
const LEFT = 2;

/** The upper word of a cell: generation (16 bits), share (8), state (2). The lower one: the counters. */
const SHARE_SHIFT = 2;
const GENERATION_SHIFT = 10;
const GENERATIONS = 0xffff;

const IS_LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
const UPPER = IS_LITTLE_ENDIAN ? 1 : 0;

export interface BoardOptions {
  /** Nodes that can be checked at once. */
  readonly slots: number;
}

/** Of a gateway: 7 of 8 can be used. The memory of those that are not costs nothing. */
export const SLOTS = 65_536;

export class HealthBoard {
  readonly #words: Int32Array;
  readonly #cells: BigInt64Array;
  readonly #slots: number;
  /** Slots given by this thread: the last eighth stays free, so that searches stay short. */
  #taken = 0;

  /** Bytes of the buffer that a board needs. */
  static bytes({ slots }: BoardOptions): number {
    return HEADER_WORDS * 4 + slots * SLOT_BYTES;
  }

  /** @param buffer of `bytes(…)`, all zero at first; boards over the same buffer are the same board */
  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
    this.#cells = new BigInt64Array(buffer);
    this.#slots = Math.floor((buffer.byteLength - HEADER_WORDS * 4) / SLOT_BYTES);
  }

  /** Grows whenever slots were given or taken back: what was not found before may be there now. */
  get epoch(): number {
    return Atomics.load(this.#words, EPOCH);
  }

  /** Grows whenever a node went down or came up. */
  get changes(): number {
    return Atomics.load(this.#words, CHANGES);
  }

  /** Whether nodes that come back begin with a small share; read by every thread. */
  set ramps(value: boolean) {
    Atomics.store(this.#words, RAMPS, value ? 1 : 0);
  }

  /** Gives the node with this key a slot, healthy, or the one that it has. Null: the board is full. One thread only. */
  claim(key: string): HealthSlot | null {
    const digest = digestOf(key);
    let vacant = -1;
    for (let step = 0, index = this.#first(digest); step < this.#slots; step++) {
      const mark = this.#mark(index);
      if (mark === TAKEN) {
        if (this.#hasDigest(index, digest)) return { index, generation: this.#generation(index) };
      } else {
        if (vacant < 0) vacant = index;
        if (mark === FREE) break;
      }
      index = index + 1 === this.#slots ? 0 : index + 1;
    }
    if (vacant < 0 || this.#taken >= this.#slots - (this.#slots >>> 3)) return null;
    this.#taken++;
    const words = this.#words;
    const at = this.#at(vacant);
    digest.forEach((word, i) => Atomics.store(words, at + 1 + i, word));
    const generation = (this.#generation(vacant) + 1) & GENERATIONS;
    this.#writeCell(vacant, generation, HEALTHY, 0, 0);
    Atomics.store(words, at, TAKEN);
    Atomics.add(words, EPOCH, 1);
    return { index: vacant, generation };
  }

  /** Takes a slot back. One thread only, the one that claims. */
  free({ index, generation }: HealthSlot): void {
    if (this.#mark(index) !== TAKEN || this.#generation(index) !== generation) return;
    this.#taken--;
    // The generation first: who reads the digest from now on cannot take the slot for the node's.
    this.#writeCell(index, (generation + 1) & GENERATIONS, HEALTHY, 0, 0);
    const words = this.#words;
    Atomics.store(words, this.#at(index), LEFT);
    // Before a free slot no search needs a mark to go on.
    if (this.#mark(index + 1 === this.#slots ? 0 : index + 1) === FREE) {
      let last = index;
      while (this.#mark(last) === LEFT) {
        Atomics.store(words, this.#at(last), FREE);
        last = last === 0 ? this.#slots - 1 : last - 1;
      }
    }
    Atomics.add(words, EPOCH, 1);
  }

  /** The slot of the node with this key, null if it has none (yet). */
  find(key: string): HealthSlot | null {
    const digest = digestOf(key);
    for (let step = 0, index = this.#first(digest); step < this.#slots; step++) {
      const mark = this.#mark(index);
      if (mark === FREE) return null;
      const generation = this.#generation(index);
      // Read again: between the two the slot may have become another node's.
      if (mark === TAKEN && this.#hasDigest(index, digest) && this.#generation(index) === generation) {
        return { index, generation };
      }
      index = index + 1 === this.#slots ? 0 : index + 1;
    }
    return null;
  }

  /**
   * Whether the node gets traffic, with one atomic load: `UP`, `DOWN`, `LOST` if the slot is not the node's any more, or
   * the share of a node that came back a moment ago, from 1 to 255.
   */
  look({ index, generation }: HealthSlot): number {
    const word = Atomics.load(this.#words, this.#upper(index));
    if (word >>> GENERATION_SHIFT !== generation) return LOST;
    if ((word & 2) !== 0) return DOWN;
    return (word >>> SHARE_SHIFT) & 0xff;
  }

  /** What a node's slot says; null if it is not the node's any more. */
  read({ index, generation }: HealthSlot): SlotHealth | null {
    const cell = Atomics.load(this.#cells, this.#cell(index));
    const upper = Number(BigInt.asUintN(32, cell >> 32n));
    if (upper >>> GENERATION_SHIFT !== generation) return null;
    const state = upper & 3;
    return {
      status: STATUSES[state]!,
      isDown: isDownState(state),
      counters: readCounters(Number(BigInt.asUintN(32, cell))),
      share: (upper >>> SHARE_SHIFT) & 0xff,
    };
  }

  /** Counts what a probe or a request told about a node. Any thread. */
  report({ index, generation }: HealthSlot, event: HealthEvent, limits: HealthLimits): void {
    const cells = this.#cells;
    const at = this.#cell(index);
    // Nearly always a success of a healthy node: nothing to write, and nothing to allocate.
    const word = Atomics.load(this.#words, this.#upper(index));
    if (word >>> GENERATION_SHIFT !== generation) return;
    if (event === 0 && (word & 3) === HEALTHY) return;
    for (;;) {
      const cell = Atomics.load(cells, at);
      const upper = Number(BigInt.asUintN(32, cell >> 32n));
      if (upper >>> GENERATION_SHIFT !== generation) return;
      const before = { state: upper & 3, counters: Number(BigInt.asUintN(32, cell)) };
      const after = nextHealth(before, event, limits);
      if (after === before) return;
      const hasTurned = isDownState(before.state) !== isDownState(after.state);
      const share = hasTurned ? this.#shareAfter(after.state) : (upper >>> SHARE_SHIFT) & 0xff;
      const next = cellOf(generation, after.state, share, after.counters);
      if (Atomics.compareExchange(cells, at, cell, next) !== cell) continue;
      if (hasTurned) Atomics.add(this.#words, CHANGES, 1);
      return;
    }
  }

  /** Sets the share of a node that is coming back: 1 to 255, or 0 for all of its turns. A node that is down keeps none. */
  setShare({ index, generation }: HealthSlot, share: number): void {
    const cells = this.#cells;
    const at = this.#cell(index);
    for (;;) {
      const cell = Atomics.load(cells, at);
      const upper = Number(BigInt.asUintN(32, cell >> 32n));
      if (upper >>> GENERATION_SHIFT !== generation || isDownState(upper & 3)) return;
      const next = cellOf(generation, upper & 3, share, Number(BigInt.asUintN(32, cell)));
      if (Atomics.compareExchange(cells, at, cell, next) === cell) return;
    }
  }

  #shareAfter(state: number): number {
    return !isDownState(state) && Atomics.load(this.#words, RAMPS) === 1 ? 1 : 0;
  }

  #writeCell(index: number, generation: number, state: number, share: number, counters: number): void {
    Atomics.store(this.#cells, this.#cell(index), cellOf(generation, state, share, counters));
  }

  #first(digest: Int32Array): number {
    return (digest[0]! >>> 0) % this.#slots;
  }

  #at(index: number): number {
    return HEADER_WORDS + index * SLOT_WORDS;
  }

  #cell(index: number): number {
    return (this.#at(index) + CELL_WORD) >>> 1;
  }

  #upper(index: number): number {
    return this.#at(index) + CELL_WORD + UPPER;
  }

  #mark(index: number): number {
    return Atomics.load(this.#words, this.#at(index));
  }

  #generation(index: number): number {
    return Atomics.load(this.#words, this.#upper(index)) >>> GENERATION_SHIFT;
  }

  #hasDigest(index: number, digest: Int32Array): boolean {
    const at = this.#at(index) + 1;
    for (let i = 0; i < DIGEST_WORDS; i++) if (Atomics.load(this.#words, at + i) !== digest[i]) return false;
    return true;
  }
}

/** What `look` answers besides a share. */
export const UP = 0;
export const DOWN = -1;
export const LOST = -2;

function cellOf(generation: number, state: number, share: number, counters: number): bigint {
  const upper = (generation << GENERATION_SHIFT) | (share << SHARE_SHIFT) | state;
  return (BigInt(upper) << 32n) | BigInt(counters >>> 0);
}

function digestOf(key: string): Int32Array {
  const bytes = hash('sha256', key, 'buffer');
  return Int32Array.from({ length: DIGEST_WORDS }, (_, i) => bytes.readInt32LE(i * 4));
}
