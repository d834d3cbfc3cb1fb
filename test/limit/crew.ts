/** Real threads that work on one shared memory, in rounds that begin together. */
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { SharedLimitMemory } from '../../src/limit/shared-limits.ts';

export interface HandData {
  readonly memory: SharedLimitMemory;
  readonly generation: number;
  readonly seed: number;
  /** Time that all have; only the test lets it pass. */
  readonly clock: SharedArrayBuffer;
  /** Numbers that the test and the threads agree about. */
  readonly tally: SharedArrayBuffer;
}

/** What a thread is asked to do; it answers with a number or a list when it has. */
export type Task =
  | { readonly do: 'take'; readonly method: 'fixedWindow' | 'slidingWindow'; readonly asks: number }
  | { readonly do: 'add'; readonly asks: number }
  | { readonly do: 'places'; readonly asks: number; readonly most: number }
  | { readonly do: 'values'; readonly asks: number }
  /** For ever, until it is killed. */
  | { readonly do: 'churn' };

export class Hand {
  readonly generation: number;
  readonly worker: Worker;

  constructor(t: TestContext, data: HandData) {
    this.generation = data.generation;
    this.worker = new Worker(new URL('hand.ts', import.meta.url), { workerData: data });
    t.after(() => this.worker.terminate());
  }

  tell(task: Task): void {
    this.worker.postMessage(task);
  }

  async answer(): Promise<number[]> {
    const [answer] = (await once(this.worker, 'message')) as [number[]];
    return answer;
  }
}

export const KEYS = 5;
export const LIMIT = 1000;
export const WINDOW_MS = 1000;
export const keyOf = (key: number): string => `10.0.0.${key}`;
