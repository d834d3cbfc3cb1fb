/** Threads, as main starts them. */
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { stayInFolder } from './folder.ts';
import type { Thread } from './fleet.ts';
import type { ThreadData } from './messages.ts';

/**
 * Of this, a third is filled before its garbage is collected. What is still in use then is copied while requests wait, and of what
 * a change of the configuration makes that is much: with V8's own bound, twice as high, they would wait twice as long. With less,
 * collections are more, and each costs half a millisecond however little is in use.
 */
const YOUNG_MEBIBYTES = 48;

/**
 * V8 unrolls loops together with their look at whether the thread is to end, and then some lose it, such as one that makes arrays
 * of a thousand elements for ever: its thread could not be ended, and clients came to it until the process was killed.
 */
const KEEP_LOOPS_ENDABLE = '--no-turboshaft-loop-unrolling';

/** @param module calls `runThread` */
export function spawnThread<In, Out>(module: URL, data: ThreadData): Thread<In, Out> {
  stayInFolder();
  setFlagsFromString(KEEP_LOOPS_ENDABLE);
  const worker = new Worker(module, {
    name: data.role,
    workerData: data,
    ...(data.role === 'worker' ? { resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MEBIBYTES } } : {}),
  });
  let failure: Error | null = null;
  let receiver: (message: In) => void = () => undefined;
  let onExit: (error: Error | null) => void = () => undefined;
  worker.on('error', (error: Error) => (failure = error));
  worker.on('message', (message: In) => receiver(message));
  worker.on('exit', () => onExit(failure));
  return {
    post: (message, more = []) => worker.postMessage(message, [...more]),
    receive: (onMessage) => (receiver = onMessage),
    onExit: (callback) => (onExit = callback),
    terminate: () => void worker.terminate(),
  };
}
