/** Several workers: nothing is lost while they are told something new, replaced, or taken over from. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import http, { type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { newAgent } from '../client/speaking.ts';
import { ask } from './client.ts';
import { routeTo, RunningGateway } from './gateway.ts';
import { Load } from './load.ts';
import { eventually } from './waiting.ts';

/** A plugin with every fault that a worker can die of, asked for by a header. */
const FAULTY = `
const held = [];
export default {
  name: 'faulty', priority: 1, summary: 'Fails as it is told.', schema: { type: 'object', properties: {} },
  create: () => ({
    access(exchange) {
      const fault = exchange.request.header('x-fault');
      if (fault === 'throw-later') setTimeout(() => { throw new Error('nobody catches this'); });
      if (fault === 'loop') for (;;);
      if (fault === 'leak') for (let i = 0; i < 500; i++) held.push({ i, text: 'x'.repeat(50) + held.length, list: [i] });
    },
  }),
};
`;

describe('several workers', () => {
  let server: Server;
  let port: number;
  before(async () => {
    server = http.createServer((request, response) => response.end(request.url));
    server.keepAliveTimeout = 60_000;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  });
  after(() => {
    server.close();
    server.closeAllConnections();
  });

  function start(gateway: object = {}, plugins: object = {}, options = {}): Promise<RunningGateway> {
    const metrics = { address: '127.0.0.1', port: 0 };
    const route = { ...routeTo([port]), plugins };
    return RunningGateway.start(
      { gateway: { workers: 2, metrics, pid_file: 'pid', ...gateway }, routes: [route] },
      options,
    );
  }

  function file(gateway: RunningGateway, name = 'gatewright.json'): string {
    return path.join(gateway.folder, name);
  }

  const alone = (failed: readonly string[]): readonly string[] =>
    failed.filter((message) => !message.includes('ECONNREFUSED'));

  it('share the connections, and lose no request at a stop', async () => {
    await using gateway = await start({ access_log: { path: 'access.log', format: '{"id":"$request_id"}' } });
    await using load = new Load(gateway.port, 64);
    await load.more(1_000);
    gateway.signal('SIGTERM');
    assert.deepEqual(await gateway.exited, { code: 0, signal: null });
    const { answered, failed } = await load.stop();
    assert.deepEqual([alone(failed), Object.keys(answered)], [[], ['200']]);
    const ids = gateway.lines('access.log').map((line) => (JSON.parse(line) as { id: string }).id);
    assert.equal(ids.length, answered[200]);
    // Each worker has ids of its own.
    const byWorker = Object.values(Object.groupBy(ids, (id) => id.slice(0, 16))).map((own) => own?.length ?? 0);
    assert.equal(byWorker.length, 2);
    assert.ok(Math.min(...byWorker) > ids.length / 20, String(byWorker));
  });

  it('lose no request over reloads and changes, and close no connection for them', async () => {
    await using gateway = await start();
    const agent = newAgent({ keepAlive: true, maxSockets: 1 });
    await ask(gateway.port, { path: '/', agent });
    const [idle] = Object.values(agent.freeSockets).flat();
    await using load = new Load(gateway.port, 64);
    const document = JSON.parse(readFileSync(file(gateway), 'utf8')) as { routes: object[] };
    for (let round = 1; round <= 10; round++) {
      await load.more(100);
      const more = { ...routeTo([port]), id: `more${round}`, uri: `/more${round}` };
      document.routes.push(more);
      writeFileSync(file(gateway), JSON.stringify(document));
      if (round % 2 === 0) gateway.signal('SIGHUP');
      await gateway.logged(new RegExp(`serving revision=\\d+ routes=${round + 1} `));
    }
    const { answered, failed } = await load.stop();
    assert.deepEqual([failed, Object.keys(answered)], [[], ['200']]);
    assert.equal(idle?.destroyed, false);
    assert.equal((await ask(gateway.port, { path: '/', agent })).status, 200);
    assert.deepEqual(Object.values(agent.freeSockets).flat(), [idle]);
    agent.destroy();
  });

  it('each say what they got, and get of many connections about as many', async () => {
    await using gateway = await start({ workers: 4 });
    const agent = newAgent({ keepAlive: true, maxSockets: 400, maxFreeSockets: 400 });
    const answers = await Promise.all(Array.from({ length: 400 }, () => ask(gateway.port, { path: '/', agent })));
    assert.ok(answers.every(({ status }) => status === 200));
    const sum = (numbers: readonly number[]): number => numbers.reduce((all, each) => all + each, 0);
    let of = (_name: string): number[] => [];
    await eventually(
      async () => {
        const text = await gateway.metrics();
        of = (name) =>
          Array.from(text.matchAll(new RegExp(`^${name}{thread="worker [1-4]"} (\\d+)$`, 'gm')), ([, value]) =>
            Number(value),
          );
        return sum(of('gatewright_worker_requests_total')) === 400;
      },
      () => 'requests are missing',
    );
    const connections = of('gatewright_worker_connections');
    assert.equal(connections.length, 4);
    assert.equal(sum(connections), sum(Object.values(agent.freeSockets).map((sockets) => sockets?.length ?? 0)));
    assert.deepEqual(of('gatewright_worker_accepted_total'), connections);
    // The kernel draws lots: seven standard deviations from a quarter of them, one time in a thousand million.
    const even = sum(connections) / 4;
    const most = 7 * Math.sqrt((3 / 4) * even);
    assert.ok(
      connections.every((count) => Math.abs(count - even) < most),
      connections.join(' '),
    );
    agent.destroy();
  });

  it('are replaced one by one where an error is caught by nobody, at the cost of nothing else', async () => {
    await using gateway = await start(
      { plugin_files: ['faulty.mjs'] },
      { faulty: {} },
      { files: { 'faulty.mjs': FAULTY } },
    );
    gateway.expectsFaults = true;
    await using load = new Load(gateway.port, 32);
    await load.more(200);
    await ask(gateway.port, { path: '/', headers: { 'x-fault': 'throw-later' } });
    await gateway.logged(/ error fault .*nobody catches this/);
    await gateway.logged(/worker_ready worker=3 /);
    await load.more(200);
    const { answered, failed } = await load.stop();
    assert.deepEqual([failed, Object.keys(answered)], [[], ['200']]);
    await gateway.measured(
      /^gatewright_worker_deaths_total\{cause="fault"\} 1$/m,
      /^gatewright_config_problems 0$/m,
      /^gatewright_workers 2$/m,
    );
  });

  it('that hang are found, ended and named, and the plugin that hangs them is disabled until a reload', async () => {
    await using gateway = await start(
      { plugin_files: ['faulty.mjs'], timeouts: { stall_ms: 500 } },
      { faulty: {} },
      { files: { 'faulty.mjs': FAULTY } },
    );
    gateway.expectsFaults = true;
    const loop = (): Promise<unknown> =>
      ask(gateway.port, { path: '/', headers: { 'x-fault': 'loop' } }).catch((error: unknown) => error);
    for (let death = 1; death <= 3; death++) {
      const answer = loop();
      await eventually(
        () => gateway.errorLog.split(/ worker_stalled .* plugin=faulty/).length === death + 1,
        () => `death ${death}: ${gateway.errorLog}`,
      );
      assert.ok((await answer) instanceof Error);
    }
    await gateway.logged(/ plugin_disabled plugin=faulty /);
    await eventually(
      async () => (await ask(gateway.port, { path: '/' })).status === 503,
      () => 'the plugin still runs',
    );
    const { body } = await ask(gateway.port, { path: '/', headers: { 'x-fault': 'loop' } });
    assert.equal((JSON.parse(body.toString()) as { code: string }).code, 'plugin_disabled');
    gateway.signal('SIGHUP');
    await eventually(
      async () => (await ask(gateway.port, { path: '/' })).status === 200,
      () => 'the plugin is still disabled',
    );
  });

  it('with a heap that fills shed, and are replaced before V8 ends them', async () => {
    const environment = { ...process.env, NODE_OPTIONS: '--max-old-space-size=128' };
    await using gateway = await start(
      { plugin_files: ['faulty.mjs'] },
      { faulty: {} },
      { files: { 'faulty.mjs': FAULTY }, env: environment },
    );
    gateway.expectsFaults = true;
    const agent = newAgent({ keepAlive: true, maxSockets: 1 });
    const statuses = new Set<number>();
    for (let i = 0; i < 8_000 && !gateway.errorLog.includes('heap_full'); i++) {
      statuses.add((await ask(gateway.port, { path: '/', headers: { 'x-fault': 'leak' }, agent })).status);
    }
    await gateway.logged(/ error heap_full used_mebibytes=/);
    await gateway.logged(/worker_ready worker=3 /);
    agent.destroy();
    // The one that is full accepts until it has drained.
    await eventually(
      async () => (await ask(gateway.port, { path: '/' })).status === 200,
      () => 'everything is refused',
    );
    assert.ok(!gateway.errorLog.includes('worker_died'), gateway.errorLog);
    assert.deepEqual(
      [...statuses].filter((status) => status !== 200 && status !== 503),
      [],
    );
  });
});
