/** A new process takes the place of a running one, or does not. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import http, { type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { freePort } from '../free-port.ts';
import { ask } from './client.ts';
import { LAUNCHER, routeTo, RunningGateway } from './gateway.ts';
import { Load } from './load.ts';
import { eventually } from './waiting.ts';

describe('an upgrade', () => {
  let server: Server;
  let port: number;
  before(async () => {
    server = http.createServer((request, response) => {
      if (request.url === '/late') setTimeout(() => response.end('late'), 300);
      else response.end(request.url);
    });
    server.keepAliveTimeout = 60_000;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  });
  after(() => {
    server.close();
    server.closeAllConnections();
  });

  /** The successor must find the ports that this one has. */
  async function start(): Promise<RunningGateway> {
    const [http, control] = [
      { address: '127.0.0.1', port: await freePort() },
      { address: '127.0.0.1', port: await freePort() },
    ];
    return RunningGateway.start({
      gateway: { http: [http], control, workers: 2, pid_file: 'pid' },
      routes: [routeTo([port])],
    });
  }

  const file = (gateway: RunningGateway, name = 'gatewright.json'): string => path.join(gateway.folder, name);

  it('costs no request, and the old process ends', async () => {
    await using gateway = await start();
    await using load = new Load(gateway.port, 32);
    await load.more(500);
    const told = await run('upgrade', '-c', file(gateway));
    const successor = Number(readFileSync(file(gateway, 'pid'), 'utf8'));
    assert.deepEqual(told, { code: 0, text: `process ${successor} has taken the place of ${gateway.pid}\n` });
    assert.notEqual(successor, gateway.pid);
    await eventually(
      () => !isRunning(gateway.pid),
      () => 'the old process is still there',
    );
    assert.equal(await gateway.readiness(), 200);
    await load.more(500);
    const { answered, failed } = await load.stop();
    assert.deepEqual([failed, Object.keys(answered)], [[], ['200']]);
    assert.deepEqual(await run('reload', '-c', file(gateway)), {
      code: 0,
      text: `process ${successor} reads its configuration again\n`,
    });
    assert.deepEqual(await run('stop', '-c', file(gateway)), { code: 0, text: `process ${successor} has stopped\n` });
    assert.deepEqual(await run('stop', '--pid', String(successor)), {
      code: 1,
      text: `gatewright stop: there is no process ${successor}\n`,
    });
    assert.deepEqual(await gateway.exited, { code: 0, signal: null });
  });

  it('that comes to nothing leaves the old process as it was', async () => {
    await using gateway = await start();
    gateway.expectsFaults = true;
    writeFileSync(file(gateway), '{"routes": "none"}');
    gateway.signal('SIGURG');
    await gateway.logged(/ upgrade_failed /);
    assert.equal((await ask(gateway.port, { path: '/' })).status, 200);
    assert.equal(await gateway.readiness(), 200);
    assert.equal(Number(readFileSync(file(gateway, 'pid'), 'utf8')), gateway.pid);
  });

  it('that fails when its workers listen already loses no request that they accepted, and gives back the ports at once', async () => {
    await using gateway = await start();
    gateway.expectsFaults = true;
    const document = JSON.parse(readFileSync(file(gateway), 'utf8')) as { gateway: object };
    const taken = { address: '127.0.0.1', port };
    writeFileSync(file(gateway), JSON.stringify({ ...document, gateway: { ...document.gateway, control: taken } }));
    let isOver = false;
    const statuses = Array.from({ length: 24 }, async () => {
      const seen = new Set<number>();
      while (!isOver) seen.add(await statusOf(gateway.port));
      return [...seen];
    });
    const started_ms = performance.now();
    gateway.signal('SIGURG');
    await gateway.logged(/ upgrade_failed /);
    await eventually(
      async () => (await gateway.readiness()) === 200,
      () => 'the old process has no status port',
    );
    assert.ok(performance.now() - started_ms < 30_000, 'nobody waited until time was up');
    await gateway.logged(/cannot listen on 127\.0\.0\.1 port [0-9]+: another process does/);
    await gateway.logged(/worker_ready[^]*worker_ready[^]*worker_ready[^]*worker_ready/);
    isOver = true;
    assert.deepEqual(
      (await Promise.all(statuses)).flat(),
      Array.from({ length: 24 }, () => 200),
    );
  });

  it('is given up where the old process is told to stop meanwhile: nobody is left', async () => {
    await using gateway = await start();
    gateway.expectsFaults = true;
    gateway.signal('SIGURG');
    await gateway.logged(/ upgrading/);
    assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
    assert.match(gateway.errorLog, / upgrade_failed reason="this process was told to stop"/);
    assert.equal(existsSync(file(gateway, 'pid')), false);
    await assert.rejects(ask(gateway.port, { path: '/' }), /ECONNREFUSED/);
  });

  it('ends where the old process is killed meanwhile', async () => {
    await using gateway = await start();
    gateway.expectedExit = { code: null, signal: 'SIGKILL' };
    gateway.signal('SIGURG');
    const children = `/proc/${gateway.pid}/task/${gateway.pid}/children`;
    await eventually(
      () => readFileSync(children, 'utf8') !== '',
      () => 'no new process begins',
    );
    gateway.signal('SIGKILL');
    // The new process has the same standard streams: they close with it.
    assert.deepEqual(await gateway.exited, { code: null, signal: 'SIGKILL' });
    assert.match(gateway.stderr, /gatewright: the process that is to be replaced is gone\n/);
  });
});

/** Linux refuses a few of those that connect while one of several listeners closes: nobody has accepted these. */
async function statusOf(port: number): Promise<number> {
  for (;;) {
    try {
      return (await ask(port, { path: '/late' })).status;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') throw error;
    }
  }
}

/** A verb, and what it says: the nodes of the test must be able to answer meanwhile. */
async function run(...args: string[]): Promise<{ code: number | null; text: string }> {
  const child = spawn(LAUNCHER, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (piece: string) => (text += piece));
  }
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, text };
}

function isRunning(pid: number): boolean {
  try {
    // A process that has ended and was not waited for yet is there, too.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
