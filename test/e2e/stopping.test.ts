/** Stopping: nothing that was accepted is lost, and nothing takes longer than it may. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http, { type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { DRAINED_IDLE_MS } from '../../src/http1/server-settings.ts';
import { AGENT, LISTENER, newAgent } from '../client/speaking.ts';
import { freePort } from '../free-port.ts';
import { Signals } from './application.ts';
import { ask, valuesOf } from './client.ts';
import { LAUNCHER, routeTo, RunningGateway } from './gateway.ts';
import { Load } from './load.ts';
import { eventually } from './waiting.ts';

const ACCESS_LOG = { path: 'access.log', format: 'json' };

describe('stopping', () => {
  let server: Server;
  let port: number;
  let served = 0;
  let signals: Signals;
  before(async () => {
    server = http.createServer((request, response) => {
      served++;
      const [, verb, name = ''] = request.url?.split('/') ?? [];
      if (verb === 'wait') void signals.wait(name).then(() => response.end(`waited for ${name}`));
      else if (verb === 'stream') {
        response.write('begin, ');
        void signals.wait(name).then(() => response.end('end'));
      } else setTimeout(() => response.end('served'), served % 20);
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

  /** Resolves when no worker accepts a connection any more: each has then begun to drain. */
  async function isDraining(gateway: RunningGateway): Promise<void> {
    await gateway.logged(/ draining /);
    const accepts = (): Promise<boolean> =>
      ask(gateway.port, { path: '/new' }).then(
        () => true,
        () => false,
      );
    while (await accepts());
  }

  function start(timeouts: object): Promise<RunningGateway> {
    served = 0;
    signals = new Signals();
    return RunningGateway.start({ gateway: { access_log: ACCESS_LOG, timeouts }, routes: [routeTo([port])] });
  }

  /** Resolves when so many requests have come to the node: a listener that closes resets what was not accepted yet. */
  function areServed(requests: number): Promise<void> {
    return eventually(
      () => served === requests,
      () => `${served} of ${requests} requests came`,
    );
  }

  /** Begins a request, and resolves with its answer as soon as that has begun. */
  async function open(gateway: RunningGateway, path: string, agent = AGENT): Promise<IncomingMessage> {
    const request = http.get({
      host: '127.0.0.1',
      port: gateway.port,
      path,
      agent,
    });
    const [stream] = (await once(request, 'response')) as [IncomingMessage];
    // What breaks the stream is reported for the request too.
    request.on('error', () => {});
    return stream;
  }

  for (const drain_delay_ms of [0, 150]) {
    it(`loses no request of 32 busy clients, ${drain_delay_ms} ms after the signal`, async (t) => {
      await using gateway = await start({ drain_delay_ms });
      await using load = new Load(gateway.port, 32);
      await load.more(1_000);
      gateway.signal('SIGTERM');
      assert.deepEqual(await gateway.exited, { code: 0, signal: null });
      const { answered, failed } = await load.stop();
      // Whoever comes later is told so before a byte of a request is sent.
      assert.deepEqual(
        failed.filter((message) => !message.includes('connect ECONNREFUSED')),
        [],
      );
      assert.deepEqual(Object.keys(answered), ['200']);
      const lines = gateway.lines('access.log').length;
      assert.deepEqual({ served, lines }, { served: answered[200], lines: answered[200] });
      t.diagnostic(`${served} requests sent on, answered and logged`);
    });
  }

  it('says that it is not ready, and still serves, for the time that it was given', async () => {
    const seen = async (gateway: RunningGateway): Promise<unknown> => {
      const readiness = await gateway.readiness();
      const live = await fetch(`http://127.0.0.1:${gateway.statusPort}/status`);
      return [readiness, live.status, await live.json(), (await ask(gateway.port, { path: '/new' })).status];
    };
    /** False on a machine that needed all of that time to ask. */
    const isJudged = async (drain_delay_ms: number): Promise<boolean> => {
      await using gateway = await start({ drain_delay_ms });
      const begun_ms = performance.now();
      gateway.signal('SIGTERM');
      await gateway.logged(new RegExp(` draining delay_ms=${drain_delay_ms} `));
      const told = await seen(gateway).catch(String);
      const isInTime = performance.now() - begun_ms < drain_delay_ms;
      if (isInTime) assert.deepEqual(told, [503, 200, { status: 'ok' }, 200]);
      await gateway.exited;
      assert.ok(performance.now() - begun_ms >= drain_delay_ms);
      await assert.rejects(ask(gateway.port, { path: '/late' }), /ECONNREFUSED/);
      return isInTime;
    };
    assert.ok(
      (await isJudged(2_000)) || (await isJudged(8_000)) || (await isJudged(32_000)),
      'the machine stands still',
    );
  });

  it('waits for answers under way, and ends their connections with them', async () => {
    await using gateway = await start({});
    const agent = newAgent({ keepAlive: true });
    const waiting = ask(gateway.port, { path: '/wait/answer', agent });
    const stream = await open(gateway, '/stream/rest', agent);
    await areServed(2);
    gateway.signal('SIGTERM');
    await isDraining(gateway);
    signals.raise('answer');
    const answer = await waiting;
    assert.deepEqual([answer.body.toString(), valuesOf(answer, 'connection')], ['waited for answer', ['close']]);
    signals.raise('rest');
    assert.equal((await stream.setEncoding('utf8').toArray()).join(''), 'begin, end');
    assert.deepEqual(await gateway.exited, { code: 0, signal: null });
    agent.destroy();
  });

  it('answers the request that crosses the signal on a connection that was idle', async () => {
    /** False on a machine that needed longer than idle connections have. */
    const isAnswered = async (): Promise<boolean> => {
      await using gateway = await start({});
      const agent = newAgent({ keepAlive: true, maxSockets: 1 });
      await ask(gateway.port, { path: '/first', agent });
      const begun_ms = performance.now();
      gateway.signal('SIGTERM');
      await gateway.logged(/ draining /);
      const answer = await ask(gateway.port, { path: '/second', agent }).catch((error: unknown) => {
        if (performance.now() - begun_ms < DRAINED_IDLE_MS) throw error;
        return null;
      });
      if (answer !== null) assert.deepEqual([answer.status, valuesOf(answer, 'connection')], [200, ['close']]);
      await gateway.exited;
      agent.destroy();
      return answer !== null;
    };
    let tries = 0;
    while (!(await isAnswered())) assert.ok(++tries < 5, 'the machine stands still');
  });

  it('ends on SIGTERM, SIGINT and SIGQUIT although an idle client stays', async () => {
    const end = async (name: NodeJS.Signals): Promise<void> => {
      await using gateway = await start({});
      const agent = newAgent({ keepAlive: true, maxSockets: 1 });
      await ask(gateway.port, { path: '/', agent });
      const started_ms = performance.now();
      gateway.signal(name);
      assert.deepEqual(await gateway.exited, { code: 0, signal: null }, name);
      // What is under way is waited for 30 s: nothing is.
      assert.ok(performance.now() - started_ms < 20_000, name);
      agent.destroy();
    };
    await Promise.all((['SIGTERM', 'SIGINT', 'SIGQUIT'] as const).map(end));
  });

  it('ends at once, with exit code 2, on the second signal', async () => {
    await using gateway = await start({ drain_timeout_ms: 60_000 });
    gateway.expectedExit = { code: 2, signal: null };
    const waiting = assert.rejects(ask(gateway.port, { path: '/wait/forever' }), /ECONNRESET|hang up/);
    const stream = await open(gateway, '/stream/forever');
    const broken = once(stream, 'error');
    await areServed(2);
    gateway.signal('SIGTERM');
    await gateway.logged(/ draining /);
    const started_ms = performance.now();
    gateway.signal('SIGTERM');
    assert.deepEqual(await gateway.exited, { code: 2, signal: null });
    assert.ok(performance.now() - started_ms < 30_000);
    await Promise.all([waiting, broken]);
  });

  it('cuts off a stream that does not end in the time that stopping may take, and says so', async () => {
    await using gateway = await start({ drain_timeout_ms: 300 });
    const stream = await open(gateway, '/stream/forever');
    const broken = once(stream, 'error');
    const waiting = assert.rejects(ask(gateway.port, { path: '/wait/forever' }), /ECONNRESET|hang up/);
    await areServed(2);
    const started_ms = performance.now();
    gateway.signal('SIGTERM');
    assert.deepEqual(await gateway.exited, { code: 0, signal: null });
    const lasted_ms = performance.now() - started_ms;
    assert.ok(lasted_ms >= 300 && lasted_ms < 20_000, `${lasted_ms} ms`);
    await Promise.all([waiting, broken]);
    assert.match(gateway.errorLog, / warn +drain_timeout connections=2\n/);
    const lines = gateway
      .lines('access.log')
      .map((line) => JSON.parse(line) as { request_uri: string; status: number });
    const statuses = Object.fromEntries(lines.map(({ request_uri, status }) => [request_uri, status]));
    assert.deepEqual(statuses, { '/stream/forever': 200, '/wait/forever': 499 });
    assert.equal(lines.length, 2);
  });

  it('ends although nobody takes what it has to log', async () => {
    const [port, control] = [await freePort(), await freePort()];
    const folder = mkdtempSync(path.join(tmpdir(), 'gatewright-stop-'));
    const file = path.join(folder, 'gatewright.json');
    const address = '127.0.0.1';
    const gateway = {
      http: [{ address, port, ...LISTENER }],
      control: { address, port: control },
      access_log: { path: 'stdout' },
    };
    writeFileSync(file, JSON.stringify({ gateway: { ...gateway, workers: 1 } }));
    const child = spawn(LAUNCHER, ['run', '-c', file], { stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = once(child, 'exit');
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    await eventually(
      () => said.includes(' serving '),
      () => said,
    );
    const query = 'x'.repeat(4_000);
    // More than a pipe and its reader hold.
    for (let i = 0; i < 60; i++) await ask(port, { path: `/?${query}` });
    child.kill('SIGTERM');
    assert.deepEqual(await ended, [0, null]);
    await eventually(
      () => / stopped\n/.test(said),
      () => said,
    );
    rmSync(folder, { recursive: true });
  });
});
