/** Where a message is cut. */

/** Up to here a message is cut at every position; of longer ones both ends are, and a sample between them. */
export const FULLY_CUT_BYTES = 1_024;

const NEAR_BYTES = 60;

/** Every single cut, each as a list of its own. */
export function* singleCuts(length: number): Generator<readonly number[]> {
  for (let at = 1; at < length; at += step(at, length)) yield [at];
}

function step(at: number, length: number): number {
  const isNearAnEnd = at < NEAR_BYTES || at > length - NEAR_BYTES;
  return length <= FULLY_CUT_BYTES || isNearAnEnd ? 1 : Math.min(97, length - NEAR_BYTES - at + 1);
}

/** The cuts that leave single bytes. */
export function everyByte(length: number): readonly number[] {
  return Array.from({ length: Math.max(0, length - 1) }, (_, k) => k + 1);
}

/** Some cuts anywhere, ascending. */
export function randomCuts(length: number, random: () => number): readonly number[] {
  const count = 1 + Math.floor(random() * 6);
  const cuts = new Set<number>();
  for (let k = 0; k < count && length > 1; k++) cuts.add(1 + Math.floor(random() * (length - 1)));
  return [...cuts].sort((a, b) => a - b);
}
