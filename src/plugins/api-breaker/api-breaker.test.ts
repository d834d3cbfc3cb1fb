import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import { HandClock, openLab, problemsOf, routeWith, type Lab } from '../../../test/plugins/lab.ts';
import { expose } from '../../observe/exposition.ts';
import apiBreaker from './api-breaker.ts';

const DOCUMENTED = {
  break_response_code: 502,
  unhealthy: { http_statuses: [500, 503], failures: 3 },
  healthy: { http_statuses: [200], successes: 1 },
};

async function open(t: TestContext, attributes: object): Promise<{ lab: Lab; clock: HandClock }> {
  const clock = new HandClock();
  return { lab: await openLab(t, routeWith({ 'api-breaker': attributes }), { clock }), clock };
}

/** The statuses of requests to paths, one after the other. */
async function course(lab: Lab, ...paths: readonly string[]): Promise<number[]> {
  const statuses: number[] = [];
  for (const path of paths) statuses.push((await lab.request(path)).status);
  return statuses;
}

const [FAIL, BUSY, GOOD] = ['/status/500', '/status/503', '/'];

it('the documented example: three failures of two kinds break it, one 200 heals it', async (t) => {
  const { lab, clock } = await open(t, DOCUMENTED);
  assert.deepEqual(await course(lab, FAIL, BUSY, FAIL, GOOD, GOOD), [500, 503, 500, 502, 502]);
  assert.equal(lab.seen.length, 3, 'the upstream is spared');
  clock.pass(2_000);
  assert.deepEqual(await course(lab, GOOD, FAIL, FAIL, GOOD), [200, 500, 500, 200]);
});

it('it breaks for 2, 4, 8 s and so on up to the bound, each time after as many failures', async (t) => {
  const { lab, clock } = await open(t, { ...DOCUMENTED, max_breaker_sec: 10, unhealthy: { failures: 2 } });
  for (const seconds of [2, 4, 8, 10, 10]) {
    assert.deepEqual(await course(lab, FAIL, FAIL, GOOD), [500, 500, 502]);
    clock.pass(seconds * 1_000 - 1);
    const answer = await lab.request(GOOD);
    assert.deepEqual([answer.status, answer.headers['retry-after']], [502, '1']);
    clock.pass(1);
  }
});

it('with the defaults, three healthy answers in a row heal it and statuses other than 500 are no failures', async (t) => {
  const { lab, clock } = await open(t, { break_response_code: 599 });
  assert.deepEqual(await course(lab, BUSY, BUSY, BUSY, '/status/502'), [503, 503, 503, 502]);
  assert.deepEqual(await course(lab, FAIL, FAIL, FAIL, GOOD), [500, 500, 500, 599]);
  clock.pass(2_000);
  assert.deepEqual(await course(lab, GOOD, GOOD, FAIL, FAIL, FAIL, GOOD), [200, 200, 500, 500, 500, 599]);
  clock.pass(3_999);
  assert.deepEqual(await course(lab, GOOD), [599], 'two were not enough: it broke for the second time');
  clock.pass(1);
  assert.deepEqual(await course(lab, GOOD, GOOD, GOOD, FAIL, FAIL, FAIL, GOOD), [200, 200, 200, 500, 500, 500, 599]);
  clock.pass(2_000);
  assert.deepEqual(await course(lab, GOOD), [200], 'and it breaks for 2 s again');
});

it('failures that nothing follows are forgotten', async (t) => {
  const { lab, clock } = await open(t, { ...DOCUMENTED, max_breaker_sec: 3 });
  assert.deepEqual(await course(lab, FAIL, FAIL), [500, 500]);
  clock.pass(6_001);
  assert.deepEqual(await course(lab, FAIL, FAIL, GOOD), [500, 500, 200]);
});

it('without a body of its own the answer says what it is, when to come again, and why', async (t) => {
  const { lab } = await open(t, DOCUMENTED);
  await course(lab, FAIL, FAIL, FAIL);
  const answer = await lab.request(GOOD);
  const { 'retry-after': retryAfter, 'x-gatewright-error': error, 'content-type': type } = answer.headers;
  assert.deepEqual([retryAfter, error, type], ['2', 'upstream_broken', 'application/json']);
  assert.equal((JSON.parse(answer.text) as { code: string }).code, 'upstream_broken');
  assert.match(
    [...expose(lab.metrics, 'text')].join(''),
    /^gatewright_api_breaker_refused_total\{object="routes\/.*"\} 1$/m,
  );
});

