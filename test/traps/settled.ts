import { PATIENCE_MS } from './raw-connection.ts';

/** Turns of the event loop that are far apart: a loop that stands still does not see what stands still. */
const LOOKS = 25;
const BETWEEN_MS = 10;

/** Waits until a number that grows stands still, and gives it: no event tells that something will not go on. */
export async function settled(read: () => number): Promise<number> {
  const deadline = performance.now() + PATIENCE_MS;
  for (let last = Number.NaN, looks = 0; ;) {
    const now = read();
    looks = now === last ? looks + 1 : 0;
    if (looks > LOOKS) return now;
    last = now;
    if (performance.now() > deadline) throw new Error(`still moving after ${PATIENCE_MS} ms, at ${now}`);
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
  }
}
