/** Clients that are many, slow or gone: the others do not notice, and nothing of them stays behind. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type net from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { connect, IS_HTTP2 } from '../../client/speaking.ts';
import { ask } from '../client.ts';
import { routeTo, RunningGateway } from '../gateway.ts';
import { Load } from '../load.ts';
import { startSlowApplication } from '../slow-application.ts';
import { eventually } from '../waiting.ts';
import { ACCESS_LOG, assertNoLeak, descriptorsOf, exchangesOf } from './accounts.ts';

const IDLE = 5_000;
const ABORTING = 200;
const SLOW = 100;

/** Idle connections to nodes go soon, so that what is left over shows. */
const UPSTREAM = { keepalive_pool: { idle_timeout: 1 } };

async function startQuick(t: TestContext): Promise<number> {
  const server = http.createServer((request, response) => {
    request.resume();
    response.end('quick');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

/** Opens connections, some at a time: the queue of the listener is shorter than all of them. */
async function connectMany(port: number, count: number): Promise<net.Socket[]> {
  const sockets: net.Socket[] = [];
  while (sockets.length < count) {
    const some = Array.from({ length: Math.min(250, count - sockets.length) }, () => connect(port));
    for (const socket of some) socket.on('error', () => {});
    await Promise.all(some.map((socket) => once(socket, 'connect')));
    sockets.push(...some);
  }
  return sockets;
}

function destroyAll(sockets: readonly net.Socket[]): void {
  for (const socket of sockets) socket.destroy();
}

describe('clients', () => {
  it(`${IDLE} idle connections cost others nothing, serve when they wake, and leave no descriptor`, async (t) => {
    const port = await startQuick(t);
    await using gateway = await RunningGateway.start({
      gateway: { access_log: ACCESS_LOG, timeouts: { idle_ms: 300_000 } },
      routes: [routeTo([port], UPSTREAM)],
    });
    const before = descriptorsOf(gateway);
    const idle = await connectMany(gateway.port, IDLE);
    t.after(() => destroyAll(idle));
    await eventually(
      () => descriptorsOf(gateway) >= before + IDLE,
      () => `${descriptorsOf(gateway)} descriptors`,
    );
    await using load = new Load(gateway.port, 16);
    await load.more(1_000);
    const woken = idle.filter((_, i) => i % 50 === 0);
    const answers = woken.map(async (socket) => {
      socket.write('GET /woken HTTP/1.1\r\nHost: a\r\n\r\n');
      const [bytes] = (await once(socket, 'data')) as [Buffer];
      return bytes.toString('latin1').slice(0, 15);
    });
    assert.deepEqual(new Set(await Promise.all(answers)), new Set(['HTTP/1.1 200 OK']));
    const { answered, failed } = await load.stop();
    assert.deepEqual({ failed, statuses: Object.keys(answered) }, { failed: [], statuses: ['200'] });
    destroyAll(idle);
    await assertNoLeak(gateway, before, 0);
    await gateway.stop();
    assert.equal(exchangesOf(gateway).length, (answered[200] ?? 0) + woken.length, 'idle connections have no lines');
  });

  it(`${ABORTING} clients leave in the middle of an upload, and as many of a download: their upstreams are let go`, async (t) => {
    const application = await startSlowApplication();
    t.after(() => application.close());
    await using gateway = await RunningGateway.start({
      gateway: { access_log: ACCESS_LOG },
      routes: [routeTo([application.port], UPSTREAM)],
    });
    const before = descriptorsOf(gateway);
    await using load = new Load(gateway.port, 8);
    const uploads = await connectMany(gateway.port, ABORTING);
    for (const socket of uploads) {
      socket.write('POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n');
      socket.write(Buffer.alloc(50_000));
    }
    const downloads = await connectMany(gateway.port, ABORTING);
    await Promise.all(
      downloads.map(async (socket) => {
        // More than sockets hold: it cannot be over before its client is gone.
        socket.write('GET /download/50000000 HTTP/1.1\r\nHost: a\r\n\r\n');
        await once(socket, 'data');
        socket.pause();
      }),
    );
    await load.more(100);
    await eventually(
      () => application.uploads === ABORTING,
      () => `${application.uploads} uploads have come`,
    );
    for (const socket of [...uploads, ...downloads]) socket.resetAndDestroy();
    await load.more(100);
    const { answered, failed } = await load.stop();
    assert.deepEqual({ failed, statuses: Object.keys(answered) }, { failed: [], statuses: ['200'] });
    await assertNoLeak(gateway, before, 0);
    await gateway.stop();
    const left = exchangesOf(gateway).filter(({ error_code }) => error_code === 'client_closed');
    const statuses = [499, 200].map((status) => left.filter((one) => one.status === status).length);
    assert.deepEqual(statuses, [ABORTING, ABORTING], 'each of them once: no answer had begun, or one had');
  });

  it(`${SLOW} clients that drip their heads get 408, as many that drip their bodies too, and others are served meanwhile`, async (t) => {
    const port = await startQuick(t);
    await using gateway = await RunningGateway.start({
      gateway: { access_log: ACCESS_LOG, timeouts: { head_ms: 1_500, body_ms: 1_500 } },
      routes: [routeTo([port], UPSTREAM)],
    });
    const before = descriptorsOf(gateway);
    await using load = new Load(gateway.port, 8);
    // Of a head in HTTP/2 there is no part that a connection could wait for and others not: test/http2 has those.
    const heads = IS_HTTP2 ? [] : await connectMany(gateway.port, SLOW);
    const bodies = await connectMany(gateway.port, SLOW);
    const answers = [...heads, ...bodies].map(firstLine);
    for (const socket of heads) socket.write('GET /slow HTTP/1.1\r\n');
    for (const socket of bodies) socket.write('POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nb');
    const drip = setInterval(() => {
      for (const [i, socket] of heads.entries()) if (socket.writable) socket.write(`X-${i}: drip\r\n`);
    }, 300);
    t.after(() => clearInterval(drip));
    const lines = await Promise.all(answers);
    clearInterval(drip);
    destroyAll([...heads, ...bodies]);
    const { answered, failed } = await load.stop();
    assert.deepEqual({ failed, statuses: Object.keys(answered) }, { failed: [], statuses: ['200'] });
    assert.equal(lines.slice(0, heads.length).filter((line) => line.startsWith('HTTP/1.1 408 ')).length, heads.length);
    // The node may have answered before it had the whole body: that answer counts.
    assert.equal(lines.slice(heads.length).filter((line) => /^HTTP\/1\.1 (?:200|408) /.test(line)).length, SLOW);
    await assertNoLeak(gateway, before, 0);
    await gateway.stop();
    assert.equal(exchangesOf(gateway).length, (answered[200] ?? 0) + lines.length, 'each of them has a line');
  });

  it('a client that takes its answer slowly holds up nobody else', async (t) => {
    const application = await startSlowApplication();
    t.after(() => application.close());
    await using gateway = await RunningGateway.start({ routes: [routeTo([application.port], UPSTREAM)] });
    const before = descriptorsOf(gateway);
    const slow = await connectMany(gateway.port, SLOW);
    for (const socket of slow) {
      socket.write('GET /download/50000000 HTTP/1.1\r\nHost: a\r\n\r\n');
      socket.once('data', () => socket.pause());
    }
    await Promise.all(slow.map((socket) => once(socket, 'data')));
    await using load = new Load(gateway.port, 8);
    await load.more(500);
    const { status } = await ask(gateway.port, { path: '/download/1000000' });
    assert.equal(status, 200);
    const { answered, failed } = await load.stop();
    assert.deepEqual({ failed, statuses: Object.keys(answered) }, { failed: [], statuses: ['200'] });
    destroyAll(slow);
    await assertNoLeak(gateway, before, 0);
  });
});

/** The first line of what comes; '' if nothing does before the end. */
async function firstLine(socket: net.Socket): Promise<string> {
  let text = '';
  socket.on('data', (bytes: Buffer) => (text += bytes.toString('latin1')));
  await once(socket, 'close');
  return text.slice(0, text.indexOf('\r\n'));
}