it('a body and fields of its own are sent, with variables', async (t) => {
  const { lab } = await open(t, {
    ...DOCUMENTED,
    break_response_body: '{"message":"breaker opened"}',
    break_response_headers: [
      { key: 'Content-Type', value: 'application/json;v=1' },
      { key: 'X-Client-Addr', value: '$remote_addr:$remote_port' },
      { key: 'X-Path', value: '${uri}!' },
    ],
  });
  await course(lab, FAIL, FAIL, FAIL);
  const answer = await lab.request('/some?thing');
  assert.equal(answer.text, '{"message":"breaker opened"}');
  assert.equal(answer.headers['content-type'], 'application/json;v=1');
  assert.match(answer.headers['x-client-addr'] ?? '', /^127\.0\.0\.1:[1-9][0-9]{3,4}$/);
  assert.equal(answer.headers['x-path'], '/some!');
});

it('an upstream that cannot be reached counts with the status of that answer, where it is listed', async (t) => {
  const config = `routes: [${JSON.stringify({
    uri: '/*',
    plugins: {
      'api-breaker': { ...DOCUMENTED, break_response_code: 599, unhealthy: { http_statuses: [502], failures: 2 } },
    },
    upstream: { nodes: { '127.0.0.1:1': 1 } },
  })}]`;
  const lab = await openLab(t, config, { clock: new HandClock() });
  assert.deepEqual(await course(lab, '/', '/', '/'), [502, 502, 599]);
});

it('what the gateway refuses by itself says nothing about the upstream', async (t) => {
  const plugins = { 'ip-restriction': { blacklist: ['127.0.0.9'] } };
  const lab = await openLab(
    t,
    routeWith({ ...plugins, 'api-breaker': { ...DOCUMENTED, healthy: { http_statuses: [200, 403], successes: 1 } } }),
  );
  await course(lab, FAIL, FAIL);
  await lab.request('/', { from: '127.0.0.9' });
  assert.deepEqual(await course(lab, FAIL, GOOD), [500, 502]);
});

it('the state is that of the object that has the plugin: routes of a service share it, others have their own', async (t) => {
  const upstream = { nodes: { $UPSTREAM: 1 } };
  const plugins = { 'api-breaker': DOCUMENTED };
  const lab = await openLab(
    t,
    `services: [${JSON.stringify({ id: 's', plugins, upstream })}]
routes:
  - { uri: /status/*, service_id: s }
  - { uri: /shared, service_id: s }
  - ${JSON.stringify({ uri: '/own', plugins, upstream })}
`,
  );
  assert.deepEqual(await course(lab, FAIL, FAIL, FAIL, '/shared', '/own'), [500, 500, 500, 502, 200]);
});

it('an edit elsewhere keeps the state, one of its own begins anew', async (t) => {
  const { lab } = await open(t, DOCUMENTED);
  await course(lab, FAIL, FAIL, FAIL);
  lab.reload(routeWith({ 'api-breaker': DOCUMENTED, 'request-id': {} }));
  assert.deepEqual(await course(lab, GOOD), [502]);
  lab.reload(routeWith({ 'api-breaker': { ...DOCUMENTED, max_breaker_sec: 4 } }));
  assert.deepEqual(await course(lab, GOOD), [200]);
});

const FAULTY: [what: string, attributes: object, expected: RegExp][] = [
  ['no status', {}, /break_response_code/],
  ['a status that is none', { break_response_code: 600 }, /break_response_code: 600 is more than/],
  ['a time below 3 s', { break_response_code: 502, max_breaker_sec: 2 }, /max_breaker_sec: 2 is less than/],
  ['no failures', { break_response_code: 502, unhealthy: { failures: 0 } }, /unhealthy\.failures: 0 is less than/],
  ['a failure of 4xx', { break_response_code: 502, unhealthy: { http_statuses: [404] } }, /404 is less than/],
  ['a success of 5xx', { break_response_code: 502, healthy: { http_statuses: [500] } }, /500 is more than/],
  ['statuses twice', { break_response_code: 502, unhealthy: { http_statuses: [500, 500] } }, /http_statuses/],
  [
    'fields without a body',
    { break_response_code: 502, break_response_headers: [{ key: 'X-A', value: 'b' }] },
    /break_response_body/,
  ],
  [
    'a field that frames the message',
    {
      break_response_code: 502,
      break_response_body: 'x',
      break_response_headers: [{ key: 'Content-Length', value: '1' }],
    },
    /break_response_headers\[0\]: Content-Length frames the message/,
  ],
];

for (const [what, attributes, expected] of FAULTY) {
  it(`${what} is refused`, () => {
    const problems = problemsOf(routeWith({ 'api-breaker': attributes }));
    assert.equal(problems.length, 1, problems.join('\n'));
    assert.match(problems[0] ?? '', expected);
  });
}

it('every example is a right configuration', () => {
  for (const { config } of apiBreaker.examples ?? [])
    assert.deepEqual(problemsOf(routeWith({ 'api-breaker': config })), []);
});
