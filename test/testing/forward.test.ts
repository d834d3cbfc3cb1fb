/** Forwarding, on both transports. */
import assert from 'node:assert/strict';
import { attemptsOf, ONE, routeTo, scenario, THREE, TWO } from './scenario.ts';

scenario(
  'a request and its answer pass, with what hops add and without what they drop',
  {
    config: routeTo(ONE),
    upstreams: {
      '10.0.0.1:80': { status: 201, headers: { 'X-A': ['1', '2'], Connection: 'x-b', 'X-B': 'hop' }, body: 'hi' },
    },
  },
  async (ask) => {
    const answer = await ask('/x?y=1', {
      method: 'PUT',
      headers: { 'X-Own': 'a', 'X-Forwarded-For': '9.9.9.9' },
      body: 'ping',
      from: '127.0.0.9',
    });
    assert.equal(
      `${answer.status} ${answer.body} ${answer.headers['x-a']} ${answer.headers['x-b']}`,
      '201 hi 1, 2 undefined',
    );
    const [seen] = answer.seen;
    assert.equal(`${seen?.method} ${seen?.target} ${seen?.text}`, 'PUT /x?y=1 ping');
    assert.equal(`${seen?.headers['x-own']} ${seen?.headers['x-real-ip']}`, 'a 127.0.0.9');
    assert.equal(seen?.headers['via'], '1.1 gatewright');
  },
);

for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
  scenario(
    `${method} passes, and its answer has the body that it may have`,
    { config: routeTo(ONE), upstreams: { '10.0.0.1:80': { body: 'some text' } } },
    async (ask) => {
      const answer = await ask('/', { method });
      assert.equal(answer.status, 200);
      assert.equal(answer.body, method === 'HEAD' ? '' : 'some text');
      assert.equal(answer.headers['content-length'], '9');
      assert.equal(answer.seen[0]?.method, method);
    },
  );
}

for (const status of [200, 204, 301, 304, 400, 404, 418, 500, 503]) {
  scenario(
    `the status ${status} passes`,
    { config: routeTo(ONE), upstreams: { '10.0.0.1:80': { status, body: 'text' } } },
    async (ask) => {
      const answer = await ask('/');
      assert.equal(answer.status, status);
      assert.equal(answer.body, status === 204 || status === 304 ? '' : 'text');
      assert.equal(answer.repliedBy, 'upstream');
    },
  );
}

const LARGE = 'x'.repeat(1_000_000);
for (const [what, body] of [
  ['of a known length', LARGE],
  ['in chunks', [LARGE.slice(0, 400_000), LARGE.slice(400_000)]],
] as const) {
  scenario(
    `a large body ${what} passes in both directions`,
    { config: routeTo(ONE), upstreams: { '10.0.0.1:80': ({ text }) => ({ pieces: [text, 'end'] }) } },
    async (ask) => {
      const answer = await ask('/', { method: 'POST', body });
      assert.equal(answer.body.length, 1_000_003);
      assert.equal(answer.seen[0]?.text.length, 1_000_000);
    },
  );
}

scenario(
  'a body that comes piece by piece passes as it comes',
  {
    config: routeTo(ONE),
    upstreams: { '10.0.0.1:80': { pieces: ['a', { body: 'b', after: '2s' }, { body: 'c', after: '3s' }] } },
  },
  async (ask) => {
    const answer = await ask('/');
    assert.equal(`${answer.body} ${answer.elapsed_ms}`, 'abc 5000');
  },
);

scenario(
  'an early hint passes before the answer',
  {
    config: routeTo(ONE),
    upstreams: { '10.0.0.1:80': { interim: [103], body: 'x' } },
    settings: { early_hints: 'forward' },
  },
  async (ask) => {
    const answer = await ask('/');
    assert.deepEqual(
      answer.interim.map(({ status }) => status),
      [103],
    );
  },
);

scenario(
  'an answer that comes before the whole request is passed on',
  { config: routeTo(ONE), upstreams: { '10.0.0.1:80': { status: 413, early: true, close: true, body: 'enough' } } },
  async (ask) => {
    const answer = await ask('/', { method: 'POST', body: ['a', 'b'] });
    assert.equal(`${answer.status} ${answer.body}`, '413 enough');
  },
);

