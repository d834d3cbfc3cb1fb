/** Listeners on UNIX domain sockets: who may connect, what is left behind, and who takes over. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test, type TestContext } from 'node:test';
import { systemClock } from '../../src/clock/clock.ts';
import { EMPTY_SNAPSHOT } from '../../src/compile/compile.ts';
import { DEFAULT_SETTINGS } from '../../src/config/settings.ts';
import { Worker } from '../../src/threads/worker.ts';
import { LAUNCHER, routeTo, RunningGateway } from '../e2e/gateway.ts';
import { eventually } from '../e2e/waiting.ts';
import { freePort } from '../free-port.ts';
import { askAt, connecting } from './client.ts';

const upstream = http.createServer((request, response) => response.end(JSON.stringify(request.headers)));
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

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatewright-unix-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const TCP = { address: '127.0.0.1', port: 0 };

function start(listeners: readonly object[], more: object = {}): Promise<RunningGateway> {
  return RunningGateway.start({
    gateway: { http: [TCP, ...listeners], workers: 2, ...more },
    routes: [routeTo([port])],
  });
}

describe('a UNIX domain socket', () => {
  test('is listened on with its mode, beside the ports, and is gone after a stop', async (t) => {
    const folder = folderOf(t);
    const [one, two] = [path.join(folder, 'one.sock'), path.join(folder, 'two.sock')];
    await using gateway = await start([{ path: one }, { path: two, mode: '0600' }, { path: 'beside.sock' }]);
    assert.equal((lstatSync(one).mode & 0o777).toString(8), '660');
    assert.equal((lstatSync(two).mode & 0o777).toString(8), '600');
    assert.match(gateway.errorLog, /listening protocol=http path=\S+\/one\.sock/);
    for (const socketPath of [one, two, path.join(gateway.folder, 'beside.sock')]) {
      const { status, body } = await askAt({ socketPath }, '/');
      const fields = JSON.parse(body) as Record<string, string>;
      assert.deepEqual([status, fields['x-real-ip'], fields['x-forwarded-for']], [200, 'unix:', 'unix:']);
    }
    assert.equal((await askAt({ port: gateway.port }, '/')).status, 200);
    await gateway.stop();
    assert.deepEqual(readdirSync(folder), []);
  });

  test('belongs to the user and group that are named', async (t) => {
    const file = path.join(folderOf(t), 'x.sock');
    // Only root may give it to others.
    const [user, group] = process.getuid?.() === 0 ? [12, 34] : [process.getuid?.(), process.getgid?.()];
    await using gateway = await start([{ path: file, uid: user, gid: group, mode: '666' }]);
    const { uid, gid, mode } = lstatSync(file);
    assert.deepEqual([uid, gid, mode & 0o777], [user, group, 0o666]);
    await gateway.stop();
  });

  test('that a killed process left is replaced, and one that somebody listens on is not', async (t) => {
    const file = path.join(folderOf(t), 'x.sock');
    const code = `require('net').createServer().listen(${JSON.stringify(file)}, () => console.log('up'))`;
    const other = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'ignore'] });
    t.after(() => other.kill('SIGKILL'));
    await once(other.stdout, 'data');
    await assert.rejects(start([{ path: file }]), ({ message }: Error) => {
      assert.match(message, /cannot listen on \S+x\.sock: another process does/);
      return true;
    });
    other.kill('SIGKILL');
    await once(other, 'exit');
    assert.ok(existsSync(file));
    await using gateway = await start([{ path: file }]);
    assert.equal((await askAt({ socketPath: file }, '/')).status, 200);
    await gateway.stop();
  });

  test('never takes the place of a file, and needs its folder', async (t) => {
    const folder = folderOf(t);
    const file = path.join(folder, 'x.sock');
    writeFileSync(file, 'precious');
    await assert.rejects(start([{ path: file }]), /what is there is no socket/);
    assert.equal(readFileSync(file, 'utf8'), 'precious');
    await assert.rejects(start([{ path: path.join(folder, 'none', 'x.sock') }]), /its folder does not exist/);
    assert.deepEqual(readdirSync(folder), ['x.sock']);
  });

  test('is handed over by an upgrade without a refused connection', async (t) => {
    const folder = folderOf(t);
    const socketPath = path.join(folder, 'x.sock');
    const control = { address: '127.0.0.1', port: await freePort() };
    const tcp = { address: '127.0.0.1', port: await freePort() };
    await using gateway = await start([], { http: [tcp, { path: socketPath }], control, pid_file: 'pid' });
    let asked = 0;
    let isOver = false;
    const load = (async () => {
      for (; !isOver; asked++) assert.equal((await askAt({ socketPath }, '/')).status, 200);
    })();
    load.catch(() => undefined);
    const file = path.join(gateway.folder, 'gatewright.json');
    const child = spawn(LAUNCHER, ['upgrade', '-c', file], { stdio: 'ignore' });
    const [code] = (await once(child, 'exit')) as [number];
    assert.equal(code, 0, gateway.errorLog);
    const successor = Number(readFileSync(path.join(gateway.folder, 'pid'), 'utf8'));
    assert.notEqual(successor, gateway.pid);
    await gateway.logged(/ stopped\b/);
    const before = asked;
    await eventually(
      () => asked > before + 20,
      () => 'nobody answers any more',
    );
    isOver = true;
    await load;
    process.kill(successor, 'SIGTERM');
    // Both have the same standard streams.
    await gateway.exited;
    await eventually(
      () => readdirSync(folder).length === 0,
      () => 'the successor left its socket',
    );
  });
});

describe('a worker', () => {
  function worker(t: TestContext, socketPath: string): Worker {
    const made = new Worker({
      settings: { ...DEFAULT_SETTINGS, http: [{ path: socketPath, http2: false }] },
      snapshot: EMPTY_SNAPSHOT,
      clock: systemClock,
      record: null,
      onFault: (error) => assert.fail(error as Error),
      onPluginFault: ({ error }) => assert.fail(error as Error),
      readPath: 'onread',
    });
    t.after(() => made.abort());
    return made;
  }

  test('that another one was to replace, in vain, takes its socket back', async (t) => {
    const socketPath = path.join(folderOf(t), 'x.sock');
    const [old, successor] = [worker(t, socketPath), worker(t, socketPath)];
    await old.listen();
    await successor.listen();
    successor.abort();
    assert.equal(await connecting({ socketPath }), 'ENOENT');
    await old.listeners.reclaim();
    assert.equal((await askAt({ socketPath }, '/')).status, 404);
    assert.equal(old.acceptedCount, 1);
    await old.listeners.reclaim();
    await old.drain();
    assert.equal(await connecting({ socketPath }), 'ENOENT');
  });

  test('accepts what waits in the queue when it stops', async (t) => {
    const socketPath = path.join(folderOf(t), 'x.sock');
    const made = worker(t, socketPath);
    await made.listen();
    const client = net.connect({ path: socketPath });
    client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    const drained = made.drain();
    const [answer] = (await once(client, 'data')) as [Buffer];
    assert.match(answer.toString(), /^HTTP\/1\.1 404 /);
    client.destroy();
    await drained;
  });
});
