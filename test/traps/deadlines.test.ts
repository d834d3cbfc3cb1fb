import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import { onlyHttp1 } from '../client/speaking.ts';
import { Worker as Thread } from 'node:worker_threads';
import { HandClock } from './hand-clock.ts';
import { inLab, type Lab } from './lab.ts';
import { valueOf } from './message.ts';
import type { RawConnection } from './raw-connection.ts';
import { answering, manual, ok } from './scripted-upstream.ts';
import { settled } from './settled.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const PATIENT = { connect_ms: 600_000, send_ms: 600_000, read_ms: 600_000 };

const codeOf = (answer: Parameters<typeof valueOf>[0]): string =>
  `${answer.status} ${valueOf(answer, 'X-Gatewright-Error')}`;

const headClock = new HandClock();
test(
  'a head has a deadline from its first byte on, however it drips: 408',
  onlyHttp1('half a frame is no request: see the attacks'),
  inLab({ upstreams: [answering(ok('first'))], clock: headClock }, async (lab) => {
    const client = await lab.connect();
    // Behind a whole request: when that is answered, the begin of the second one is there too.
    client.write(`${GET}GET /slow HTTP/1.1\r\nX-Drip: `);
    await client.receive('response');
    for (let second = 0; second < 9; second++) {
      client.write('d');
      await headClock.pass(lab, 1_000);
    }
    assert.equal(client.text, '');
    await headClock.pass(lab, 1_200);
    const answer = await client.receive('response');
    assert.equal(codeOf(answer), '408 request_timeout');
    assert.equal(valueOf(answer, 'Connection'), 'close');
    assert.equal(await client.whenOver(), 'fin');
  }),
);

const bodyClock = new HandClock();
test(
  'a body has a deadline between its pieces: 408, and its upstream is stopped',
  inLab({ upstreams: [manual], upstream: { timeouts: PATIENT }, clock: bodyClock }, async (lab) => {
    const client = await lab.connect();
    client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n');
    const upstream = await lab.node.connection(0);
    await upstream.take('\r\n\r\n');
    for (let k = 0; k < 4; k++) {
      client.write(`piece ${k}`);
      await upstream.take(`piece ${k}`);
      await bodyClock.pass(lab, 50_000);
    }
    assert.equal(client.receivedBytes, 0, 'a piece in time starts the deadline anew');
    await bodyClock.pass(lab, 11_000);
    const answer = await client.receive('response');
    assert.equal(codeOf(answer), '408 request_timeout');
    assert.equal(valueOf(answer, 'Connection'), 'close');
    await upstream.whenOver();
  }),
);

const idleClock = new HandClock();
test(
  'idle connections of clients are closed, before their first request and after any',
  inLab({ upstreams: [answering(ok('body'))], clock: idleClock }, async (lab) => {
    const silent = await lab.connect();
    const used = await lab.connect();
    used.write(GET);
    await used.receive('response');
    await idleClock.pass(lab, 59_000);
    assert.equal(`${silent.end} ${used.end}`, 'open open');
    await idleClock.pass(lab, 2_000);
    assert.equal(`${await silent.whenOver()} ${await used.whenOver()}`, 'fin fin');
    assert.equal(silent.receivedBytes, 0);
    assert.equal(lab.log.length, 1);
  }),
);

const poolClock = new HandClock();
test(
  'idle connections to upstreams are closed when their time is over',
  inLab(
    {
      upstreams: [answering(ok('body'))],
      upstream: { keepalive: { size: 10, idle_ms: 5_000, requests: 0 } },
      clock: poolClock,
    },
    async (lab) => {
      await lab.ask(GET);
      const upstream = await lab.node.connection(0);
      await poolClock.pass(lab, 4_500);
      assert.equal(lab.worker.counts.idleUpstreams, 1);
      await poolClock.pass(lab, 1_000);
      assert.equal(await upstream.whenOver(), 'fin');
      assert.equal(lab.worker.counts.upstreams, 0);
    },
  ),
);

const silentClock = new HandClock();
test(
  'an upstream that says nothing costs 504 upstream_timeout, and the client keeps its connection',
  inLab(
    { upstreams: [manual], upstream: { timeouts: { ...PATIENT, read_ms: 6_000 }, retries: 0 }, clock: silentClock },
    async (lab) => {
      const client = await lab.connect();
      for (let k = 0; k < 2; k++) {
        client.write(GET);
        const upstream = await lab.node.connection(k);
        await upstream.receive('request');
        await silentClock.pass(lab, 5_900);
        assert.equal(client.text, '');
        await silentClock.pass(lab, 300);
        const answer = await client.receive('response');
        assert.equal(codeOf(answer), '504 upstream_timeout');
        assert.equal(valueOf(answer, 'Connection'), undefined);
        await upstream.whenOver();
      }
    },
  ),
);

