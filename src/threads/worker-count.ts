/** How many workers `auto` is. */

/** As many as asked for; `auto` is one, until the counts of limits are shared by workers. */
export function workerCount(workers: number | 'auto'): number {
  return workers === 'auto' ? 1 : workers;
}
