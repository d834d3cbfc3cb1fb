import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onlyHttp1 } from '../client/speaking.ts';
import { inLab, type Lab } from './lab.ts';
import type { RawConnection } from './raw-connection.ts';
import { answering, manual, ok } from './scripted-upstream.ts';
import { settled } from './settled.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const LONG = Buffer.alloc(48_000_000, 'l');

/** Ways in which a client leaves. A FIN alone is one only where it cuts a request off. */
const LEAVES: Readonly<Record<string, (client: RawConnection) => void>> = {
  'by RST': (client) => client.reset(),
  'by FIN, with bytes unread': (client) => client.destroy(),
};

async function expectGone(lab: Lab, upstream: RawConnection, status: number): Promise<void> {
  await upstream.whenOver();
  const [logged] = await lab.logged(1);
  assert.equal(`${logged?.status} ${logged?.errorCode}`, `${status} client_closed`);
  await lab.whenQuiet();
  assert.deepEqual(lab.worker.counts, { clients: 0, upstreams: 0, idleUpstreams: 0, deadlines: 0 });
}

test(
  'a client that breaks off its upload ends the upstream connection: half a request is never taken for a whole one',
  inLab({ upstreams: [manual] }, async (lab) => {
    const client = await lab.connect();
    client.write('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n');
    const upstream = await lab.node.connection(0);
    await upstream.take('half\r\n');
    client.reset();
    await expectGone(lab, upstream, 499);
    assert.equal(upstream.text, '', 'no last chunk');
  }),
);

test(
  'a client that breaks off an upload which is held back ends the upstream connection',
  inLab({ upstreams: [(connection) => void connection.socket.pause()] }, async (lab) => {
    const client = await lab.connect();
    client.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${LONG.length}\r\n\r\n`);
    client.writeAll(LONG).catch(() => {});
    await settled(() => client.socket.bytesWritten);
    const upstream = await lab.node.connection(0);
    client.reset();
    // What is not being read does not show its end: that comes to light when the upstream goes on, or its deadline.
    upstream.isDropping = true;
    upstream.socket.resume();
    await expectGone(lab, upstream, 499);
  }),
);

for (const [manner, leave] of Object.entries(LEAVES)) {
  test(
    `a client that leaves in the middle of a download ends the upstream connection: ${manner}`,
    inLab({ upstreams: [manual] }, async (lab) => {
      const client = await lab.connect();
      client.write(GET);
      const upstream = await lab.node.connection(0);
      await upstream.receive('request');
      client.socket.pause();
      upstream.write(`HTTP/1.1 200 OK\r\nContent-Length: ${LONG.length}\r\n\r\n`);
      upstream.writeAll(LONG).catch(() => {});
      await settled(() => upstream.socket.bytesWritten);
      leave(client);
      await expectGone(lab, upstream, 200);
      assert.ok(upstream.socket.bytesWritten < LONG.length);
    }),
  );
}

test(
  'a client that leaves while it waits for an answer ends the upstream connection: 499 in the log',
  inLab({ upstreams: [manual] }, async (lab) => {
    const client = await lab.connect();
    client.write(GET);
    const upstream = await lab.node.connection(0);
    await upstream.receive('request');
    client.reset();
    await expectGone(lab, upstream, 499);
  }),
);

test(
  'a client that leaves while its upstream is being connected leaves nothing behind',
  inLab({ upstreams: [manual] }, async (lab) => {
    for (let k = 0; k < 50; k++) {
      const client = await lab.connect();
      client.write(GET);
      client.socket.once('drain', () => client.reset());
      setImmediate(() => client.reset());
    }
    await lab.whenQuiet();
    for (const { status } of lab.log) assert.equal(status, 499);
  }),
);

test(
  'a client that leaves while requests wait behind the one in progress: those are never sent',
  onlyHttp1('no request waits behind another one'),
  inLab({ upstreams: [manual] }, async (lab) => {
    const client = await lab.connect();
    client.write(GET.repeat(10));
    const upstream = await lab.node.connection(0);
    await upstream.receive('request');
    client.reset();
    await upstream.whenOver();
    assert.equal(lab.node.connections.length, 1);
    assert.equal(lab.log.length, 1);
  }),
);

test(
  'a stop at once ends what is under way on both sides, and records it',
  inLab({ upstreams: [manual] }, async (lab) => {
    const client = await lab.connect();
    client.write(GET);
    const upstream = await lab.node.connection(0);
    await upstream.receive('request');
    lab.worker.abort();
    assert.equal(await client.whenOver(), 'reset');
    await upstream.whenOver();
    const [logged] = await lab.logged(1);
    assert.equal(logged?.errorCode, 'client_closed');
  }),
);

test(
  'five hundred clients that come and leave at any moment leave nothing behind',
  inLab({ upstreams: [answering(ok('x'.repeat(20_000)))] }, async (lab) => {
    let seed = 7;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    const request = `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000\r\n\r\n${'b'.repeat(3_000)}`;
    for (let wave = 0; wave < 10; wave++) {
      await Promise.all(
        Array.from({ length: 50 }, async () => {
          const client = await lab.connect();
          client.isDropping = random(2) === 0;
          const length = random(request.length * 2);
          client.write((request + request).slice(0, length));
          for (let turn = random(6); turn > 0; turn--) await new Promise((resolve) => setImmediate(resolve));
          if (random(3) === 0) client.destroy();
          else client.reset();
        }),
      );
    }
    await lab.whenQuiet();
    assert.equal(lab.worker.counts.clients, 0);
    for (const { status, errorCode } of lab.log)
      assert.match(`${status} ${errorCode}`, /^(200 |200 client_closed|499 client_closed|400 request_incomplete)$/);
  }),
);
