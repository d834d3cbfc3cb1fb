/**
 * The memory that all threads share: allocated here, once, by main, and handed to each thread with its data. A class that
 * works on shared memory is constructed over its buffer in each thread, and says by `bytes(…)` how large that is.
 */
import { randomBytes } from 'node:crypto';
import { allocateLimits } from '../limit/shared-limits.ts';
import type { SharedLimitMemory } from '../limit/shared-limits.ts';
import { HealthBoard, SLOTS } from '../upstream/health-board.ts';
import { Board } from './board.ts';

export interface SharedMemory {
  /** How the workers are doing; see `Board`. */
  readonly board: SharedArrayBuffer;
  /** Counts, records and values of plugins; see `SharedLimits`. */
  readonly limits: SharedLimitMemory;
  /** What TLS tickets are protected with: each worker resumes the sessions of the others. */
  readonly ticketSecret: Uint8Array;
  /** Which nodes of upstreams are down; see `HealthBoard`. */
  readonly health: SharedArrayBuffer;
}

/** @param workers that there can be at once, successors included */
export function allocateSharedMemory(workers: number): SharedMemory {
  return {
    board: new SharedArrayBuffer(Board.bytes(workers)),
    ticketSecret: randomBytes(32),
    limits: allocateLimits(randomBytes(8)),
    health: new SharedArrayBuffer(HealthBoard.bytes({ slots: SLOTS })),
  };
}
