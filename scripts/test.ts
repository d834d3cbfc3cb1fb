/**
 * Runs the tests with Node's own runner: `node scripts/test.ts` all of them, `node scripts/test.ts FILE…` some. With `--http2`
 * first, the clients of those that can speak HTTP/2 do.
 */
import { spawnSync } from 'node:child_process';
import { HTTP2_SUITES } from './http2-suites.ts';

/** Files at a time: two test processes keep two cores busy without making timing tests wait for each other. */
const CONCURRENCY = 2;

/** What one test may take at most; scripts/test-limit.ts bounds the files. */
const TEST_LIMIT_MS = 120_000;

const ALL = ['src/**/*.test.ts', 'test/**/*.test.ts', 'bench/**/*.test.ts'];

const isHttp2 = process.argv[2] === '--http2';
const files = process.argv.slice(isHttp2 ? 3 : 2);
if (isHttp2) console.log('\nthe suites once more, by clients that speak HTTP/2:');
const result = spawnSync(
  process.execPath,
  [
    '--test',
    `--test-concurrency=${CONCURRENCY}`,
    `--test-timeout=${TEST_LIMIT_MS}`,
    '--import=./scripts/test-limit.ts',
    '--test-reporter=./scripts/test-reporter.ts',
    ...(files.length > 0 ? files : isHttp2 ? HTTP2_SUITES : ALL),
  ],
  { stdio: 'inherit', env: { ...process.env, ...(isHttp2 ? { TEST_HTTP: '2' } : {}) } },
);
process.exitCode = result.status ?? 1;
