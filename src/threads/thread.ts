/** Where every thread but main begins: the module that main starts threads with calls this. */
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../clock/clock.ts';
import type { AnyPlugin } from '../sdk/plugin.ts';
import type { ThreadData } from './messages.ts';
import { portOf } from './port.ts';

/** Becomes what main started this thread for. Throws TypeError if it is the main thread. */
export async function runThread(plugins: readonly AnyPlugin[]): Promise<void> {
  if (parentPort === null) throw new TypeError('this module is for threads that the gateway starts');
  const data = workerData as ThreadData;
  const clock = systemClock;
  if (data.role === 'control') {
    const { ControlThread } = await import('./control-thread.ts');
    await ControlThread.start({ data, main: portOf(parentPort), clock, plugins });
    return;
  }
  const { WorkerThread } = await import('./worker-thread.ts');
  const worker = WorkerThread.start({ data, main: portOf(parentPort), control: portOf(data.control), clock, plugins });
  process.on('uncaughtException', (error) => worker?.noteFault(error));
}
