/**
 * The suites that run a second time, by clients that speak HTTP/2 (test/client/speaking.ts). Of the traps those are missing whose
 * subject is how HTTP/1.1 is read: pipelining, heads and chunks that drip, and a loop that stands still, which is watched from
 * a thread of its own.
 */
export const HTTP2_SUITES = [
  'src/plugins/**/*.test.ts',
  'test/plugins/*.test.ts',
  'test/apisix/*.test.ts',
  'test/traps/!(drip|memory|pauses|pipelining).test.ts',
  'test/e2e/limits.test.ts',
  'test/e2e/stopping.test.ts',
  'test/e2e/faults/*.test.ts',
];
