/**
 * Loaded into each test file's process: a file that is not over in time ends, and says what kept it. Node's own limit is
 * for single tests; a socket or a timer that outlives the last of them would keep the whole run waiting for ever.
 */
import { inspect } from 'node:util';

const limit_s = Number(process.env['GATEWRIGHT_TEST_FILE_LIMIT_S'] ?? 300);

// The runner loads this module too, and takes as long as all files together.
if (process.env['NODE_TEST_CONTEXT'] !== undefined) {
  const timer = setTimeout(() => {
    const open = inspect(process.getActiveResourcesInfo(), { breakLength: Infinity });
    console.error(`${process.argv[1]} was not over after ${limit_s} s; still open: ${open}`);
    process.exit(1);
  }, limit_s * 1000);
  timer.unref();
}