const midClock = new HandClock();
test(
  'an upstream that stops in the middle of its answer costs the client its connection: no clean end',
  inLab(
    { upstreams: [manual], upstream: { timeouts: { ...PATIENT, read_ms: 6_000 } }, clock: midClock },
    async (lab) => {
      const client = await lab.connect();
      client.write(GET);
      const upstream = await lab.node.connection(0);
      await upstream.receive('request');
      upstream.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
      await client.take('\r\n\r\n');
      for (let k = 0; k < 4; k++) {
        upstream.write('4\r\nmore\r\n');
        await client.take('4\r\nmore\r\n');
        await midClock.pass(lab, 5_000);
      }
      await midClock.pass(lab, 1_500);
      assert.equal(await client.whenOver(), 'reset');
      const [logged] = await lab.logged(1);
      assert.equal(logged?.errorCode, 'upstream_timeout');
    },
  ),
);

const DOWNLOAD = Buffer.alloc(48_000_000, 'd');

/** Asks for a download and takes nothing of it, until everything between is full. */
async function clog(lab: Lab, client: RawConnection): Promise<RawConnection> {
  const index = lab.node.connections.length;
  client.write(GET);
  const upstream = await lab.node.connection(index);
  await upstream.receive('request');
  client.socket.pause();
  upstream.write(`HTTP/1.1 200 OK\r\nContent-Length: ${DOWNLOAD.length}\r\n\r\n`);
  upstream.writeAll(DOWNLOAD).catch(() => {});
  const written = await settled(() => upstream.socket.bytesWritten);
  assert.ok(written < DOWNLOAD.length, 'the upstream is held back');
  return upstream;
}

const sendClock = new HandClock();
test(
  'a client that takes nothing of its answer is cut off, and its upstream with it',
  inLab(
    {
      upstreams: [manual],
      upstream: { timeouts: { ...PATIENT, read_ms: 5_000 } },
      settings: { timeouts: { send_ms: 20_000 } },
      clock: sendClock,
    },
    async (lab) => {
      const client = await lab.connect();
      const upstream = await clog(lab, client);
      // The upstream is not at fault: its own deadline does not run meanwhile.
      await sendClock.pass(lab, 19_000);
      assert.equal(lab.log.length, 0);
      await sendClock.pass(lab, 2_000);
      await upstream.whenOver();
      const [logged] = await lab.logged(1);
      assert.equal(`${logged?.status} ${logged?.errorCode}`, '200 client_closed');
    },
  ),
);

const slowClock = new HandClock();
test(
  'a client that takes a little now and then is slow, and gets all of its answer',
  inLab(
    {
      upstreams: [manual],
      upstream: { timeouts: { ...PATIENT, read_ms: 5_000 } },
      settings: { timeouts: { send_ms: 20_000 } },
      clock: slowClock,
    },
    async (lab) => {
      const client = await lab.connect();
      await clog(lab, client);
      client.isDropping = true;
      for (let k = 0; k < 8; k++) {
        const before = client.receivedBytes;
        client.socket.resume();
        await client.until(() => client.receivedBytes > before + 2_000_000, 'a part of the download');
        client.socket.pause();
        await slowClock.pass(lab, 15_000);
      }
      client.socket.resume();
      await client.until(() => client.receivedBytes > DOWNLOAD.length, 'the whole download');
      const [logged] = await lab.logged(1);
      assert.equal(`${logged?.errorCode} ${logged?.bodyBytesSent}`, ` ${DOWNLOAD.length}`);
    },
  ),
);

/** Sends an upload that the upstream does not read, until everything between is full. */
async function clogUpload(lab: Lab, client: RawConnection, path = '/'): Promise<void> {
  const before = client.socket.bytesWritten;
  client.write(`POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${DOWNLOAD.length}\r\n\r\n`);
  client.writeAll(DOWNLOAD).catch(() => {});
  const written = (await settled(() => client.socket.bytesWritten)) - before;
  assert.ok(written < DOWNLOAD.length, 'the client is held back');
  assert.ok(lab.worker.counts.upstreams > 0);
}

