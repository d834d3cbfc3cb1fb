import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { HandClock } from './hand-clock.ts';
import { inLab, type Lab, nodeAt } from './lab.ts';
import { type Message, valueOf } from './message.ts';
import { answering, closedPort, manual, ok, type Script } from './scripted-upstream.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const NOBODY = await closedPort();

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const echoHash = answering((request) => ok(sha256(request.body)));

function body(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let k = 0; k < length; k++) bytes[k] = (k * 31 + (k >> 8)) & 0xff;
  return bytes;
}

/** In chunks of that many bytes. */
function chunked(bytes: Buffer, size: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    const piece = bytes.subarray(at, at + size);
    parts.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'));
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
}

const codeOf = (answer: Message): string => `${answer.status} ${valueOf(answer, 'X-Gatewright-Error')}`;

/** Nodes on which nobody listens come first, whatever the balancer. */
const unreachableFirst = (lab: Lab): void => {
  (lab.upstream.nodes as unknown[]).unshift(
    nodeAt(NOBODY, { priority: 10 }),
    nodeAt(NOBODY, { priority: 5, endpoint: 'second' }),
  );
};

for (const method of ['GET', 'POST', 'PATCH', 'PUT', 'DELETE']) {
  for (const length of [0, 1_024, 1_048_576]) {
    for (const coding of ['Content-Length', 'chunked']) {
      if (method === 'GET' && length > 0) continue;
      if (length === 0 && coding === 'chunked') continue;
      test(
        `a connection that cannot be made moves a ${method} on to the next node, its body intact: ${length} bytes, ${coding}`,
        inLab({ upstreams: [echoHash], upstream: { retries: 2 } }, async (lab) => {
          unreachableFirst(lab);
          const client = await lab.connect();
          const bytes = body(length);
          const framing = coding === 'chunked' ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`;
          client.write(`${method} / HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n`);
          await client.writeAll(coding === 'chunked' ? chunked(bytes, 10_000) : bytes);
          const answer = await client.receive('response');
          assert.equal(answer.body.toString(), sha256(bytes));
          const [logged] = await lab.logged(1);
          assert.equal(logged?.upstreamAddresses, `127.0.0.1:${NOBODY}, second, 127.0.0.1:${lab.node.port}`);
          assert.equal(logged?.upstreamStatuses, '-, -, 200');
        }),
      );
    }
  }
}

/** Takes one request and goes, without a word. */
const leaving: Script = async (connection) => {
  await connection.receive('request');
  connection.destroy();
};

for (const [method, isRepeated] of [
  ['GET', true],
  ['HEAD', true],
  ['OPTIONS', true],
  ['PUT', true],
  ['DELETE', true],
  ['POST', false],
  ['PATCH', false],
  ['LINK', false],
] as const) {
  test(
    `a connection that breaks before any byte of the answer ${isRepeated ? 'moves on' : 'does not move on'} a ${method}`,
    inLab({ upstreams: [leaving, answering(ok(''))] }, async (lab) => {
      const answer = await lab.ask(
        `${method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody`,
        method === 'HEAD' ? 'headOnly' : 'response',
      );
      assert.equal(codeOf(answer), isRepeated ? '200 undefined' : '502 upstream_reset');
      assert.equal(lab.upstreams[1]?.connections.length, isRepeated ? 1 : 0);
    }),
  );
}

for (const [length, isRepeated] of [
  [65_536, true],
  [1_048_576, false],
] as const) {
  test(
    `a body of ${length} bytes ${isRepeated ? 'is kept and sent again' : 'is too long to be kept: 502, and nobody else is asked'}`,
    inLab({ upstreams: [leaving, echoHash] }, async (lab) => {
      const client = await lab.connect();
      const bytes = body(length);
      client.write(`PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`);
      await client.writeAll(bytes);
      const answer = await client.receive('response');
      assert.equal(codeOf(answer), isRepeated ? '200 undefined' : '502 upstream_reset');
      if (isRepeated) assert.equal(answer.body.toString(), sha256(bytes));
      assert.equal(lab.upstreams[1]?.connections.length, isRepeated ? 1 : 0);
    }),
  );
}

test(
  'a byte of an answer ends all retries: it belongs to this request',
  inLab(
    {
      upstreams: [
        async (connection) => {
          await connection.receive('request');
          connection.write('H');
          connection.finish();
        },
        answering(ok('')),
      ],
    },
    async (lab) => {
      assert.equal(codeOf(await lab.ask(GET)), '502 upstream_reset');
      assert.equal(lab.upstreams[1]?.connections.length, 0);
    },
  ),
);

for (const retries of [0, 1, 2, 9]) {
  test(
    `${retries} retries are ${Math.min(retries, 3) + 1} attempts on four nodes`,
    inLab({ upstreams: [leaving, leaving, leaving, leaving], upstream: { retries } }, async (lab) => {
      assert.equal(codeOf(await lab.ask(GET)), '502 upstream_reset');
      const [logged] = await lab.logged(1);
      const attempts = Math.min(retries, 3) + 1;
      assert.equal(logged?.upstreamAddresses.split(', ').length, attempts);
      assert.equal(lab.upstreams.filter(({ connections }) => connections.length > 0).length, attempts, 'no node twice');
    }),
  );
}

const clock = new HandClock();
test(
  'no attempt begins after retry_timeout',
  inLab(
    {
      upstreams: [manual, manual, answering(ok('too late'))],
      upstream: { retries: 5, retryTimeout_ms: 5_000 },
      clock,
    },
    async (lab) => {
      const client = await lab.connect();
      client.write(GET);
      for (const upstream of lab.upstreams.slice(0, 2)) {
        const connection = await upstream.connection(0);
        await connection.receive('request');
        await clock.pass(lab, 3_000);
        connection.destroy();
      }
      assert.equal(codeOf(await client.receive('response')), '502 upstream_reset');
      assert.equal(lab.upstreams[2]?.connections.length, 0);
    },
  ),
);

const timeoutClock = new HandClock();
test(
  'a node that says nothing in time moves a GET on to the next one, and a POST not',
  inLab(
    {
      upstreams: [manual, answering(ok('second'))],
      upstream: { timeouts: { connect_ms: 60_000, send_ms: 60_000, read_ms: 4_000 } },
      clock: timeoutClock,
    },
    async (lab) => {
      (lab.upstream.nodes[0] as { priority: number }).priority = 10;
      for (const method of ['GET', 'POST']) {
        const client = await lab.connect();
        client.write(GET.replace('GET', method));
        const connection = await lab.upstreams[0]!.connection(method === 'GET' ? 0 : 1);
        await connection.receive('request');
        await timeoutClock.pass(lab, 5_000);
        const answer = await client.receive('response');
        assert.equal(codeOf(answer), method === 'GET' ? '200 undefined' : '504 upstream_timeout');
      }
    },
  ),
);

test('without any node the answer is 502 upstream_empty, with nodes of weight 0 alone 503 no_node', async () => {
  await inLab({}, async (lab) => assert.equal(codeOf(await lab.ask(GET)), '502 upstream_empty'))();
  await inLab({ upstream: { nodes: [nodeAt(NOBODY, { weight: 0 })] } }, async (lab) => {
    assert.equal(codeOf(await lab.ask(GET)), '503 no_node');
  })();
});

test(
  'when all nodes have failed the last failure is the answer, and the statuses tell of each',
  inLab({ upstreams: [leaving], ports: [NOBODY] }, async (lab) => {
    const answer = await lab.ask(GET);
    assert.equal(codeOf(answer), '502 upstream_refused');
    const [logged] = await lab.logged(1);
    assert.equal(logged?.upstreamStatuses, '-, -');
  }),
);

test(
  "an upstream's own error is its answer: it is passed on with its status, and not tried elsewhere",
  inLab(
    { upstreams: [answering(ok('down').replace('200 OK', '503 Service Unavailable')), answering(ok(''))] },
    async (lab) => {
      const answer = await lab.ask(GET);
      assert.equal(`${answer.status} ${answer.body.toString()}`, '503 down');
      assert.equal(valueOf(answer, 'X-Gatewright-Error'), undefined);
      assert.equal(valueOf(answer, 'X-APISIX-Upstream-Status'), '503');
      assert.equal(lab.upstreams[1]?.connections.length, 0);
    },
  ),
);

test(
  'where the budget is used up the failure is the answer, and a connection that was refused still moves on',
  inLab(
    {
      upstreams: [leaving, answering(ok('second'))],
      settings: {
        retries: { budget_percent: 200, budget_min_per_second: 0, backoff_ms: 0, backoff_max_ms: 0 },
      },
    },
    async (lab) => {
      (lab.upstream.nodes[0] as { priority: number }).priority = 10;
      assert.equal(codeOf(await lab.ask(GET)), '200 undefined', 'one request pays for a retry');
      const none = { budget_percent: 0, budget_min_per_second: 0, backoff_ms: 0, backoff_max_ms: 0 };
      await inLab({ upstreams: [leaving, answering(ok(''))], settings: { retries: none } }, async (poor) => {
        (poor.upstream.nodes[0] as { priority: number }).priority = 10;
        assert.equal(codeOf(await poor.ask(GET)), '502 upstream_reset');
        assert.equal(poor.upstreams[1]?.connections.length, 0);
      })();
      await inLab({ upstreams: [answering(ok(''))], settings: { retries: none } }, async (poor) => {
        unreachableFirst(poor);
        (poor.upstream as { retries: number }).retries = 2;
        assert.equal(codeOf(await poor.ask(GET)), '200 undefined');
      })();
    },
  ),
);

test(
  'under load from which all attempts fail, an upstream gets the share more than it was asked for, and no more',
  inLab(
    {
      upstreams: [leaving, leaving],
      settings: { retries: { budget_percent: 20, budget_min_per_second: 0, backoff_ms: 0, backoff_max_ms: 0 } },
    },
    async (lab) => {
      const answers = await Promise.all(Array.from({ length: 100 }, () => lab.ask(GET)));
      assert.ok(answers.every((answer) => codeOf(answer) === '502 upstream_reset'));
      const attempts = lab.upstreams.reduce((sum, { connections }) => sum + connections.length, 0);
      // The share fades while the requests are under way, at most by what a slow machine makes of it.
      assert.ok(attempts > 100 && attempts <= 120, `${attempts} attempts`);
    },
  ),
);

const WAITING = { budget_percent: 1000, budget_min_per_second: 10, backoff_ms: 3_600_000, backoff_max_ms: 3_600_000 };
const backoffClock = new HandClock();

test(
  'the second retry waits, with the body that is to be sent again, which may still be coming',
  inLab(
    {
      upstreams: [leaving, leaving, echoHash],
      upstream: { retries: 2 },
      settings: { retries: WAITING },
      clock: backoffClock,
    },
    async (lab) => {
      for (const [index, node] of lab.upstream.nodes.entries()) (node as { priority: number }).priority = 9 - index;
      const client = await lab.connect();
      const bytes = body(50_000);
      client.write(`PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes.length}\r\n\r\n`);
      client.write(bytes);
      await lab.upstreams[1]!.connection(0).then((connection) => connection.receive('request'));
      await backoffClock.pass(lab, 1);
      assert.equal(lab.upstreams[2]?.connections.length, 0, 'nobody is asked before the time');
      await backoffClock.pass(lab, 3_600_000);
      assert.equal((await client.receive('response')).body.toString(), sha256(bytes));
    },
  ),
);

const leftClock = new HandClock();

test(
  'a client that leaves while a retry is waited for leaves nothing behind',
  inLab(
    { upstreams: [leaving, leaving, answering(ok(''))], settings: { retries: WAITING }, clock: leftClock },
    async (lab) => {
      for (const [index, node] of lab.upstream.nodes.entries()) (node as { priority: number }).priority = 9 - index;
      const client = await lab.connect();
      client.write(GET);
      await lab.upstreams[1]!.connection(0).then((connection) => connection.receive('request'));
      await leftClock.pass(lab, 1);
      client.reset();
      const [logged] = await lab.logged(1);
      assert.equal(logged?.errorCode, 'client_closed');
      await leftClock.pass(lab, 3_600_000);
      assert.equal(lab.upstreams[2]?.connections.length, 0);
    },
  ),
);
