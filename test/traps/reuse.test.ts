import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BalancerSettings } from '../../src/balance/balancer.ts';
import type { Message } from './message.ts';
import { valueOf } from './message.ts';
import { inLab, type Lab } from './lab.ts';
import { answering, manual, ok, type Script } from './scripted-upstream.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const PUT = 'PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello';
const PUT_CHUNKED = 'PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n';
const POST = PUT.replace('PUT', 'POST');

/** Answers the first request of each connection, and does `last` when the second one comes. */
function stale(last: (connection: Parameters<Script>[0], second: Message) => void): Script {
  return async (connection) => {
    await connection.receive('request');
    connection.write(ok('first'));
    last(connection, await connection.receive('request'));
  };
}

/** Leaves one idle connection behind. */
async function warmUp(lab: Lab): Promise<void> {
  assert.equal((await lab.ask(GET)).body.toString(), 'first');
  assert.equal(lab.worker.counts.idleUpstreams, 1);
}

for (const { name, request, seen } of [
  { name: 'a GET', request: GET, seen: '' },
  { name: 'a PUT with its body', request: PUT, seen: 'hello' },
  { name: 'a PUT with its chunked body', request: PUT_CHUNKED, seen: 'hello' },
  { name: 'a DELETE', request: GET.replace('GET', 'DELETE'), seen: '' },
]) {
  for (const [manner, leave] of [
    ['ends', 'destroy'],
    ['resets', 'reset'],
  ] as const) {
    const bodies: string[] = [];
    const script: Script = async (connection, index) => {
      const first = await connection.receive('request');
      if (index % 2 === 1) bodies.push(first.body.toString());
      connection.write(ok(index % 2 === 0 ? 'first' : 'fresh'));
      if (index % 2 === 1) return;
      bodies.push((await connection.receive('request')).body.toString());
      connection[leave]();
    };
    test(
      `${name} is sent once more, on a fresh connection, when the upstream ${manner} the idle one just as it is reused`,
      inLab({ upstreams: [script] }, async (lab) => {
        bodies.length = 0;
        await warmUp(lab);
        assert.equal((await lab.ask(request)).body.toString(), 'fresh');
        assert.deepEqual(bodies, [seen, seen]);
        assert.equal(lab.node.connections.length, 2);
        const [, logged] = await lab.logged(2);
        assert.equal(logged?.errorCode, '');
        assert.equal(logged?.upstreamStatuses, '-, 200');
      }),
    );
  }
}

test(
  'a request that no idempotent method carries is answered with 502, and is not sent again',
  inLab({ upstreams: [stale((connection) => connection.reset())] }, async (lab) => {
    await warmUp(lab);
    const answer = await lab.ask(POST);
    assert.equal(answer.status, 502);
    assert.equal(valueOf(answer, 'X-Gatewright-Error'), 'upstream_reset');
    assert.equal(lab.node.connections.length, 1);
  }),
);

test(
  'a stale connection is made up for once only: a fresh one that breaks too is answered with 502',
  inLab(
    {
      upstreams: [
        async (connection, index) => {
          await connection.receive('request');
          if (index === 0) connection.write(ok('first'));
          else return connection.destroy();
          await connection.receive('request');
          connection.destroy();
        },
      ],
    },
    async (lab) => {
      await warmUp(lab);
      assert.equal((await lab.ask(GET)).status, 502);
      assert.equal(lab.node.connections.length, 2);
    },
  ),
);

test(
  'a reused connection that breaks after a byte of the answer is no stale one: 502',
  inLab(
    {
      upstreams: [
        stale((connection) => {
          connection.write('HTTP/1.1 20');
          connection.finish();
        }),
      ],
    },
    async (lab) => {
      await warmUp(lab);
      const answer = await lab.ask(GET);
      assert.equal(valueOf(answer, 'X-Gatewright-Error'), 'upstream_reset');
      assert.equal(lab.node.connections.length, 1);
    },
  ),
);

test(
  'a body that was too long to be kept is not sent again: 502',
  inLab(
    {
      upstreams: [
        async (connection) => {
          await connection.receive('request');
          connection.write(ok('first'));
          // The second request's head and its first 100,000 bytes.
          await connection.until(() => connection.bytes.length > 100_000, 'more than is kept');
          connection.reset();
        },
      ],
    },
    async (lab) => {
      await warmUp(lab);
      const client = await lab.connect();
      client.write(`PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n`);
      client.write(Buffer.alloc(150_000, 'x'));
      const answer = await client.receive('response');
      assert.equal(valueOf(answer, 'X-Gatewright-Error'), 'upstream_reset');
      assert.equal(lab.node.connections.length, 1);
    },
  ),
);

for (const balancer of [
  { type: 'roundrobin' },
  { type: 'least_conn' },
  { type: 'ewma' },
] as const satisfies BalancerSettings[]) {
  test(
    `balancers count an attempt on a stale connection and the one in its place as one: ${balancer.type}`,
    inLab(
      {
        upstreams: [stale((connection) => connection.destroy()), stale((connection) => connection.destroy())],
        upstream: { balancer },
      },
      async (lab) => {
        for (let k = 0; k < 8; k++) assert.equal((await lab.ask(GET)).body.toString(), 'first', `request ${k}`);
        assert.equal(lab.log.length, 8);
      },
    ),
  );
}

