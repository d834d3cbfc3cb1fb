/** Lets threads that serve go before one that does not. */
import { getPriority, setPriority } from 'node:os';

/** Where a core is not enough for all, who wakes up to serve does not wait, and what is left for this thread is a quarter of it. */
const LOWER = 5;

/**
 * Lowers the priority of one thread of this process, by the number that the system knows it by; 0 does nothing. Not for a thread that
 * may start others: they begin with its priority.
 */
export function letOthersFirst(systemId: number): void {
  // Elsewhere the number would be that of some process.
  if (process.platform !== 'linux' || systemId === 0) return;
  try {
    setPriority(systemId, Math.min(19, getPriority(systemId) + LOWER));
  } catch {
    // A sandbox may forbid it: then all threads are equal.
  }
}
