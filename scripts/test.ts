/** Runs the tests with Node's own runner: `node scripts/test.ts` all of them, `node scripts/test.ts FILE…` some. */
import { spawnSync } from 'node:child_process';

/** Files at a time: two test processes keep two cores busy without making timing tests wait for each other. */
const CONCURRENCY = 2;

/** What one test may take at most; scripts/test-limit.ts bounds the files. */
const TEST_LIMIT_MS = 60_000;

const files = process.argv.slice(2);
const result = spawnSync(
  process.execPath,
  [
    '--test',
    `--test-concurrency=${CONCURRENCY}`,
    `--test-timeout=${TEST_LIMIT_MS}`,
    '--import=./scripts/test-limit.ts',
    '--test-reporter=./scripts/test-reporter.ts',
    ...(files.length > 0 ? files : ['src/**/*.test.ts', 'test/**/*.test.ts', 'bench/**/*.test.ts']),
  ],
  { stdio: 'inherit' },
);
process.exitCode = result.status ?? 1;
