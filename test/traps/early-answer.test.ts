import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onlyHttp1 } from '../client/speaking.ts';
import { valueOf } from './message.ts';
import { eventually, inLab, type Lab } from './lab.ts';
import type { RawConnection } from './raw-connection.ts';
import { manual, ok, type Script } from './scripted-upstream.ts';

const MEBIBYTE = Buffer.alloc(1_048_576, 'm');

/** Upstreams that leave like that serve no second request. */
const NO_KEEPALIVE = { size: 0, idle_ms: 1, requests: 1 };

const refusal = ok('too large\n', 'X-From: upstream\r\n').replace('200 OK', '413 Content Too Large');

/** Sends a head and a body of that many MiB, whatever comes back meanwhile. */
async function upload(client: RawConnection, mebibytes: number, path = '/'): Promise<void> {
  client.write(`POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${mebibytes * MEBIBYTE.length}\r\n\r\n`);
  for (let k = 0; k < mebibytes && client.end !== 'reset'; k++) await client.writeAll(MEBIBYTE);
}

/** Answers as soon as the head is there, and goes in one of the ways in which upstreams do. */
const refusing = (leave: (connection: RawConnection) => void): Script => {
  return async (connection) => {
    await connection.take('\r\n\r\n');
    connection.socket.pause();
    connection.write(refusal);
    leave(connection);
  };
};

async function seesRefusal(lab: Lab, mebibytes: number): Promise<void> {
  const client = await lab.connect();
  const sent = upload(client, mebibytes);
  await sent;
  // It was not read before everything was sent: an answer must outlast that.
  const answer = await client.receive('response');
  assert.equal(answer.status, 413);
  assert.equal(answer.body.toString(), 'too large\n');
  assert.equal(valueOf(answer, 'X-From'), 'upstream');
  // A body that the kernel could hold may have been there as a whole before the answer came.
  if (mebibytes > 10) assert.equal(valueOf(answer, 'Connection'), 'close');
  if (valueOf(answer, 'Connection') === 'close') assert.equal(await client.whenOver(), 'fin');
  client.destroy();
}

for (const [manner, leave] of [
  ['closes, so that what it did not read resets the connection', (connection) => connection.socket.destroySoon()],
  ['resets the connection', (connection) => setImmediate(() => connection.reset())],
  ['shuts down its writing side and reads no more', (connection) => connection.finish()],
  ['keeps the connection and reads no more', () => {}],
] as const satisfies readonly (readonly [string, (connection: RawConnection) => void])[]) {
  test(
    `an answer that comes before the request body ended reaches a client that sends 50 MB first: the upstream ${manner}`,
    inLab({ upstreams: [refusing(leave)] }, (lab) => seesRefusal(lab, 50)),
  );
  test(
    `no such answer is lost in 60 uploads of 2 MB, ten at a time: the upstream ${manner}`,
    inLab({ upstreams: [refusing(leave)], upstream: { keepalive: NO_KEEPALIVE } }, async (lab) => {
      for (let round = 0; round < 6; round++) {
        await Promise.all(Array.from({ length: 10 }, () => seesRefusal(lab, 2)));
      }
      const log = await lab.logged(60);
      assert.deepEqual([...new Set(log.map(({ status, errorCode }) => `${status} ${errorCode}`))], ['413 ']);
    }),
  );
}

test(
  'an early answer stops the upstream: its connection ends, and what the client goes on sending is dropped',
  onlyHttp1('what follows is another stream'),
  inLab({ upstreams: [manual] }, async (lab) => {
    const client = await lab.connect();
    client.write('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n');
    const upstream = await lab.node.connection(0);
    await upstream.take('first\r\n');
    upstream.write(refusal);
    await upstream.whenOver();
    client.write('6\r\nsecond\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.equal((await client.receive('response')).status, 413);
    assert.equal(await client.whenOver(), 'fin');
    assert.equal(client.text, '');
    assert.equal(upstream.text, '');
    assert.equal(lab.node.connections.length, 1);
  }),
);

test(
  'an answer that begins early and ends after the request body lets both pass',
  inLab({ upstreams: [manual] }, async (lab) => {
    const client = await lab.connect();
    client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfirst');
    const upstream = await lab.node.connection(0);
    await upstream.take('first');
    upstream.write('HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf');
    await client.take('half');
    client.write('final');
    await upstream.take('final');
    upstream.write('rest');
    await client.take('rest');
    assert.equal(await client.whenOver(), 'fin');
    const [logged] = await lab.logged(1);
    assert.equal(logged?.errorCode, '');
  }),
);

test(
  "the gateway's own answer reaches a client that sends 50 MB first",
  inLab({ find: () => undefined }, async (lab) => {
    const client = await lab.connect();
    await upload(client, 50, '/none');
    const answer = await client.receive('response');
    assert.equal(answer.status, 404);
    assert.equal(valueOf(answer, 'Connection'), 'close');
    assert.equal(await client.whenOver(), 'fin');
  }),
);

test(
  'a short body that nobody wants is dropped, and its connection serves the next request',
  onlyHttp1('a stream ends, and its connection goes on'),
  inLab({ find: () => undefined }, async (lab) => {
    const client = await lab.connect();
    for (let k = 0; k < 3; k++) {
      client.write('POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n');
      const answer = await client.receive('response');
      assert.equal(`${answer.status} ${valueOf(answer, 'Connection')}`, '404 undefined');
      client.write(MEBIBYTE.subarray(0, 60_000));
    }
    client.write('GET /none HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.equal((await client.receive('response')).status, 404);
    assert.equal(lab.log.length, 4);
  }),
);

test(
  'a client that is told to close and says nothing more is cut off when the linger time is over',
  onlyHttp1('the connection goes on'),
  inLab({ find: () => undefined, settings: { timeouts: { linger_ms: 100, linger_total_ms: 60_000 } } }, async (lab) => {
    const client = await lab.connect();
    client.write('POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nx');
    assert.equal((await client.receive('response')).status, 404);
    assert.equal(await client.whenOver(), 'fin');
    await eventually(
      () => lab.worker.counts.clients === 0,
      () => 'it is still there',
    );
  }),
);

test(
  'a client that is told to close and sends for ever is cut off when the total linger time is over',
  onlyHttp1('the connection goes on'),
  inLab({ find: () => undefined, settings: { timeouts: { linger_ms: 60_000, linger_total_ms: 200 } } }, async (lab) => {
    const client = await lab.connect();
    client.write('POST /none HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
    assert.equal((await client.receive('response')).status, 404);
    const before = performance.now();
    while (!client.isClosed && performance.now() - before < 30_000) {
      await client.writeAll(Buffer.from('1\r\nx\r\n'));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.ok(client.isClosed);
  }),
);
