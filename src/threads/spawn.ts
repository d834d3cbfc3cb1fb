/** Threads, as main starts them. */
import { Worker } from 'node:worker_threads';
import type { Thread } from './fleet.ts';
import type { ThreadData } from './messages.ts';

/** @param module calls `runThread` */
export function spawnThread<In, Out>(module: URL, data: ThreadData): Thread<In, Out> {
  const worker = new Worker(module, {
    name: data.role,
    workerData: data,
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
