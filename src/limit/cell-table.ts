/** Records and places that all threads share, in bounded memory: what `host.cells` is made of. */
import type { Place, Places, RecordChange, Records, RecordsOptions } from '../sdk/host.ts';
import { BoundedRecords } from './bounded-records.ts';
import type { BoundedUse, RecordPlace } from './bounded-records.ts';
import { NO_ROOM } from './shared-records.ts';
import { EXPIRES } from './slot-memory.ts';
import { Tickets } from './tickets.ts';

export interface CellSizes {
  /** Records that have room for certain. Default 100,000: 26 MB of memory, of which the system gives as much as is used. */
  readonly maxRecords?: number;
  /** Overflow records. Default 4,096. */
  readonly maxOverflow?: number;
  /** Threads that can live at the same time. Default `TICKET_THREADS`. */
  readonly threads?: number;
  /** Places that one thread can hold at the same time. Default 32,768. */
  readonly placesPerThread?: number;
}

export interface CellUse extends Omit<BoundedUse, 'base'> {
  /** What to begin with, copied where it is changed. */
  readonly base?: CellTable;
}

const MAX_RECORDS = 100_000;
const MAX_OVERFLOW = 4_096;
/** Threads whose numbers differ by this share their tickets. */
export const TICKET_THREADS = 1_024;
const PLACES_PER_THREAD = 32_768;
const MAX_NUMBERS = 7;
const BLANK = -Infinity;

export class CellTable {
  private readonly bounded: BoundedRecords;
  private readonly tickets: Tickets;

  /** Memory for a table, to be given to all threads. `secret` is 8 random bytes. */
  static allocate(sizes: CellSizes, secret: Uint8Array): SharedArrayBuffer {
    const { maxRecords = MAX_RECORDS, maxOverflow = MAX_OVERFLOW } = sizes;
    const tickets = { threads: sizes.threads ?? TICKET_THREADS, places: sizes.placesPerThread ?? PLACES_PER_THREAD };
    const bounded = { keys: maxRecords, overflow: maxOverflow, numbers: MAX_NUMBERS + 1 };
    const memory = new SharedArrayBuffer(Tickets.bytes(tickets) + BoundedRecords.bytes(bounded));
    Tickets.prepare(memory, tickets);
    BoundedRecords.prepare(memory, Tickets.bytes(tickets), bounded, secret);
    return memory;
  }

  constructor(memory: SharedArrayBuffer, use: CellUse) {
    const { base, ...rest } = use;
    const all = base === undefined ? rest : { ...rest, base: base.bounded };
    this.bounded = new BoundedRecords(memory, Tickets.bytes(Tickets.sizes(memory)), all);
    this.tickets = new Tickets(memory, use.generation ?? 1);
  }

  /** Records in use, in all threads. */
  get used(): number {
    return this.bounded.keys.used;
  }

  /** Updates of this thread that an overflow record took. */
  get overflowCalls(): number {
    return this.bounded.overflowCalls;
  }

  /** Frees records that have expired, looking at the next `count` slots: for `used` only, nothing else depends on it. */
  sweep(count: number): void {
    this.bounded.sweep(count);
  }

  /** Throws RangeError for options that are out of range. */
  records(name: string, options: RecordsOptions): Records {
    const { numbers, keep_ms } = options;
    if (!(Number.isInteger(numbers) && numbers >= 1 && numbers <= MAX_NUMBERS)) {
      throw new RangeError(`a record has 1 to ${MAX_NUMBERS} numbers, not ${numbers}`);
    }
    if (!(keep_ms > 0)) throw new RangeError(`keep_ms ${keep_ms} is no time above 0`);
    return new SpaceRecords(this.bounded, `records ${numbers} ${name}`, options);
  }

  places(name: string): Places {
    return new SpacePlaces(this.bounded, this.tickets, `places ${name}`);
  }

  /**
   * Clears the locks that a thread held when it died, and frees its places: to be called once it has ended, from another
   * thread. Should it have been killed in the very middle of taking a place, that place stays taken.
   */
  releaseLocksOf(generation: number): void {
    const { bounded } = this;
    bounded.releaseLocksOf(generation);
    this.tickets.takeAll(generation, (slot, isInOverflow) => {
      (isInOverflow ? bounded.overflow : bounded.keys).updateAt(slot, leave, null, bounded.now());
    });
  }
}

