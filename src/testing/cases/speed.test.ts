import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runFile } from './run-file.ts';

const ROUTES = 100;
const FEW = 4;
const TESTS = 500;

/** What compiles the whole configuration for each test takes many times longer. How fast the machine is says nothing here. */
const MOST_TIMES = 3;

/** Milliseconds of the processor: the wall clock of a machine that others use, too, says little. */
async function costOf(routeCount: number): Promise<number> {
  const routes = Array.from({ length: routeCount }, (_, i) => ({
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
    request: { path: `/r${i % routeCount}/x?y=${i}`, headers: { 'X-Request-Id': `own-${i}` } },
    expect: { status: 200, body: 'hi', headers: { 'X-Request-Id': `own-${i}` }, upstream: { path: `/up/x?y=${i}` } },
  });
  // One in four counts, and lets time pass.
  const counting = (i: number) => ({
    name: `test ${i}`,
    steps: [
      { request: `/r${i % routeCount}/x`, times: 2, expect: { status: 200, body: 'hi', upstream: { path: '/up/x' } } },
      { request: `/r${i % routeCount}/x`, expect: 429 },
      { advance: '61s' },
      { request: `/r${i % routeCount}/x`, expect: 200 },
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
  return (user + system) / 1000;
}

test(`a test takes milliseconds, of a configuration with ${ROUTES} routes as of one with ${FEW}`, async (t) => {
  await costOf(FEW);
  const [few_ms, many_ms] = [await costOf(FEW), await costOf(ROUTES)];
  const told = `${TESTS} tests took ${few_ms} ms of the processor with ${FEW} routes, and ${many_ms} ms with ${ROUTES}`;
  t.diagnostic(told);
  assert.ok(many_ms < few_ms * MOST_TIMES, told);
});
