/**
 * All memory that limits, breakers and values share: allocated once in a process, given to each of its threads, and used
 * by each through an object of its own.
 */
import { CellTable, TICKET_THREADS } from './cell-table.ts';
import type { CellSizes } from './cell-table.ts';
import { CounterTable } from './counter-table.ts';
import type { CounterSizes } from './counter-table.ts';
import { KeyValueTable } from './key-values.ts';
import type { KeyValueSizes, KeyValueUse } from './key-values.ts';
import { GENERATION_MASK } from './slot-memory.ts';

/** To be passed on as `workerData`: threads share it, nothing is copied. */
export interface SharedLimitMemory {
  readonly counters: SharedArrayBuffer;
  readonly cells: SharedArrayBuffer;
  readonly kv: SharedArrayBuffer;
}

export interface SharedLimitSizes {
  readonly counters?: CounterSizes;
  readonly cells?: CellSizes;
  readonly kv?: KeyValueSizes;
}

/** @param secret 8 random bytes: what keeps callers from choosing keys that meet */
export function allocateLimits(secret: Uint8Array, sizes: SharedLimitSizes = {}): SharedLimitMemory {
  const { counters = {}, cells = {}, kv = {} } = sizes;
  return {
    counters: CounterTable.allocate(counters, secret),
    cells: CellTable.allocate(cells, secret),
    kv: KeyValueTable.allocate(kv, secret),
  };
}

/** Whether threads with these generations, or numbers that differ by as much, may use one memory at the same time. */
export function canLiveTogether(one: number, other: number): boolean {
  const difference = one - other;
  return difference % GENERATION_MASK !== 0 && difference % TICKET_THREADS !== 0;
}

export class SharedLimits {
  readonly counters: CounterTable;
  readonly cells: CellTable;
  readonly kv: KeyValueTable;

  /**
   * @param use.generation of the thread, from 1 on: see `canLiveTogether`
   */
  constructor(memory: SharedLimitMemory, use: KeyValueUse) {
    this.counters = new CounterTable(memory.counters, use);
    this.cells = new CellTable(memory.cells, use);
    this.kv = new KeyValueTable(memory.kv, use);
  }

  /** Clears the locks of a thread and frees its places: to be called in another one, once it has ended however it did. */
  releaseLocksOf(generation: number): void {
    this.counters.releaseLocksOf(generation);
    this.cells.releaseLocksOf(generation);
    this.kv.releaseLocksOf(generation);
  }
}
