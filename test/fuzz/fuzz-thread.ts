/** The thread that fuzzes: another one watches it, and can end it even if an input makes it spin. */
import { parentPort, workerData } from 'node:worker_threads';
import { fuzz } from './loop.ts';

export interface ThreadOptions {
  readonly seed: number;
  readonly from: number;
  /** 0: as many as there is time for. */
  readonly count: number;
  readonly seconds: number;
  /** Gets the number of the input that is being tried. */
  readonly current: Int32Array;
}

const { seed, from, count, seconds, current } = workerData as ThreadOptions;
const until = performance.now() + seconds * 1_000;
const report = await fuzz({
  seed,
  from,
  mayGoOn: (index) => (count === 0 || index < from + count) && performance.now() < until,
  onInput: (index) => Atomics.store(current, 0, index),
});
parentPort?.postMessage(report);
