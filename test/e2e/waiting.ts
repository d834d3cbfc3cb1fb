/** Waiting in tests: for events where there are any, else by looking often. */
import assert from 'node:assert/strict';

/** How long a test waits for anything before it fails: far longer than anything takes where four programs share a core. */
const PATIENCE_MS = 50_000;

/** Waits for something that makes no event. */
export async function eventually(isTrue: () => boolean | Promise<boolean>, describe: () => string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await isTrue())) {
    if (performance.now() > deadline) assert.fail(describe());
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
