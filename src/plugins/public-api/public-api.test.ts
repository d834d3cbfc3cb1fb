import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { it } from 'node:test';
import { HandClock, openLab, problemsOf, routeWith, type Lab } from '../../../test/plugins/lab.ts';

const auth = { 'key-auth': {} };
const upstream = { nodes: { $UPSTREAM: 1 } };
const plan = { count: 5, time_window: 60, key: 'consumer_name', group: 'plan', rejected_code: 429 };

const DOCUMENT = JSON.stringify({
  consumers: ['jack', 'jill'].map((username) => ({ username, plugins: { 'key-auth': { key: `${username}-key` } } })),
  routes: [
    { id: 'one', uri: '/one', upstream, plugins: { ...auth, 'limit-count': plan } },
    { id: 'two', uri: '/two', upstream, plugins: { ...auth, 'limit-count': plan } },
    { id: 'secret', uri: '/x', upstream, plugins: { ...auth, 'limit-count': { ...plan, key: 'remote_addr' } } },
    { id: 'own', uri: '/mine', plugins: { ...auth, 'public-api': { uri: '/v1/quota' } } },
    { id: 'same', uri: '/v1/*', plugins: { ...auth, 'public-api': {} } },
    { id: 'open', uri: '/open', plugins: { 'public-api': { uri: '/v1/quota' } } },
  ],
});

const as = (lab: Lab, name: string, path: string, method = 'GET') =>
  lab.request(path, { method, headers: { apikey: `${name}-key` } });

it('consumers read what their limits leave them, and nothing of others', async (t) => {
  const clock = new HandClock();
  const lab = await openLab(t, DOCUMENT, { clock });
  const usage = async (name: string, path = '/mine'): Promise<unknown> => {
    const { status, text, headers } = await as(lab, name, path);
    assert.deepEqual([status, headers['cache-control']], [200, 'no-store']);
    assert.ok(!text.includes('secret') && !text.includes('routes/'), 'no object is named');
    return JSON.parse(text);
  };
  const expected = (consumer: string, used: number, reset_s: number): object => ({
    consumer,
    limits: [
      {
        plugin: 'limit-count',
        policy: 'default',
        group: 'plan',
        limit: 5,
        used,
        remaining: 5 - used,
        window_s: 60,
        reset_s,
      },
    ],
    is_complete: true,
  });
  assert.deepEqual(await usage('jack'), expected('jack', 0, 60));
  for (const path of ['/one', '/two', '/two']) assert.equal((await as(lab, 'jack', path)).status, 200);
  clock.pass(20_000);
  for (let i = 0; i < 3; i++) assert.deepEqual(await usage('jack'), expected('jack', 3, 40));
  assert.deepEqual(await usage('jack', '/v1/quota'), expected('jack', 3, 40));
  assert.deepEqual(await usage('jill'), expected('jill', 0, 60));
  assert.equal((await as(lab, 'jack', '/mine', 'HEAD')).status, 200);
});

it('it is only read, by callers that are known, and where there is one', async (t) => {
  const lab = await openLab(t, DOCUMENT);
  assert.equal((await lab.request('/mine')).status, 401);
  const open = await lab.request('/open');
  assert.deepEqual([open.status, open.headers['x-gatewright-error']], [401, 'consumer_missing']);
  const posted = await as(lab, 'jack', '/mine', 'POST');
  assert.deepEqual([posted.status, posted.headers['allow']], [405, 'GET, HEAD']);
  const other = await as(lab, 'jack', '/v1/routes');
  assert.equal(other.status, 404);
  assert.match(other.text, /\/v1\/quota/);
  assert.equal(lab.seen.length, 0);
});

it('where there are more limits than are looked at, the answer says so', async (t) => {
  const routes = Array.from({ length: 101 }, (_, i) => ({
    uri: `/many/${i}`,
    id: `many-${i}`,
    upstream,
    plugins: { ...auth, 'limit-count': { ...plan, group: `plan ${i}` } },
  }));
  const document = JSON.parse(DOCUMENT) as { readonly routes: readonly object[] };
  const own = { id: 'own', uri: '/mine', plugins: { ...auth, 'public-api': { uri: '/v1/quota' } } };
  const lab = await openLab(t, JSON.stringify({ ...document, routes: [own, ...routes] }));
  const { limits, is_complete } = JSON.parse((await as(lab, 'jack', '/mine')).text) as {
    readonly limits: readonly unknown[];
    readonly is_complete: boolean;
  };
  assert.deepEqual([limits.length, is_complete], [100, false]);
});

it('an endpoint that there is not is refused with those that there are', () => {
  for (const uri of ['/apisix/batch-requests', '/v1/quota/', 'v1/quota', '/v1/quotas', 'toString']) {
    const [problem = '', ...rest] = problemsOf(routeWith({ 'public-api': { uri } }));
    assert.equal(rest.length, 0);
    assert.match(
      problem,
      /public-api\.uri: ".+" is no endpoint; those that there are: \/v1\/quota, \/apisix\/prometheus\/metrics$/,
    );
  }
  for (const uri of ['/v1/quota', '/apisix/prometheus/metrics']) {
    assert.deepEqual(problemsOf(routeWith({ 'public-api': { uri } })), []);
  }
});

const METRICS = JSON.stringify({
  routes: [
    { id: 'named', uri: '/prometheus_metrics', plugins: { 'public-api': { uri: '/apisix/prometheus/metrics' } } },
    { id: 'same', uri: '/apisix/*', plugins: { 'public-api': {} } },
  ],
});

it('metrics are answered on a route, under its own path and under theirs', async (t) => {
  const asked: (string | undefined)[] = [];
  const metrics = http.createServer((request, response) => {
    asked.push(`${request.url} ${request.headers.accept}`);
    response.writeHead(200, { 'Content-Type': 'text/plain; version=0.0.4' }).end('apisix_http_requests_total 1\n');
  });
  metrics.listen(0, '127.0.0.1');
  await once(metrics, 'listening');
  t.after(() => metrics.close());
  const metricsUrl = `http://127.0.0.1:${(metrics.address() as AddressInfo).port}/own/path`;
  const lab = await openLab(t, METRICS, { metricsUrl });
  for (const path of ['/prometheus_metrics', '/apisix/prometheus/metrics']) {
    const { status, headers, text } = await lab.request(path, { headers: { Accept: 'text/plain' } });
    assert.deepEqual([status, text], [200, 'apisix_http_requests_total 1\n']);
    assert.equal(headers['content-type'], 'text/plain; version=0.0.4');
  }
  assert.deepEqual(asked, Array<string>(2).fill('/own/path text/plain'));
  assert.equal((await lab.request('/prometheus_metrics', { method: 'POST', body: '' })).status, 405);
  assert.equal((await lab.request('/apisix/other')).status, 404);
  metrics.closeAllConnections();
  metrics.close();
  await once(metrics, 'close');
  assert.equal((await lab.request('/prometheus_metrics')).status, 503);
});

it('where no metrics are collected, the route says so', async (t) => {
  const lab = await openLab(t, METRICS);
  const { status, text } = await lab.request('/prometheus_metrics');
  assert.deepEqual(
    [status, JSON.parse(text)],
    [404, { message: 'metrics are not collected: gateway.metrics turns them on' }],
  );
});
