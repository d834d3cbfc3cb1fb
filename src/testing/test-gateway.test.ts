import assert from 'node:assert/strict';
import { scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { test } from 'node:test';
import { definePlugin } from '../sdk/index.ts';
import { ConfigurationError, testGateway, type TestGatewayOptions } from './index.ts';

const NODES = { '10.0.0.1:80': 1, '10.0.0.2:80': 1 };
const routeWith = (plugins: Record<string, unknown>, upstream: Record<string, unknown> = {}) => ({
  routes: [{ id: 'r', uri: '/*', plugins, upstream: { nodes: NODES, ...upstream } }],
});
const open = (config: Parameters<typeof testGateway>[0], options?: TestGatewayOptions) => testGateway(config, options);

test('a request goes through, and what the upstream saw, the route and the attempt are told', async () => {
  await using gateway = await open(routeWith({}), {
    upstreams: { '*': { status: 201, headers: { 'X-Own': ['a', 'b'] }, json: { hello: 'there' } } },
  });
  const answer = await gateway.request('/x?y=1', { method: 'PUT', headers: { 'X-Mine': '1' }, body: 'ping' });
  assert.equal(answer.status, 201);
  assert.deepEqual(answer.json(), { hello: 'there' });
  assert.equal(answer.headers['x-own'], 'a, b');
  assert.equal(answer.isComplete, true);
  assert.equal(answer.route.id, 'r');
  assert.equal(answer.repliedBy, 'upstream');
  const [seen] = answer.seen;
  assert.equal(`${seen?.node} ${seen?.method} ${seen?.target} ${seen?.text}`, '10.0.0.1:80 PUT /x?y=1 ping');
  assert.equal(seen?.headers['x-mine'], '1');
  assert.deepEqual(
    answer.attempts.map(({ node, outcome, status }) => `${node} ${outcome} ${status}`),
    ['10.0.0.1:80 answered 201'],
  );
});

test('limits count in virtual time', async () => {
  await using gateway = await open(routeWith({ 'limit-count': { count: 2, time_window: 60, rejected_code: 429 } }));
  const statuses: number[] = [];
  for (let i = 0; i < 3; i++) statuses.push((await gateway.request('/')).status);
  assert.deepEqual(statuses, [200, 200, 429]);
  await gateway.clock.advance('59s');
  assert.equal((await gateway.request('/')).status, 429);
  await gateway.clock.advance('1s');
  const again = await gateway.request('/');
  assert.equal(again.status, 200);
  assert.deepEqual(
    again.limits.map(({ plugin, limit, remaining, reset_s }) => ({ plugin, limit, remaining, reset_s })),
    [{ plugin: 'limit-count', limit: 2, remaining: 1, reset_s: 60 }],
  );
});

test('a refused connection is followed by another node, and a slow answer takes its time without any real one', async () => {
  await using gateway = await open(routeWith({}), {
    upstreams: { '10.0.0.1:80': 'refused', '10.0.0.2:80': { delay: '50s', body: 'late' } },
  });
  const before = performance.now();
  const answer = await gateway.request('/');
  assert.ok(performance.now() - before < 10_000);
  assert.equal(answer.body, 'late');
  assert.equal(answer.elapsed_ms, 50_000);
  assert.deepEqual(
    answer.attempts.map(({ outcome, code }) => `${outcome} ${code}`),
    ['failed upstream_refused', 'answered '],
  );
});

test('timeouts of connecting and reading come at their time', async () => {
  const timeout = { connect: 2, send: 3, read: 4 };
  await using gateway = await open(routeWith({}, { nodes: { '10.0.0.1:80': 1 }, timeout, retries: 0 }), {
    upstreams: { '10.0.0.1:80': ['timeout', 'silent', { body: '0123456789', fault: 'silent', after_bytes: 4 }] },
  });
  const connecting = await gateway.request('/');
  assert.equal(`${connecting.status} ${connecting.errorCode}`, '504 upstream_connect_timeout');
  assert.ok(connecting.elapsed_ms >= 2000 && connecting.elapsed_ms < 2010, `${connecting.elapsed_ms}`);
  const reading = await gateway.request('/');
  assert.equal(`${reading.status} ${reading.errorCode}`, '504 upstream_timeout');
  assert.ok(reading.elapsed_ms >= 4000 && reading.elapsed_ms < 4010, `${reading.elapsed_ms}`);
  const cut = await gateway.request('/');
  assert.equal(`${cut.status} ${cut.body} ${cut.isComplete} ${cut.errorCode}`, '200 0123 false upstream_timeout');
});

test('a request that is under way lets time pass only as far as the test says', async () => {
  await using gateway = await open(routeWith({}), { upstreams: { '*': { delay: '10s' } } });
  const running = gateway.request('/');
  await gateway.clock.advance('4s');
  assert.equal(gateway.clock.elapsed_ms, 4000);
  assert.equal(gateway.seen.length, 1);
  assert.equal((await running).elapsed_ms, 10_000);
  assert.equal(gateway.clock.elapsed_ms, 10_000);
});

test('several requests at once are answered in their time', async () => {
  await using gateway = await open(routeWith({}), {
    upstreams: { '10.0.0.1:80': { delay: '3s', body: 'slow' }, '10.0.0.2:80': { delay: '1s', body: 'quick' } },
  });
  const answers = await Promise.all([gateway.request('/'), gateway.request('/')]);
  assert.deepEqual(
    answers.map(({ body, elapsed_ms }) => `${body} ${elapsed_ms}`),
    ['slow 3000', 'quick 1000'],
  );
});

test('active checks take a node out and back, at the time that the configuration says', async () => {
  const checks = {
    active: {
      http_path: '/health',
      healthy: { interval: 2, successes: 2 },
      unhealthy: { interval: 1, http_failures: 2 },
    },
  };
  await using gateway = await open(routeWith({}, { checks }), {
    upstreams: {
      '10.0.0.1:80': { answers: 200, probe: [{ status: 500, times: 3 }, 200] },
      '10.0.0.2:80': 200,
    },
  });
  const state = () => gateway.health()[0]?.nodes.map(({ status }) => status);
  await gateway.clock.advance('4s');
  assert.deepEqual(state(), ['unhealthy', 'healthy']);
  for (let i = 0; i < 4; i++) assert.equal((await gateway.request('/')).attempts[0]?.node, '10.0.0.2:80');
  await gateway.clock.advance('5s');
  assert.deepEqual(state(), ['healthy', 'healthy']);
  assert.ok(gateway.seen.some(({ isProbe, target }) => isProbe && target === '/health'));
  assert.deepEqual(
    gateway.log.map(({ event }) => event),
    ['node_down', 'node_up'],
  );
});

test('another configuration is applied, and counts go on', async () => {
  const limit = { count: 2, time_window: 60, rejected_code: 429 };
  await using gateway = await open(routeWith({ 'limit-count': limit }));
  await gateway.request('/');
  await gateway.apply({
    routes: [
      ...routeWith({ 'limit-count': limit }).routes,
      { id: 'new', uri: '/new', plugins: { mocking: { response_example: 'made' } } },
    ],
  });
  assert.equal((await gateway.request('/new')).body, 'made');
  const answer = await gateway.request('/');
  assert.equal(answer.limits[0]?.remaining, 0);
  assert.equal(answer.revision, 2);
});

test('every problem of a configuration is told', async () => {
  await assert.rejects(open('routes:\n  - uri: x\n    retriez: 1\n'), (error) => {
    assert.ok(error instanceof ConfigurationError);
    assert.match(error.message, /line 2: routes\[0\]\.upstream: /);
    assert.match(error.message, /line 3: routes\[0\]\.retriez: /);
    return true;
  });
});

test('a node without a script fails the test that sends something to it', async () => {
  await using gateway = await open(routeWith({}), { upstreams: { '10.0.0.9:80': 200 } });
  await assert.rejects(gateway.request('/'), /10\.0\.0\.1:80, for which nothing is scripted.*"10\.0\.0\.9:80"/s);
  assert.deepEqual(gateway.unused(), ['upstreams["10.0.0.9:80"]: never called']);
});

test("people's own plugins run, with their timers in virtual time", async () => {
  const slow = definePlugin({
    name: 'slow',
    priority: 1,
    summary: 'Waits.',
    schema: { type: 'object', properties: { wait_ms: { type: 'integer' } } },
    create: ({ wait_ms }) => ({ access: (exchange) => exchange.delay(wait_ms ?? 0) }),
  });
  await using gateway = await open(routeWith({ slow: { wait_ms: 1500 } }), { plugins: [slow] });
  assert.equal((await gateway.request('/')).elapsed_ms, 1500);
});

test('names resolve to what the test says, and change with their time to live', async () => {
  const config = { routes: [{ uri: '/', upstream: { nodes: { 'app.internal:8080': 1 } } }] };
  await using gateway = await open(config, {
    upstreams: { '10.1.1.1:8080': { body: 'one' }, '10.1.1.2:8080': { body: 'two' } },
    names: { 'app.internal': { records: ['10.1.1.1'], ttl: '5s' } },
  });
  assert.equal((await gateway.request('/')).body, 'one');
  gateway.resolve('app.internal', ['10.1.1.2']);
  assert.equal((await gateway.request('/')).body, 'one');
  await gateway.clock.advance('6s');
  assert.equal((await gateway.request('/')).body, 'two');
});

test('the same seed gives the same run', async () => {
  const run = async (seed: number): Promise<string> => {
    await using gateway = await open(routeWith({ 'request-id': { algorithm: 'uuid' } }), { seed });
    return (await gateway.request('/')).headers['x-request-id'] ?? '';
  };
  assert.equal(await run(7), await run(7));
  assert.notEqual(await run(7), await run(8));
});

test('work that the thread pool does costs no virtual time, whatever else is due meanwhile', async () => {
  const slow = definePlugin({
    name: 'slow',
    priority: 1,
    summary: 'Computes elsewhere.',
    schema: { type: 'object' },
    create: () => ({
      async access() {
        for (let i = 0; i < 3; i++) await promisify<string, string, number, Buffer>(scrypt)('password', 'salt', 64);
      },
    }),
  });
  const checks = { active: { http_path: '/', healthy: { interval: 1 } } };
  await using gateway = await open(routeWith({ slow: {} }, { checks }), { plugins: [slow] });
  for (let i = 0; i < 3; i++) assert.equal((await gateway.request('/')).elapsed_ms, 0);
});

test('a plugin that never answers has failed after its minute', async () => {
  const stuck = definePlugin({
    name: 'stuck',
    priority: 1,
    summary: 'Waits for ever.',
    schema: { type: 'object' },
    create: () => ({ access: () => new Promise<undefined>(() => {}) }),
  });
  await using gateway = await open(routeWith({ stuck: {} }), { plugins: [stuck] });
  const { status, errorCode, elapsed_ms } = await gateway.request('/');
  assert.equal(`${status} ${errorCode}`, '500 plugin_failed');
  assert.ok(elapsed_ms >= 60_000 && elapsed_ms < 60_010);
});

test('an answer that takes longer than the patience of the test is a mistake of the test', async () => {
  await using gateway = await open(routeWith({}), { upstreams: { '*': { delay: '50s' } }, patience: '20s' });
  await assert.rejects(gateway.request('/'), /^Error: no answer came within 20 s of virtual time$/);
});

test('what a function answers is checked as a list is, and what it throws fails the test', async () => {
  for (const [answer, message] of [
    [() => ({ stats: 1 }) as never, /upstreams\["10\.0\.0\.1:80"\], answer 1\.stats: unknown attribute/],
    [() => ({ connect: 'refused' as const }), /connect has no effect in what a function answers/],
    [() => Promise.reject(new Error('on purpose')), /on purpose/],
  ] as const) {
    await using gateway = await open(routeWith({}), { upstreams: { '*': answer } });
    await assert.rejects(gateway.request('/'), message);
  }
});

test('what cannot be sent, or is no address, is refused before anything is', async () => {
  await using gateway = await open(routeWith({}));
  for (const [send, message] of [
    [() => gateway.request('/a b'), /"\/a b" cannot be sent/],
    [() => gateway.request('/', { headers: { 'X-A': 'a\r\nX-B: b' } }), /cannot be sent: it has a line end/],
    [() => gateway.request('/', { from: 'nowhere' }), /"nowhere" is no address/],
    [() => gateway.request('https://a.example/'), /no certificate for a\.example/],
    [() => gateway.clock.advance('soon' as never), /"soon" is no duration/],
  ] as const) {
    await assert.rejects(async () => send(), message);
  }
  assert.equal(gateway.seen.length, 0);
});

test('a closed gateway takes nothing more', async () => {
  const gateway = await open(routeWith({}));
  await gateway.close();
  await gateway.close();
  await assert.rejects(async () => gateway.request('/'), /the gateway was closed/);
  await assert.rejects(async () => gateway.apply({ routes: [] }), /the gateway was closed/);
});

test('settings that take a new start are not applied', async () => {
  await using gateway = await open(routeWith({}));
  await assert.rejects(
    gateway.apply({ gateway: { server_header: 'x' }, routes: [] }),
    /gateway\.server_header take a new start/,
  );
});

test('a name that there is not is told as such', async () => {
  await using gateway = await open(
    { routes: [{ uri: '/', upstream: { nodes: { 'gone.internal:80': 1 } } }] },
    { names: { 'gone.internal': null } },
  );
  const { status, errorCode } = await gateway.request('/');
  assert.equal(`${status} ${errorCode}`, '502 upstream_unresolved');
});

test('what plugins ask of systems outside is answered by the test', async () => {
  const config = {
    routes: [
      {
        uri: '/*',
        plugins: {
          'forward-auth': {
            uri: 'http://auth.internal/check',
            request_headers: ['Authorization'],
            upstream_headers: ['X-User'],
          },
        },
        upstream: { nodes: NODES },
      },
    ],
  };
  const asked: string[] = [];
  await using gateway = await open(config, {
    effects: {
      http: ({ url, headers }) => {
        asked.push(url);
        return headers['authorization'] === 'jack' ? { headers: { 'X-User': 'jack' } } : { status: 403 };
      },
    },
  });
  assert.equal((await gateway.request('/')).status, 403);
  const answer = await gateway.request('/', { headers: { Authorization: 'jack' } });
  assert.equal(`${answer.status} ${answer.seen[0]?.headers['x-user']}`, '200 jack');
  assert.deepEqual(asked, ['http://auth.internal/check', 'http://auth.internal/check']);
});

test('the answer explains itself', async () => {
  await using gateway = await open(routeWith({ 'limit-count': { count: 1, time_window: 60, rejected_code: 429 } }), {
    upstreams: { '10.0.0.1:80': 'refused', '10.0.0.2:80': { delay: '1500ms' } },
  });
  assert.equal(
    (await gateway.request('/a')).explain(),
    `GET /a: 200 after 1.5 s
  route r: /*
  limit-count: 0 of 1 left, anew in 60 s
  10.0.0.1:80: upstream_refused after 0 ms
  10.0.0.2:80: 200 after 1.5 s`,
  );
  assert.equal(
    (await gateway.request('/a')).explain(),
    `GET /a: 429 by limit-count (limit_count) after 0 ms
  route r: /*
  limit-count: 0 of 1 left, anew in 59 s`,
  );
});

test('nodes that may speak HTTP/2 are scripted as others are', async () => {
  for (const [scheme, plugin] of [
    ['https', {}],
    ['https', { required: true }],
    ['http', { prior_knowledge: true }],
  ] as const) {
    await using gateway = await open(routeWith({ 'upstream-http2': plugin }, { scheme }), {
      upstreams: { '10.0.0.1:80': 'refused', '10.0.0.2:80': { body: 'there' } },
    });
    for (let i = 0; i < 3; i++) assert.equal((await gateway.request('/', { method: 'POST', body: 'x' })).body, 'there');
    assert.match((await gateway.request('/')).explain(), /10\.0\.0\.2:80/);
  }
});
