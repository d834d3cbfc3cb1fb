/**
 * The counts of all tables in rows: a fixed number of slots that never move. The memory is asked for at once, and
 * taken by the system only as slots are used. Behind the slots of keys lie those of overflow buckets, so that these have
 * room when there is none for keys.
 */
import { CURRENT, EXPIRES_MS, PREVIOUS, ROW } from './window-cells.ts';
import type { WindowCells } from './window-cells.ts';

export class Cells<Owner> implements WindowCells {
  readonly rows: Float64Array;
  readonly keys: Region;
  readonly overflow: Region;
  readonly #names: string[] = [];
  readonly #owners: (Owner | null)[] = [];
  readonly #overflowNames: string[] = [];
  readonly #overflowOwners: (Owner | null)[] = [];

  constructor(keySlots: number, overflowSlots: number) {
    this.rows = new Float64Array((keySlots + overflowSlots) * ROW);
    this.keys = new Region(0, keySlots);
    this.overflow = new Region(keySlots, overflowSlots);
  }

  /** An empty slot of a region, −1 if there is none. It counts as expired until its first unit. */
  claim(region: Region, name: string, owner: Owner): number {
    const slot = region.claim();
    if (slot < 0) return -1;
    this.rows[slot * ROW + EXPIRES_MS] = -Infinity;
    this.rows[slot * ROW + CURRENT] = 0;
    this.rows[slot * ROW + PREVIOUS] = 0;
    const at = slot - region.first;
    (region === this.keys ? this.#names : this.#overflowNames)[at] = name;
    (region === this.keys ? this.#owners : this.#overflowOwners)[at] = owner;
    return slot;
  }

  /** Takes over a count of other cells. */
  copy(cells: WindowCells, from: number, slot: number): void {
    this.rows.set(cells.rows.subarray(from * ROW, from * ROW + ROW), slot * ROW);
  }

  /** Looks at some slots, the next ones in turn, and frees those that have expired. */
  sweep(region: Region, count: number, now_ms: number, onFreed: (name: string, owner: Owner) => void): void {
    const names = region === this.keys ? this.#names : this.#overflowNames;
    const owners = region === this.keys ? this.#owners : this.#overflowOwners;
    for (let left = Math.min(count, region.touched); left > 0; left--) {
      const slot = region.next();
      if (this.rows[slot * ROW + EXPIRES_MS]! > now_ms) continue;
      const at = slot - region.first;
      const owner = owners[at]!;
      if (owner === null) continue;
      const name = names[at]!;
      names[at] = '';
      owners[at] = null;
      region.free(slot);
      onFreed(name, owner);
    }
  }
}

/** Some consecutive slots: which are free, and where sweeping has come to. */
export class Region {
  readonly first: number;
  readonly capacity: number;
  /** Slots that were ever used, from the first on. */
  touched = 0;
  used = 0;
  readonly #nextFree: Int32Array;
  #free = -1;
  #cursor = 0;

  constructor(first: number, capacity: number) {
    this.first = first;
    this.capacity = capacity;
    this.#nextFree = new Int32Array(capacity);
  }

  get isFull(): boolean {
    return this.used === this.capacity;
  }

  claim(): number {
    if (this.isFull) return -1;
    this.used++;
    if (this.#free < 0) return this.first + this.touched++;
    const at = this.#free;
    this.#free = this.#nextFree[at]!;
    return this.first + at;
  }

  free(slot: number): void {
    const at = slot - this.first;
    this.#nextFree[at] = this.#free;
    this.#free = at;
    this.used--;
  }

  next(): number {
    if (this.#cursor >= this.touched) this.#cursor = 0;
    return this.first + this.#cursor++;
  }
}