class SpaceRecords implements Records {
  private readonly bounded: BoundedRecords;
  private readonly place: RecordPlace;
  private readonly numbers: number;
  private readonly keep_ms: number;
  /** What the present call changes, and with what: set for its length, so that no call makes a closure. */
  private change: RecordChange<never, unknown> = nothing;
  private argument: unknown = null;
  private readonly apply = (record: Float64Array, _: null, now_ms: number): unknown => {
    if (record[EXPIRES]! <= now_ms) record.fill(0);
    // A view of what is always the same scratch memory.
    if (this.viewed !== record) this.view = (this.viewed = record).subarray(1, 1 + this.numbers);
    const { view } = this;
    const result = this.change(view, this.argument as never, now_ms);
    record[EXPIRES] = isZero(view) ? BLANK : now_ms + this.keep_ms;
    return result;
  };
  private viewed: Float64Array = NONE;
  private view: Float64Array = NONE;

  constructor(bounded: BoundedRecords, name: string, { numbers, keep_ms }: RecordsOptions) {
    this.bounded = bounded;
    this.place = { space: bounded.space(name), bucket: 0 };
    this.numbers = numbers;
    this.keep_ms = keep_ms;
  }

  update<A, R>(key: string, change: RecordChange<A, R>, argument: A): R {
    this.change = change;
    this.argument = argument;
    try {
      const result = this.bounded.update(this.place, key, this.apply, null);
      if (result === NO_ROOM) throw new Error('there is no room for another shared record');
      return result as R;
    } finally {
      this.change = nothing;
      this.argument = null;
    }
  }

  read(key: string): number[] | null {
    const record = this.bounded.read(this.place.space, key);
    if (record === null || record[EXPIRES]! <= this.bounded.now()) return null;
    return [...record.subarray(1, 1 + this.numbers)];
  }
}

class SpacePlaces implements Places {
  private readonly bounded: BoundedRecords;
  private readonly tickets: Tickets;
  private readonly place: RecordPlace;

  constructor(bounded: BoundedRecords, tickets: Tickets, name: string) {
    this.bounded = bounded;
    this.tickets = tickets;
    this.place = { space: bounded.space(name), bucket: 0 };
  }

  enter(key: string, most: number): Place | null {
    const { bounded, tickets } = this;
    if (!(most >= 1) || tickets.isFull) return null;
    const taken = bounded.update(this.place, key, enter, most);
    if (taken === NO_ROOM || taken === 0) return null;
    const { isInOverflow } = bounded;
    const { slot } = isInOverflow ? bounded.overflow : bounded.keys;
    return new TakenPlace(bounded, tickets, tickets.issue(slot, isInOverflow), taken);
  }

  taken(key: string): number {
    const record = this.bounded.read(this.place.space, key);
    return record === null || record[EXPIRES]! <= this.bounded.now() ? 0 : record[TAKEN]!;
  }
}

class TakenPlace implements Place {
  readonly taken: number;
  private readonly bounded: BoundedRecords;
  private readonly tickets: Tickets;
  private ticket: number;

  constructor(bounded: BoundedRecords, tickets: Tickets, ticket: number, taken: number) {
    this.bounded = bounded;
    this.tickets = tickets;
    this.ticket = ticket;
    this.taken = taken;
  }

  leave(): void {
    if (this.ticket < 0) return;
    const { bounded } = this;
    const { ticket } = this;
    this.ticket = -1;
    const slot = this.tickets.giveBack(ticket);
    (this.tickets.wasInOverflow ? bounded.overflow : bounded.keys).updateAt(slot, leave, null, bounded.now());
  }
}

const TAKEN = 1;

function enter(record: Float64Array, most: number): number {
  const taken = record[EXPIRES] === Infinity ? record[TAKEN]! : 0;
  if (taken >= most) return 0;
  record[TAKEN] = taken + 1;
  // It must not be evicted: that it is there is known by where it is.
  record[EXPIRES] = Infinity;
  return taken + 1;
}

function leave(record: Float64Array): void {
  record[TAKEN] = Math.max(0, record[TAKEN]! - 1);
  if (record[TAKEN] === 0) record[EXPIRES] = BLANK;
}

function isZero(numbers: Float64Array): boolean {
  for (let at = 0; at < numbers.length; at++) if (numbers[at] !== 0) return false;
  return true;
}

const nothing = (): void => undefined;
const NONE = new Float64Array();
