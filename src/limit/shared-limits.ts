/**
 * All memory that limits, breakers and values share: allocated once in a process, given to each of its threads, and used
 * by each through an object of its own.
 */
import { CellTable } from './cell-table.ts';
import type { CellSizes } from './cell-table.ts';
import { CounterTable } from './counter-table.ts';
import type { CounterSizes } from './counter-table.ts';
import { KeyValueTable } from './key-values.ts';
import type { KeyValueSizes, KeyValueUse } from './key-values.ts';

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

export class SharedLimits {
  readonly counters: CounterTable;
  readonly cells: CellTable;
  readonly kv: KeyValueTable;

  /**
   * @param use.generation of the thread: each thread that starts has the next one, from 1 on; those of threads that live
   *   at the same time differ modulo 1023 and modulo 256
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
