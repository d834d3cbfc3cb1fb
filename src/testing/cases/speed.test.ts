import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runFile } from './run-file.ts';

const ROUTES = 100;
const TESTS = 1_000;

/**
 * Of the processor: the wall clock of a machine that others use, too, says little. A quiet one needs less than 5 s; three
 * times that is slow for any, and what compiles the whole configuration for each test needs more.
 */
const MOST_MS = 15_000;

test(`${TESTS} tests of a configuration with ${ROUTES} routes take seconds`, async (t) => {
  const routes = Array.from({ length: ROUTES }, (_, i) => ({
    id: `r${i}`,
    uri: `/r${i}/*`,
    plugins: {
      'limit-count': { count: 2, time_window: 60, rejected_code: 429 },
      'request-id': {},
      'proxy-rewrite': { regex_uri: [`^/r${i}/(.*)`, '/up/$1'] },
    },
    upstream: { nodes: { [`10.0.0.${i % 4}:80`]: 1 } },
  }));
  const single = (i: number) => ({
    name: `test ${i}`,
    request: { path: `/r${i % ROUTES}/x?y=${i}`, headers: { 'X-Request-Id': `own-${i}` } },
    expect: { status: 200, body: 'hi', headers: { 'X-Request-Id': `own-${i}` }, upstream: { path: `/up/x?y=${i}` } },
  });
  // One in four counts, and lets time pass.
  const counting = (i: number) => ({
    name: `test ${i}`,
    steps: [
      { request: `/r${i % ROUTES}/x`, times: 2, expect: { status: 200, body: 'hi', upstream: { path: '/up/x' } } },
      { request: `/r${i % ROUTES}/x`, expect: 429 },
      { advance: '61s' },
      { request: `/r${i % ROUTES}/x`, expect: 200 },
    ],
  });
  const tests = Array.from({ length: TESTS }, (_, i) => (i % 4 === 0 ? counting(i) : single(i)));
  const text = JSON.stringify({ config: { routes }, upstreams: { '*': { body: 'hi' } }, tests });
  const before = process.cpuUsage();
  const { cases, problems } = await runFile('many.test.yaml', text, {
    env: {},
    config: undefined,
    isWanted: () => true,
    now_ms: () => performance.now(),
  });
  const { user, system } = process.cpuUsage(before);
  assert.deepEqual(problems, []);
  assert.equal(cases.length, TESTS);
  assert.deepEqual(
    cases.flatMap(({ failures }) => failures),
    [],
  );
  const spent_ms = (user + system) / 1000;
  t.diagnostic(`${spent_ms} ms of the processor`);
  assert.ok(spent_ms < MOST_MS, `${TESTS} tests took ${spent_ms} ms of the processor`);
});