test(
  'an origin that closes its idle connections at any moment costs no GET',
  inLab(
    {
      upstreams: [
        async (connection, index) => {
          await connection.receive('request');
          connection.write(ok('answer'));
          // Some close at once, some one turn later, some after the next request may have come.
          for (let turn = 0; turn < index % 5; turn++) await new Promise((resolve) => setImmediate(resolve));
          if (index % 2 === 0) connection.destroy();
          else connection.finish();
        },
      ],
    },
    async (lab) => {
      const client = await lab.connect();
      for (let k = 0; k < 400; k++) {
        client.write(GET);
        const answer = await client.receive('response');
        assert.equal(`${answer.status} ${answer.body.toString()}`, '200 answer', `request ${k}`);
      }
    },
  ),
);

const POISON = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison';

test(
  'bytes on an idle upstream connection end it: the next client never sees them',
  inLab({ upstreams: [manual] }, async (lab) => {
    const client = await lab.connect();
    client.write(GET);
    const upstream = await lab.node.connection(0);
    await upstream.receive('request');
    upstream.write(ok('asked for'));
    assert.equal((await client.receive('response')).body.toString(), 'asked for');
    upstream.write(POISON);
    await upstream.whenOver();
    client.write(GET);
    const next = await lab.node.connection(1);
    await next.receive('request');
    next.write(ok('again'));
    assert.equal((await client.receive('response')).body.toString(), 'again');
  }),
);

for (const { name, request, answer, body } of [
  { name: 'beyond Content-Length', request: GET, answer: ok('whole'), body: 'whole' },
  {
    name: 'behind the last chunk',
    request: GET,
    answer: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n0\r\n\r\n',
    body: 'whole',
  },
  { name: 'behind an answer to HEAD', request: GET.replace('GET', 'HEAD'), answer: ok('12345').slice(0, -5), body: '' },
  { name: 'behind a 204', request: GET, answer: 'HTTP/1.1 204 No Content\r\n\r\n', body: '' },
  { name: 'behind a 304', request: GET, answer: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n', body: '' },
]) {
  const isHead = request.startsWith('HEAD');
  test(
    `bytes ${name} are never passed on, and their connection is never reused`,
    inLab({ upstreams: [answering(answer + POISON)] }, async (lab) => {
      const client = await lab.connect();
      for (let k = 0; k < 3; k++) {
        client.write(request);
        assert.equal((await client.receive(isHead ? 'headOnly' : 'response')).body.toString(), body);
        assert.equal(client.text, '', 'nothing follows the answer');
      }
      assert.equal(lab.node.connections.length, 3);
    }),
  );
  test(
    `an answer ${name.replace('behind', 'that ends in').replace('beyond', 'with')} leaves its connection to the next request`,
    inLab({ upstreams: [answering(answer)] }, async (lab) => {
      const client = await lab.connect();
      for (let k = 0; k < 3; k++) {
        client.write(request);
        await client.receive(isHead ? 'headOnly' : 'response');
      }
      assert.equal(lab.node.connections.length, 1);
    }),
  );
}

for (const [name, answer] of [
  ['that says close', ok('last', 'Connection: close\r\n')],
  ['of HTTP/1.0', ok('last').replace('1.1', '1.0')],
] as const) {
  test(
    `an answer ${name} costs its connection`,
    inLab({ upstreams: [answering(answer)] }, async (lab) => {
      assert.equal((await lab.ask(GET)).body.toString(), 'last');
      assert.equal((await lab.ask(GET)).body.toString(), 'last');
      assert.equal(lab.node.connections.length, 2);
    }),
  );
}

test(
  'an HTTP/1.0 answer that says keep-alive leaves its connection to the next request',
  inLab({ upstreams: [answering(ok('one', 'Connection: keep-alive\r\n').replace('1.1', '1.0'))] }, async (lab) => {
    for (let k = 0; k < 3; k++) assert.equal((await lab.ask(GET)).body.toString(), 'one');
    assert.equal(lab.node.connections.length, 1);
  }),
);

test(
  'the connection used last is used next, no more are kept than configured, and none for more requests',
  inLab({ upstreams: [manual], upstream: { keepalive: { size: 2, idle_ms: 60_000, requests: 2 } } }, async (lab) => {
    const clients = [await lab.connect(), await lab.connect(), await lab.connect()];
    for (const client of clients) client.write(GET);
    for (let k = 0; k < 3; k++) await (await lab.node.connection(k)).receive('request');
    for (let k = 0; k < 3; k++) {
      lab.node.connections[k]?.write(ok(String(k)));
      await Promise.any(clients.map((client) => client.until(() => client.receivedBytes > 0, `answer ${k}`)));
      await lab.logged(k + 1);
    }
    await (await lab.node.connection(0)).whenOver();
    assert.equal(lab.worker.counts.idleUpstreams, 2);
    const [client] = clients;
    await client!.receive('response');
    client!.write(GET);
    const newest = await lab.node.connection(2);
    await newest.receive('request');
    newest.write(ok('its second and last'));
    await client!.receive('response');
    await newest.whenOver();
    assert.equal(lab.worker.counts.idleUpstreams, 1);
  }),
);
