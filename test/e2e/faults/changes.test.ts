/** A configuration that changes all the time, under load, while a node dies and comes back: no request fails. */
import assert from 'node:assert/strict';
import http from 'node:http';
import type net from 'node:net';
import { describe, it } from 'node:test';
import { once } from 'node:events';
import { AGENT, connect } from '../../client/speaking.ts';
import { Admin, ADMIN, Editor, embeddedStore } from '../changing.ts';
import { routeTo, RunningGateway } from '../gateway.ts';
import { Load } from '../load.ts';
import { NodeProcess } from '../node-process.ts';
import { eventually } from '../waiting.ts';
import { ACCESS_LOG, assertAccounts, assertNoLeak, descriptorsOf, exchangesOf } from './accounts.ts';

const CLIENTS = 64;
const CHANGES = 200;
const RELOADS = 50;
const FILE_CHANGES = 10;
/** All of the changes take a quarter of a minute on a machine of their own. */
const MOST_MS = 280_000;

const UPSTREAM = {
  keepalive_pool: { idle_timeout: 1 },
  checks: { active: { type: 'tcp', healthy: { successes: 1 }, unhealthy: { tcp_failures: 1 } } },
};

describe('changes under load', () => {
  it(
    `${CHANGES} changes, ${RELOADS} reloads, and one of three nodes killed and brought back: no GET fails`,
    { timeout: MOST_MS },
    async (t) => {
      await using first = await NodeProcess.start();
      await using second = await NodeProcess.start();
      await using third = await NodeProcess.start();
      const nodes = Object.fromEntries([first, second, third].map(({ port }) => [`127.0.0.1:${port}`, 1]));
      await using gateway = await RunningGateway.start({
        gateway: { access_log: ACCESS_LOG, store: embeddedStore(t), admin: ADMIN },
      });
      const admin = new Admin(gateway);
      const editor = new Editor(gateway);
      await admin.ask('PUT', 'routes/everything', { uri: '/*', upstream: { nodes, ...UPSTREAM } });
      const before = descriptorsOf(gateway);
      await using load = new Load(gateway.port, CLIENTS);
      await load.more(500);
      let changes = 0;
      const change = async (): Promise<void> => {
        const i = changes++;
        const extra = { uri: `/extra/${i}`, upstream: { nodes } };
        if (i % 3 === 0) await admin.ask('PUT', `routes/extra-${i}`, extra);
        else if (i % 3 === 1) await admin.ask('DELETE', `routes/extra-${i - 1}`);
        else
          await admin.ask('PUT', 'routes/everything', {
            uri: '/*',
            upstream: { nodes, ...UPSTREAM, retries: 2 + (i % 5) },
          });
      };
      let reloads = 0;
      const reload = async (): Promise<void> => {
        // What is read anew is not always what was read before.
        await editor.reload((document) => (document.gateway['server_header'] = `Name ${Math.floor(reloads / 10)}`));
        reloads++;
      };
      // A reload waits until its file was left alone: meanwhile changes go on.
      const reloading = (async () => {
        while (reloads < RELOADS) await reload();
      })();
      while (changes < CHANGES) {
        if (changes === 50) await second.kill();
        if (changes === 120) await second.start();
        await change();
      }
      await reloading;
      await load.sees(new RegExp(` ${second.pid}$`));
      const account = await load.stop();
      await assertNoLeak(gateway, before, 0);
      await gateway.stop();
      assertAccounts(gateway, account, [200]);
      const retried = exchangesOf(gateway).filter(({ upstream_addr }) => upstream_addr.length > 1).length;
      t.diagnostic(
        `${account.answered[200]} answered, ${retried} of them after a retry; ${changes} changes, ${reloads} reloads`,
      );
    },
  );

  it(`${FILE_CHANGES} changes of a file: no GET fails`, async (t) => {
    await using node = await NodeProcess.start();
    await using gateway = await RunningGateway.start({
      gateway: { access_log: ACCESS_LOG },
      routes: [routeTo([node.port], UPSTREAM)],
    });
    const before = descriptorsOf(gateway);
    const editor = new Editor(gateway);
    await using load = new Load(gateway.port, CLIENTS);
    for (let i = 0; i < FILE_CHANGES; i++) {
      await editor.change(({ routes }) => Object.assign(routes[0]!.upstream, { retries: i }));
    }
    const account = await load.stop();
    await assertNoLeak(gateway, before, 0);
    await gateway.stop();
    assertAccounts(gateway, account, [200]);
    t.diagnostic(`${account.answered[200]} answered`);
  });

  it('a reload closes no idle connection of a client: the next request goes over it', async () => {
    await using node = await NodeProcess.start();
    await using gateway = await RunningGateway.start({ routes: [routeTo([node.port])] });
    const sockets: net.Socket[] = Array.from({ length: 50 }, () => connect(gateway.port));
    const get = async (socket: net.Socket): Promise<string> => {
      socket.write('GET /again HTTP/1.1\r\nHost: a\r\n\r\n');
      const [bytes] = (await once(socket, 'data')) as [Buffer];
      return bytes.toString('latin1').slice(0, 12);
    };
    const all = (): Promise<string[]> => Promise.all(sockets.map(get));
    assert.deepEqual(new Set(await all()), new Set(['HTTP/1.1 200']));
    const editor = new Editor(gateway);
    for (let i = 0; i < 5; i++) {
      await editor.change(({ routes }) => Object.assign(routes[0]!.upstream, { retries: i + 1 }));
      assert.deepEqual(new Set(await all()), new Set(['HTTP/1.1 200']));
    }
    assert.ok(sockets.every((socket) => !socket.destroyed && socket.readable));
    for (const socket of sockets) socket.destroy();
  });

  it('a stream that has begun goes on through changes, by what it began with', async () => {
    let open: http.ServerResponse | null = null;
    const server = http.createServer((_request, response) => {
      response.write('begin ');
      open = response;
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    await using gateway = await RunningGateway.start({ routes: [routeTo([port])] });
    const request = http.get({ host: '127.0.0.1', port: gateway.port, path: '/stream', agent: AGENT });
    const [stream] = (await once(request, 'response')) as [http.IncomingMessage];
    let text = '';
    stream.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    const editor = new Editor(gateway);
    for (let i = 0; i < 10; i++)
      await editor.change(({ routes }) => (routes[0]!.uri = i % 2 === 0 ? '/elsewhere' : '/*'));
    await eventually(
      () => text === 'begin ',
      () => text,
    );
    open!.end('end');
    await once(stream, 'end');
    assert.equal(text, 'begin end');
    server.close();
    server.closeAllConnections();
  });
});
