/** How many workers `auto` is. */
import { availableParallelism } from 'node:os';

/**
 * As many as asked for; `auto` is the cores that the process may use: Node.js asks for its affinity, and for the quota of
 * its cgroup.
 */
export function workerCount(workers: number | 'auto', cores: number = availableParallelism()): number {
  return workers === 'auto' ? cores : workers;
}
