import { PATIENCE_MS } from './raw-connection.ts';

/** Waits until a number that grows stands still, and gives it: no event tells that something will not go on. */
export async function settled(read: () => number): Promise<number> {
  const deadline = performance.now() + PATIENCE_MS;
  for (let last = Number.NaN, since = performance.now(); ;) {
    const now = read();
    if (now !== last) {
      last = now;
      since = performance.now();
    } else if (performance.now() - since > 250) return now;
    if (performance.now() > deadline) throw new Error(`still moving after ${PATIENCE_MS} ms, at ${now}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