for (const [what, answer, code] of [
  ['no HTTP', { raw: 'hello\r\n\r\n' }, 'upstream_malformed'],
  ['two lengths', { raw: 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab' }, 'upstream_malformed'],
  ['nothing but the end of the connection', 'close', 'upstream_reset'],
  ['nothing but a reset', 'reset', 'upstream_reset'],
] as const) {
  scenario(
    `${what} in the place of an answer is a 502`,
    { config: routeTo(ONE, {}, { retries: 0 }), upstreams: { '10.0.0.1:80': answer } },
    async (ask) => {
      const { status, errorCode, json } = await ask('/');
      assert.equal(`${status} ${errorCode}`, `502 ${code}`);
      assert.equal((json() as { code: string }).code, code);
    },
  );
}

for (const fault of ['reset', 'close'] as const) {
  for (const [what, body] of [
    ['of a known length', { body: '0123456789' }],
    ['in chunks', { pieces: ['0123456789'] }],
  ] as const) {
    scenario(
      `a body ${what} that ends by ${fault} is seen to be cut off`,
      { config: routeTo(ONE), upstreams: { '10.0.0.1:80': { ...body, fault, after_bytes: 4 } } },
      async (ask) => {
        const answer = await ask('/');
        assert.equal(`${answer.status} ${answer.isComplete} ${answer.errorCode}`, '200 false upstream_reset');
      },
    );
  }
}

scenario(
  'an upstream that says nothing for too long is a 504',
  {
    config: routeTo(ONE, {}, { timeout: { connect: 1, send: 1, read: 3 }, retries: 0 }),
    upstreams: { '10.0.0.1:80': 'silent' },
  },
  async (ask) => {
    const answer = await ask('/');
    assert.equal(`${answer.status} ${answer.errorCode}`, '504 upstream_timeout');
    assert.ok(answer.elapsed_ms >= 3000 && answer.elapsed_ms <= 3002, `${answer.elapsed_ms}`);
  },
);

scenario(
  'an upstream that falls silent in its body is cut off',
  {
    config: routeTo(ONE, {}, { timeout: { connect: 1, send: 1, read: 3 } }),
    upstreams: { '10.0.0.1:80': { body: '0123456789', fault: 'silent', after_bytes: 4 } },
  },
  async (ask) => {
    const answer = await ask('/');
    assert.equal(`${answer.body} ${answer.isComplete} ${answer.errorCode}`, '0123 false upstream_timeout');
  },
);

scenario(
  'a client that gives up ends the attempt',
  { config: routeTo(ONE), upstreams: { '10.0.0.1:80': 'silent' } },
  async (ask) => {
    const answer = await ask('/', { givesUpAfter: '7s' });
    assert.equal(`${answer.status} ${answer.errorCode} ${answer.elapsed_ms}`, '0 client_closed 7000');
    assert.equal(attemptsOf(answer), '10.0.0.1:80 abandoned');
  },
);

scenario(
  'a client that waits for leave to send its body gets it',
  { config: routeTo(ONE), upstreams: { '10.0.0.1:80': ({ text }) => ({ body: text }) } },
  async (ask) => {
    const answer = await ask('/', { method: 'POST', headers: { Expect: '100-continue' }, body: 'ping' });
    assert.equal(answer.body, 'ping');
  },
);

scenario(
  'HTTP/1.0 gets an answer without chunks',
  { config: routeTo(ONE), upstreams: { '10.0.0.1:80': { pieces: ['a', 'b'] } } },
  async (ask) => {
    const answer = await ask('/', { httpVersion: '1.0' });
    assert.equal(`${answer.body} ${answer.headers['transfer-encoding']} ${answer.isComplete}`, 'ab undefined true');
  },
);

scenario('no route is a 404', { config: { routes: [{ uri: '/a', upstream: { nodes: ONE } }] } }, async (ask) => {
  const answer = await ask('/b');
  assert.equal(
    `${answer.status} ${answer.errorCode} ${answer.route.id} ${answer.repliedBy}`,
    '404 route_not_found  gateway',
  );
  assert.deepEqual(answer.json(), { error_msg: '404 Route Not Found' });
});

// Balancing.

scenario(
  'turns are taken by weight',
  { config: routeTo({ '10.0.0.1:80': 2, '10.0.0.2:80': 1 }), upstreams: { '10.0.0.1:80': 200, '10.0.0.2:80': 200 } },
  async (ask) => {
    const turns: string[] = [];
    for (let i = 0; i < 6; i++) turns.push((await ask('/')).attempts[0]?.node ?? '');
    assert.equal(turns.filter((node) => node === '10.0.0.1:80').length, 4);
  },
);

scenario(
  'the same key goes to the same node',
  {
    config: routeTo(THREE, {}, { type: 'chash', hash_on: 'vars', key: 'arg_user' }),
    upstreams: { '10.0.0.1:80': 200, '10.0.0.2:80': 200, '10.0.0.3:80': 200 },
  },
  async (ask) => {
    for (const user of ['a', 'b', 'c']) {
      const first = (await ask(`/?user=${user}`)).attempts[0]?.node;
      for (let i = 0; i < 3; i++) assert.equal((await ask(`/?user=${user}`)).attempts[0]?.node, first);
    }
  },
);

scenario(
  'nodes of a lower priority are for when those of a higher one cannot be reached',
  {
    config: routeTo(
      {},
      {},
      {
        nodes: [
          { host: '10.0.0.1', port: 80, weight: 1, priority: 1 },
          { host: '10.0.0.2', port: 80, weight: 1, priority: 0 },
        ],
      },
    ),
    upstreams: { '10.0.0.1:80': [200, 'refused'], '10.0.0.2:80': 200 },
  },
  async (ask) => {
    assert.equal(attemptsOf(await ask('/')), '10.0.0.1:80 200');
    assert.equal(attemptsOf(await ask('/')), '10.0.0.1:80 upstream_refused, 10.0.0.2:80 200');
  },
);

// Retries.

for (const [method, isRepeated] of [
  ['GET', true],
  ['HEAD', true],
  ['PUT', true],
  ['DELETE', true],
  ['OPTIONS', true],
  ['POST', false],
  ['PATCH', false],
] as const) {
  scenario(
    `${method} is ${isRepeated ? '' : 'not '}sent again after a reset`,
    { config: routeTo(TWO), upstreams: { '10.0.0.1:80': 'reset', '10.0.0.2:80': 200 } },
    async (ask) => {
      const answer = await ask('/', { method, ...(method === 'PUT' || method === 'PATCH' ? { body: 'text' } : {}) });
      assert.equal(
        attemptsOf(answer),
        isRepeated ? '10.0.0.1:80 upstream_reset, 10.0.0.2:80 200' : '10.0.0.1:80 upstream_reset',
      );
      assert.equal(answer.status, isRepeated ? 200 : 502);
      if (method === 'PUT')
        assert.deepEqual(
          answer.seen.map(({ text }) => text),
          ['text', 'text'],
        );
    },
  );

  scenario(
    `${method} goes on to the next node where the first cannot be reached`,
    { config: routeTo(TWO), upstreams: { '10.0.0.1:80': 'refused', '10.0.0.2:80': 200 } },
    async (ask) => {
      const answer = await ask('/', { method, ...(method === 'POST' ? { body: ['a', 'b'] } : {}) });
      assert.equal(attemptsOf(answer), '10.0.0.1:80 upstream_refused, 10.0.0.2:80 200');
      if (method === 'POST') assert.equal(answer.seen[0]?.text, 'ab');
    },
  );
}

scenario(
  'an attempt that takes too long is followed by another one',
  {
    config: routeTo(TWO, {}, { timeout: { connect: 1, send: 1, read: 2 } }),
    upstreams: { '10.0.0.1:80': 'silent', '10.0.0.2:80': 200 },
  },
  async (ask) => {
    const answer = await ask('/');
    assert.equal(attemptsOf(answer), '10.0.0.1:80 upstream_timeout, 10.0.0.2:80 200');
    assert.ok(answer.elapsed_ms >= 2000 && answer.elapsed_ms <= 2002);
  },
);

scenario(
  'a connection that is not made in time is followed by another one',
  {
    config: routeTo(TWO, {}, { timeout: { connect: 2, send: 1, read: 1 } }),
    upstreams: { '10.0.0.1:80': 'timeout', '10.0.0.2:80': { connect: '1500ms' } },
    isUnreal: true,
  },
  async (ask) => {
    const answer = await ask('/', { method: 'POST', body: 'x' });
    assert.equal(attemptsOf(answer), '10.0.0.1:80 upstream_connect_timeout, 10.0.0.2:80 200');
    assert.ok(answer.elapsed_ms >= 3500 && answer.elapsed_ms <= 3502, `${answer.elapsed_ms}`);
  },
);

scenario(
  'no retry is made beyond `retries`',
  {
    config: routeTo(THREE, {}, { retries: 1 }),
    upstreams: { '10.0.0.1:80': 'refused', '10.0.0.2:80': 'refused', '10.0.0.3:80': 200 },
  },
  async (ask) => {
    const answer = await ask('/');
    assert.equal(
      `${answer.status} ${attemptsOf(answer)}`,
      '502 10.0.0.1:80 upstream_refused, 10.0.0.2:80 upstream_refused',
    );
  },
);

scenario(
  'no retry begins after `retry_timeout`',
  {
    config: routeTo(THREE, {}, { retry_timeout: 3, timeout: { connect: 1, send: 1, read: 2 } }),
    upstreams: { '10.0.0.1:80': 'silent', '10.0.0.2:80': 'silent', '10.0.0.3:80': 200 },
  },
  async (ask) => {
    const answer = await ask('/');
    assert.equal(
      `${answer.status} ${attemptsOf(answer)}`,
      '504 10.0.0.1:80 upstream_timeout, 10.0.0.2:80 upstream_timeout',
    );
  },
);

scenario(
  'the first retry comes at once, the next ones after a random part of a doubling time',
  {
    config: routeTo({ '10.0.0.1:80': 1, '10.0.0.2:80': 1, '10.0.0.3:80': 1, '10.0.0.4:80': 1 }),
    upstreams: { '10.0.0.1:80': 'reset', '10.0.0.2:80': 'reset', '10.0.0.3:80': 'reset', '10.0.0.4:80': 200 },
    settings: { retries: { backoff_ms: 1000, backoff_max_ms: 10_000 } },
  },
  async (ask) => {
    const answer = await ask('/');
    assert.equal(answer.attempts.length, 4);
    // 0 + r₁ · 1000 + r₂ · 2000.
    assert.ok(answer.elapsed_ms > 0 && answer.elapsed_ms < 3002, `${answer.elapsed_ms}`);
  },
);

scenario(
  'after refused connections nothing is waited for, however many nodes are down',
  {
    config: routeTo({ '10.0.0.1:80': 1, '10.0.0.2:80': 1, '10.0.0.3:80': 1, '10.0.0.4:80': 1 }),
    upstreams: {
      '10.0.0.1:80': 'refused',
      '10.0.0.2:80': 'refused',
      '10.0.0.3:80': 'refused',
      '10.0.0.4:80': 'refused',
    },
    settings: { retries: { backoff_ms: 60_000, backoff_max_ms: 60_000 } },
  },
  async (ask) => {
    const answer = await ask('/');
    assert.equal(`${answer.status} ${answer.attempts.length}`, '502 4');
    assert.ok(answer.elapsed_ms < 3_000, `${answer.elapsed_ms}`);
  },
);

scenario(
  'retries that cost a node something stay within their budget',
  {
    config: routeTo(TWO),
    upstreams: { '10.0.0.1:80': 'reset', '10.0.0.2:80': 'reset' },
    settings: { retries: { budget_percent: 0, budget_min_per_second: 1 } },
  },
  async (ask, gateway) => {
    // What ten seconds without any traffic bring, and one a second from then on; no share of the requests.
    const attempts: number[] = [];
    for (let i = 0; i < 12; i++) attempts.push((await ask('/')).attempts.length);
    assert.deepEqual(attempts, [...new Array<number>(10).fill(2), 1, 1]);
    await gateway.clock.advance('2s');
    assert.equal((await ask('/')).attempts.length, 2);
    assert.equal((await ask('/')).attempts.length, 1);
  },
);

scenario(
  'a connection that went stale is tried anew, at the same node',
  { config: routeTo(ONE, {}, { retries: 0 }), upstreams: { '10.0.0.1:80': [200, 'reset', 200] } },
  async (ask) => {
    await ask('/');
    const answer = await ask('/');
    assert.equal(`${answer.status} ${attemptsOf(answer)}`, '200 10.0.0.1:80 upstream_reset, 10.0.0.1:80 200');
  },
);

scenario(
  'each node that a request comes to may have a connection that went stale',
  {
    config: routeTo(TWO),
    upstreams: { '10.0.0.1:80': [200, 'reset', 'reset'], '10.0.0.2:80': [200, 'reset', 200] },
  },
  async (ask) => {
    await ask('/');
    await ask('/');
    const answer = await ask('/');
    assert.equal(
      `${answer.status} ${attemptsOf(answer)}`,
      '200 10.0.0.1:80 upstream_reset, 10.0.0.1:80 upstream_reset, 10.0.0.2:80 upstream_reset, 10.0.0.2:80 200',
    );
  },
);
