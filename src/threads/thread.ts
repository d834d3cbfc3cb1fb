/** Where every thread but main begins: the module that main starts threads with calls this. */
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../clock/clock.ts';
import { loadPlugins } from '../config/plugin-files.ts';
import type { AnyPlugin } from '../sdk/plugin.ts';
import type { FromWorker, ThreadData, ToWorker } from './messages.ts';
import { portOf } from './port.ts';

/** Becomes what main started this thread for. Throws TypeError if it is the main thread. */
export async function runThread(plugins: readonly AnyPlugin[]): Promise<void> {
  if (parentPort === null) throw new TypeError('this module is for threads that the gateway starts');
  const data = workerData as ThreadData;
  const clock = systemClock;
  if (data.role === 'control') {
    const { startControl } = await import('./control-start.ts');
    await startControl({ data, main: portOf(parentPort), clock, plugins });
    return;
  }
  const [{ WorkerThread }, loaded] = await Promise.all([
    import('./worker-thread.ts'),
    loadPlugins(plugins, data.settings.plugin_files),
  ]);
  const main = portOf<ToWorker, FromWorker>(parentPort);
  const [problem] = loaded.problems;
  // Control loaded them before: since then, a file has changed.
  if (problem !== undefined) {
    main.post({ type: 'failed', message: `${problem.path}: ${problem.message}` });
    return;
  }
  const worker = WorkerThread.start({ data, main, clock, plugins: loaded.plugins });
  process.on('uncaughtException', (error) => worker?.noteFault(error));
}
