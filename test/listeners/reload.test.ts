/** Listeners that come, change and go while the gateway runs: those that stay, and their clients, notice nothing of it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Editor } from '../e2e/changing.ts';
import { routeTo, RunningGateway } from '../e2e/gateway.ts';
import { Load } from '../e2e/load.ts';
import { eventually } from '../e2e/waiting.ts';
import { freePort } from '../free-port.ts';
import { askAt, connecting } from './client.ts';

let release: () => void = () => undefined;
const upstream = http.createServer((request, response) => {
  if (request.url !== '/held') return void response.end(request.url);
  response.write('first');
  release = () => response.end('last');
});
let port = 0;
before(async () => {
  upstream.keepAliveTimeout = 60_000;
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  ({ port } = upstream.address() as AddressInfo);
});
after(() => {
  upstream.closeAllConnections();
  upstream.close();
});

const TCP = { address: '127.0.0.1', port: 0 };

function start(more: readonly object[] = [], args: readonly string[] = []): Promise<RunningGateway> {
  const gateway = { http: [TCP, ...more], workers: 2 };
  return RunningGateway.start({ gateway, routes: [routeTo([port])] }, { args });
}

class CountingAgent extends http.Agent {
  connections = 0;

  override createConnection(...how: Parameters<http.Agent['createConnection']>) {
    this.connections++;
    return super.createConnection(...how);
  }
}

const at = (port: number): object => ({ address: '127.0.0.1', port });

describe('a reload', () => {
  test('opens and closes listeners, and costs the clients of the others nothing', async () => {
    await using gateway = await start();
    const editor = new Editor(gateway);
    const socketPath = path.join(gateway.folder, 'x.sock');
    const extra = await freePort();
    await using load = new Load(gateway.port, 16);
    const agent = new CountingAgent({ keepAlive: true, maxSockets: 1 });
    await load.more(200);
    for (let round = 0; round < 3; round++) {
      await editor.reload(({ gateway: settings }) => (settings['http'] = [at(extra), { path: 'x.sock' }, TCP]));
      assert.equal((await askAt({ port: gateway.port }, '/same', agent)).body, '/same');
      assert.equal((await askAt({ port: extra }, '/extra')).body, '/extra');
      assert.equal((await askAt({ socketPath }, '/local')).body, '/local');
      await load.more(100);
      await editor.reload(({ gateway: settings }) => (settings['http'] = [TCP]));
      await eventually(
        async () => (await connecting({ port: extra })) === 'ECONNREFUSED' && !existsSync(socketPath),
        () => 'the listeners are still there',
      );
      await load.more(100);
    }
    const { failed, answered } = await load.stop();
    assert.deepEqual([failed, Object.keys(answered)], [[], ['200']]);
    assert.equal(agent.connections, 1, 'a client went on on its connection');
    agent.destroy();
    assert.match(gateway.errorLog, new RegExp(`listening protocol=http address=127\\.0\\.0\\.1 port=${extra}`));
    await gateway.logged(new RegExp(`listener_closed protocol=http address=127\\.0\\.0\\.1 port=${extra}`));
    assert.doesNotMatch(gateway.errorLog, /restart_needed/);
  });

  test('lets the connections of a listener that is gone end by themselves', async () => {
    const extra = await freePort();
    await using gateway = await start([at(extra)]);
    const editor = new Editor(gateway);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    await askAt({ port: extra }, '/', agent);
    const held = http.get({ host: '127.0.0.1', port: extra, path: '/held', agent: false });
    const [response] = (await once(held, 'response')) as [http.IncomingMessage];
    let body = '';
    response.on('data', (piece: Buffer) => (body += piece.toString()));
    await editor.reload(({ gateway: settings }) => (settings['http'] = [TCP]));
    await eventually(
      async () => (await connecting({ port: extra })) === 'ECONNREFUSED',
      () => 'the listener is still there',
    );
    // An idle connection ends, one in use with its answer.
    await eventually(
      () => Object.keys(agent.freeSockets).length === 0,
      () => 'the idle connection is still there',
    );
    release();
    await once(response, 'end');
    assert.equal(body, 'firstlast');
    await once(held, 'close');
  });

  test('changes what a listener speaks for those who connect from then on', async () => {
    await using gateway = await start();
    const editor = new Editor(gateway);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    await askAt({ port: gateway.port }, '/', agent);
    const preface = async (): Promise<string> => {
      const socket = net.connect({ host: '127.0.0.1', port: gateway.port });
      socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0');
      const [bytes] = (await once(socket, 'data')) as [Buffer];
      socket.destroy();
      return bytes.subarray(3, 4).toString('hex');
    };
    assert.equal(await preface(), Buffer.from('P').toString('hex'));
    await editor.reload(({ gateway: settings }) => (settings['http'] = [{ ...TCP, http2: true }]));
    assert.equal(await preface(), '04', 'SETTINGS');
    assert.equal((await askAt({ port: gateway.port }, '/', agent)).status, 200);
    assert.equal(Object.keys(agent.freeSockets).length, 1);
    agent.destroy();
  });

  test('with a listener that cannot be had leaves all listeners as they are, names it, and serves the rest', async (t) => {
    await using gateway = await start([{ path: 'kept.sock' }]);
    gateway.expectsFaults = true;
    const editor = new Editor(gateway);
    const taken = net.createServer().listen(0, '127.0.0.1');
    t.after(() => taken.close());
    await once(taken, 'listening');
    const free = await freePort();
    const takenPort = (taken.address() as AddressInfo).port;
    const socketPath = path.join(gateway.folder, 'kept.sock');
    await editor.reload((document) => {
      document.gateway['http'] = [at(free), at(takenPort)];
      document.routes = [{ ...(routeTo([port]) as (typeof document.routes)[number]), uri: '/new' }];
    });
    assert.match(
      gateway.errorLog,
      new RegExp(
        `configuration_problem problem=".*gateway\\.http\\[1\\].*127\\.0\\.0\\.1 port ${takenPort}: another process`,
      ),
    );
    await eventually(
      async () => (await connecting({ port: free })) === 'ECONNREFUSED',
      () => 'a listener of a refused change stays',
    );
    assert.equal((await askAt({ port: gateway.port }, '/new')).status, 200);
    assert.equal((await askAt({ socketPath }, '/old')).status, 404);
    const status = (await (await fetch(`http://127.0.0.1:${gateway.statusPort}/status`)).json()) as object;
    assert.deepEqual(
      { ...status, objects: undefined },
      { ...status, status: 'degraded', problems: 1, objects: undefined },
    );
    taken.close();
    await once(taken, 'close');
    await editor.reload(() => undefined);
    assert.equal((await askAt({ port: free }, '/new')).status, 200);
    assert.equal((await askAt({ port: takenPort }, '/new')).status, 200);
    assert.equal(await connecting({ socketPath }), 'ENOENT');
  });

  test('with --strict serves nothing of a change with such a listener, nor listeners of a change with a bad route', async (t) => {
    await using gateway = await start([], ['--strict']);
    gateway.expectsFaults = true;
    const editor = new Editor(gateway);
    const taken = net.createServer().listen(0, '127.0.0.1');
    t.after(() => taken.close());
    await once(taken, 'listening');
    const free = await freePort();
    const refusals = (): number => gateway.errorLog.split(' configuration_refused ').length - 1;
    const refused = async (edit: Parameters<Editor['write']>[0]): Promise<void> => {
      const before = refusals();
      editor.write(edit);
      await eventually(
        () => refusals() > before,
        () => 'not refused',
      );
    };
    await refused((document) => {
      document.gateway['http'] = [TCP, at(free), at((taken.address() as AddressInfo).port)];
      document.routes = [];
    });
    assert.equal((await askAt({ port: gateway.port }, '/')).status, 200);
    await eventually(
      async () => (await connecting({ port: free })) === 'ECONNREFUSED',
      () => 'a listener of a refused change stays',
    );
    await refused((document) => {
      document.gateway['http'] = [TCP, at(free)];
      document.routes = [{ id: 'bad', uri: 'no path', upstream: {} }];
    });
    await eventually(
      async () => (await connecting({ port: free })) === 'ECONNREFUSED',
      () => 'a listener of a refused change stays',
    );
    await editor.reload((document) => {
      document.gateway['http'] = [TCP, at(free)];
      document.routes = [routeTo([port]) as (typeof document.routes)[number]];
    });
    assert.equal((await askAt({ port: free }, '/')).status, 200);
  });

  test('of a file whose settings are wrong touches no listener', async () => {
    await using gateway = await start([{ path: 'x.sock' }]);
    gateway.expectsFaults = true;
    const editor = new Editor(gateway);
    const changes = (): number => gateway.errorLog.split(/ (?:listening|listener_closed) /).length;
    const before = changes();
    await editor.reload((document) => (document.gateway['http'] = [{ port: 'none' }]));
    assert.equal((await askAt({ port: gateway.port }, '/')).status, 200);
    assert.equal((await askAt({ socketPath: path.join(gateway.folder, 'x.sock') }, '/')).status, 200);
    assert.equal(changes(), before, 'nor does it open the default one');
  });
});
