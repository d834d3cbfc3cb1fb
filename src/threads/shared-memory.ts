/**
 * The memory that all threads share: allocated here, once, by main, and handed to each thread with its data. A class that
 * works on shared memory is constructed over its buffer in each thread, and says by `bytes(…)` how large that is.
 */
import { Board } from './board.ts';

export interface SharedMemory {
  /** How the workers are doing; see `Board`. */
  readonly board: SharedArrayBuffer;
}

/** @param workers that there can be at once, successors included */
export function allocateSharedMemory(workers: number): SharedMemory {
  return { board: new SharedArrayBuffer(Board.bytes(workers)) };
}