const uploadClock = new HandClock();
test(
  'an upstream that takes nothing of the request costs 504 upstream_send_timeout, and the client reads that',
  inLab(
    {
      upstreams: [(connection) => void connection.socket.pause()],
      upstream: { timeouts: { ...PATIENT, send_ms: 7_000 } },
      clock: uploadClock,
    },
    async (lab) => {
      const client = await lab.connect();
      await clogUpload(lab, client);
      await uploadClock.pass(lab, 6_500);
      assert.equal(client.receivedBytes, 0, 'the deadline of the client itself does not run meanwhile');
      await uploadClock.pass(lab, 1_000);
      const answer = await client.receive('response');
      assert.equal(codeOf(answer), '504 upstream_send_timeout');
      assert.equal(valueOf(answer, 'Connection'), 'close');
    },
  ),
);

const routeClock = new HandClock();
test(
  'a reused connection obeys the timeouts of the route that uses it now, not those of the one before',
  inLab(
    {
      upstreams: [(connection) => void connection.socket.pause()],
      find: ({ path }, route) => ({
        ...route,
        timeouts: { ...PATIENT, send_ms: path === '/patient' ? 500_000 : 3_000 },
      }),
      clock: routeClock,
    },
    async (lab) => {
      const client = await lab.connect();
      await clogUpload(lab, client, '/patient');
      const upstream = await lab.node.connection(0);
      upstream.isDropping = true;
      upstream.socket.resume();
      await upstream.until(() => upstream.receivedBytes > DOWNLOAD.length, 'the first upload');
      upstream.socket.pause();
      upstream.write(ok('first'));
      assert.equal((await client.receive('response')).body.toString(), 'first');
      await clogUpload(lab, client, '/hasty');
      assert.equal(lab.node.connections.length, 1);
      await routeClock.pass(lab, 4_000);
      assert.equal(codeOf(await client.receive('response')), '504 upstream_send_timeout');
    },
  ),
);

test('an upstream that does not accept in time costs 504 upstream_connect_timeout, and the next node is tried first', async () => {
  await using full = await FullBacklog.open();
  const timeouts = { ...PATIENT, connect_ms: 150 };
  await inLab({ ports: [full.port], upstream: { timeouts } }, async (lab) => {
    const client = await lab.connect();
    client.write(GET);
    const answer = await client.receive('response');
    assert.equal(codeOf(answer), '504 upstream_connect_timeout');
    assert.equal(valueOf(answer, 'Connection'), undefined);
  })();
  await inLab({ ports: [full.port, full.port], upstreams: [], upstream: { timeouts } }, async (lab) => {
    assert.equal(codeOf(await lab.ask(GET)), '504 upstream_connect_timeout');
    const [logged] = await lab.logged(1);
    assert.equal(logged?.upstreamStatuses, '-, -');
  })();
});

/** A port that is listened on and never accepts: its thread sleeps, and the kernel's queue is full. */
class FullBacklog implements AsyncDisposable {
  readonly port: number;
  private readonly thread: Thread;
  private readonly fillers: net.Socket[];

  private constructor(port: number, thread: Thread, fillers: net.Socket[]) {
    this.port = port;
    this.thread = thread;
    this.fillers = fillers;
  }

  static async open(): Promise<FullBacklog> {
    const gate = new Int32Array(new SharedArrayBuffer(4));
    const thread = new Thread(
      `const { parentPort, workerData } = require('node:worker_threads');
       const server = require('node:net').createServer();
       server.listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => {
         parentPort.postMessage(server.address().port);
         setImmediate(() => Atomics.wait(workerData, 0, 0));
       });`,
      { eval: true, workerData: gate },
    );
    const port = await new Promise<number>((resolve) => thread.once('message', resolve));
    const fillers: net.Socket[] = [];
    for (;;) {
      const filler = net.connect({ host: '127.0.0.1', port });
      filler.on('error', () => {});
      fillers.push(filler);
      const isConnected = await new Promise<boolean>((resolve) => {
        filler.once('connect', () => resolve(true));
        // After the loop has looked at its sockets once more: it may have stood still all that time.
        setTimeout(() => setImmediate(() => resolve(false)), 100);
      });
      if (!isConnected) break;
    }
    return new FullBacklog(port, thread, fillers);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const filler of this.fillers) filler.destroy();
    await this.thread.terminate();
  }
}
