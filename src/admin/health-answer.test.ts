import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerHealthcheck, type UpstreamHealthReport } from './health-answer.ts';

const COUNTER = { success: 0, tcp_failure: 0, http_failure: 5, timeout_failure: 0 };
const REPORTS: readonly UpstreamHealthReport[] = [
  {
    key: 'routes/1',
    type: 'http',
    nodes: [{ hostname: 'api<b>.test', ip: '10.0.0.1', port: 80, status: 'unhealthy', counter: COUNTER }],
  },
  { key: 'upstreams/a b', type: 'tcp', nodes: [] },
];

const ask = (path: string, accept?: string): ReturnType<typeof answerHealthcheck> =>
  answerHealthcheck(path, accept, () => REPORTS);
const jsonOf = (path: string): unknown => JSON.parse(ask(path)?.text ?? '');

test('lists all upstreams that are checked, in the form of the documentation', () => {
  assert.deepEqual(jsonOf('/v1/healthcheck'), [
    { name: '/apisix/routes/1', type: 'http', nodes: REPORTS[0]!.nodes },
    { name: '/apisix/upstreams/a b', type: 'tcp', nodes: [] },
  ]);
});

test('gives one by kind and id', () => {
  assert.equal((jsonOf('/v1/healthcheck/routes/1') as { name: string }).name, '/apisix/routes/1');
  assert.equal((jsonOf('/v1/healthcheck/upstreams/a%20b') as { type: string }).type, 'tcp');
});

test('refuses kinds that have no health, and says which object has none', () => {
  assert.equal(ask('/v1/healthcheck/consumers/1')?.status, 400);
  assert.equal(ask('/v1/healthcheck/routes/2')?.status, 404);
  assert.equal(ask('/v1/healthcheck/routes/%ff')?.status, 404);
  assert.equal(ask('/v1/healthcheck/routes')?.status, 404);
  assert.equal(ask('/v1/healthcheck/routes/1/nodes')?.status, 404);
  assert.equal(ask('/v1/healthchecks'), null);
});

test('gives a browser a page in which nothing of the configuration is markup', () => {
  const page = ask('/v1/healthcheck', 'text/html,application/xhtml+xml;q=0.9');
  assert.equal(page?.contentType, 'text/html; charset=utf-8');
  assert.match(page?.text ?? '', /<td>api&lt;b&gt;\.test \(10\.0\.0\.1\)<\/td>/);
  assert.doesNotMatch(page?.text ?? '', /<b>/);
  assert.match(ask('/v1/healthcheck/routes/1', 'text/html')?.text ?? '', /<td>unhealthy<\/td>/);
});
