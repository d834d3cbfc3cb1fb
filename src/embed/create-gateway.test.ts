import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import {
  type ConfigurationFile,
  ConfigurationError,
  createGateway,
  type CreateGatewayOptions,
  type ExchangeRecord,
  type Gateway,
  keyAuth,
  keyAuthCredential,
  limitCount,
} from '../index.ts';
import { definePlugin } from '../sdk/index.ts';

/** Answers with what it saw; `/slow` when it is told to, `/large` with a megabyte. */
class Echo {
  readonly server = http.createServer((request, response) => void this.answer(request, response));
  readonly seen: http.IncomingMessage[] = [];
  private gate = Promise.withResolvers<void>();
  port = 0;

  private async answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    this.seen.push(request);
    const opened = this.gate.promise;
    let length = 0;
    for await (const piece of request) length += (piece as Buffer).length;
    if (request.url === '/slow') await opened;
    if (request.url === '/cut') {
      response.writeHead(200, { 'Content-Length': '1000' });
      response.write('only this');
      setImmediate(() => response.destroy());
    } else if (request.url === '/large') response.end(Buffer.alloc(1_000_000, 'x'));
    else if (request.url === '/none') response.writeHead(204).end();
    else {
      response.writeHead(201, { 'Set-Cookie': ['a=1', 'b=2'] });
      response.end(JSON.stringify({ method: request.method, url: request.url, host: request.headers.host, length }));
    }
  }

  /** Lets what is slow answer. */
  release(): void {
    this.gate.resolve();
    this.gate = Promise.withResolvers();
  }

  async listen(): Promise<void> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as AddressInfo).port;
  }
}

const echo = new Echo();
const folder = mkdtempSync(path.join(tmpdir(), 'gatewright-embed-'));
before(() => echo.listen());
after(() => {
  echo.server.close();
  echo.server.closeAllConnections();
  rmSync(folder, { recursive: true, force: true });
});

const upstream = () => ({ nodes: { [`127.0.0.1:${echo.port}`]: 1 } });
const config = (more: ConfigurationFile = {}): ConfigurationFile => ({
  gateway: { http: [{ address: '127.0.0.1', port: 0 }], error_log: { level: 'warn' } },
  routes: [{ id: 'all', uri: '/*', upstream: upstream() }],
  ...more,
});

async function opened(t: TestContext, options: CreateGatewayOptions): Promise<Gateway> {
  const gateway = await createGateway(options);
  t.after(() => gateway.stop());
  return gateway;
}

interface Echoed {
  readonly method: string;
  readonly url: string;
  readonly host: string;
  readonly length: number;
}

describe('a gateway inside of a program', () => {
  it('answers fetch without a port, as its upstream and its plugins do', async (t) => {
    const gateway = await opened(t, { config: config() });
    assert.deepEqual(gateway.addresses, []);
    const response = await gateway.fetch('http://api.example.com:81/a?b=1', { method: 'POST', body: 'hello' });
    assert.equal(response.status, 201);
    assert.deepEqual(response.headers.getSetCookie(), ['a=1', 'b=2']);
    assert.equal(response.headers.get('connection'), null);
    const seen = (await response.json()) as Echoed;
    assert.deepEqual(seen, { method: 'POST', url: '/a?b=1', host: 'api.example.com:81', length: 5 });
    assert.equal(echo.seen.at(-1)?.headers['content-length'], '5');
    assert.equal((await gateway.fetch('http://a/none')).status, 204);
    assert.equal(await (await gateway.fetch('http://a/x', { method: 'HEAD' })).text(), '');
    const large = await gateway.fetch('http://a/large');
    assert.equal((await large.text()).length, 1_000_000);
  });

  it('streams bodies that are long, both ways', async (t) => {
    const gateway = await opened(t, { config: config() });
    let made = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (made === 50) controller.close();
        else controller.enqueue(new Uint8Array(100_000).fill(made++));
      },
    });
    const request = new Request('http://a/upload', { method: 'PUT', body, duplex: 'half' });
    const seen = (await (await gateway.fetch(request)).json()) as Echoed;
    assert.equal(seen.length, 5_000_000);
    assert.equal(echo.seen.at(-1)?.headers['transfer-encoding'], 'chunked');
  });

  it('tells an answer that breaks off from one that is complete, and ends what is aborted', async (t) => {
    const gateway = await opened(t, { config: config() });
    const cut = await gateway.fetch('http://a/cut');
    await assert.rejects(cut.text());
    const controller = new AbortController();
    const asked = gateway.fetch('http://a/slow', { signal: controller.signal });
    await once(echo.server, 'request');
    controller.abort(new Error('enough'));
    await assert.rejects(asked, /enough/);
    echo.release();
    await assert.rejects(gateway.fetch('https://a/'), /over http:, not https:/);
    await assert.rejects(gateway.fetch('http://a/', { headers: { Upgrade: 'websocket' } }), /cannot leave HTTP/);
  });

  it('listens when it is started, and stops without losing a request', async () => {
    const gateway = await createGateway({ config: config() });
    const [address] = await gateway.start();
    assert.deepEqual([address?.protocol, address?.address], ['http', '127.0.0.1']);
    const origin = `http://127.0.0.1:${address?.port}`;
    assert.equal((await fetch(`${origin}/x`)).status, 201);
    const slow = fetch(`${origin}/slow`);
    await once(echo.server, 'request');
    const stopped = gateway.stop();
    echo.release();
    assert.equal((await slow).status, 201);
    await stopped;
    await assert.rejects(fetch(`${origin}/x`));
    await assert.rejects(gateway.fetch('http://a/'), /has stopped/);
    await gateway.stop();
  });

  it('is stopped in time, whatever its clients do', async () => {
    const gateway = await createGateway({ config: config() });
    const slow = gateway.fetch('http://a/slow');
    slow.catch(() => undefined);
    await once(echo.server, 'request');
    await gateway.stop({ drain_ms: 10 });
    await assert.rejects(slow);
    echo.release();
  });

  it('takes another configuration as a whole, and none that has a problem', async () => {
    const gateway = await createGateway({ config: config({ routes: [] }) });
    assert.equal((await gateway.fetch('http://a/')).status, 404);
    assert.deepEqual(await gateway.apply(config()), { revision: 2, warnings: [] });
    assert.equal((await gateway.fetch('http://a/')).status, 201);
    const wrong = config({
      routes: [
        { id: 'x', uri: '/x', upstream: { nodes: { 'a:0': 1 } } },
        { id: 'y', plugins: { ...limitCount({ count: 0 }) } },
      ],
    });
    const error = (await gateway.apply(wrong).catch((reason: unknown) => reason)) as ConfigurationError;
    assert.ok(error instanceof ConfigurationError);
    assert.deepEqual(
      error.problems.map((problem) => problem.path),
      ['routes[0].upstream.nodes["a:0"]', 'routes[1]', 'routes[1].plugins.limit-count.count'].filter((at) =>
        error.problems.some((problem) => problem.path === at),
      ),
      error.message,
    );
    assert.ok(error.problems.length >= 2, error.message);
    assert.equal(gateway.revision, 2);
    assert.equal((await gateway.fetch('http://a/')).status, 201);
    await assert.rejects(
      gateway.apply(config({ gateway: { http: [{ port: 1 }] } })),
      /cannot change while the gateway runs/,
    );
    await gateway.stop();
    await assert.rejects(gateway.apply(config()), /has stopped/);
  });

  it('keeps what limits have counted when something else changes', async (t) => {
    const plugins = limitCount({ count: 2, time_window: 60, rejected_code: 429 });
    const route = { id: 'limited', uri: '/limited', plugins, upstream: upstream() };
    const gateway = await opened(t, { config: config({ routes: [route] }) });
    const ask = async () => (await gateway.fetch('http://a/limited')).status;
    assert.equal(await ask(), 201);
    await gateway.apply(config({ routes: [route, { id: 'new', uri: '/new', upstream: upstream() }] }));
    assert.deepEqual([await ask(), await ask()], [201, 429]);
  });

  it('has plugins of the program, told what became of each exchange', async (t) => {
    const told: ExchangeRecord[] = [];
    const seen: string[] = [];
    const own = definePlugin({
      name: 'own',
      priority: 1,
      summary: 'Of the program.',
      schema: { type: 'object', properties: { header: { type: 'string', default: 'X-Own' } } },
      create: ({ header }) => ({ log: (exchange) => void seen.push(`${header} ${exchange.request.path}`) }),
    });
    const routes = [{ id: 'keyed', uri: '/keyed', plugins: { ...keyAuth(), own: {} }, upstream: upstream() }];
    const consumers = [{ username: 'jack', plugins: keyAuthCredential({ key: 'k' }) }];
    const gateway = await opened(t, {
      config: config({ routes, consumers }),
      plugins: [own],
      onExchange: (record) => void told.push(record),
    });
    await (await gateway.fetch('http://a/keyed', { headers: { apikey: 'k' }, remoteAddress: '192.0.2.7' })).text();
    await (await gateway.fetch('http://a/keyed')).text();
    await (await gateway.fetch('http://a/keyes')).text();
    assert.deepEqual(seen, ['X-Own /keyed', 'X-Own /keyed']);
    assert.deepEqual(
      told.map(({ status, routeId, consumer, repliedBy, errorCode, nodes, nearRoutes, remoteAddress }) => {
        return [status, routeId, consumer, repliedBy, errorCode, nodes.length, nearRoutes, remoteAddress];
      }),
      [
        [201, 'keyed', 'jack', 'upstream', '', 1, '', '192.0.2.7'],
        [401, 'keyed', '', 'key-auth', told[1]?.errorCode, 0, '', '127.0.0.1'],
        [404, '', '', 'gateway', 'route_not_found', 0, 'keyed: path "/keyes" does not match "/keyed"', '127.0.0.1'],
      ],
    );
    assert.match(gateway.metrics(), /apisix_http_requests_total 3/);
  });

  it('confines what the callbacks of the program throw', async () => {
    const lines: string[] = [];
    const gateway = await createGateway({
      config: config(),
      onLog: (line) => void lines.push(line),
      onExchange: () => {
        throw new Error('of the program');
      },
    });
    assert.equal((await gateway.fetch('http://a/')).status, 201);
    await gateway.stop();
    assert.match(lines.join('\n'), /error on_exchange_fault .*of the program/);
  });

  it('refuses what only a process of its own can honour, with all other problems', async () => {
    const gatewaySettings = {
      workers: 4,
      pid_file: 'x.pid',
      metrics: { port: 9091 },
      control: { port: 9999 },
      store: { type: 'embedded' as const, path: 'x' },
      admin: { enabled: true, keys: [{ name: 'a', key: '0123456789abcdef0123456789abcdef', role: 'admin' as const }] },
    };
    const error = (await createGateway({ config: { gateway: gatewaySettings, routes: [{ id: 'r' }] } }).catch(
      (reason: unknown) => reason,
    )) as ConfigurationError;
    const paths = error.problems.map((problem) => problem.path);
    for (const key of Object.keys(gatewaySettings))
      assert.ok(paths.includes(`gateway.${key}`), `${key}: ${error.message}`);
    assert.ok(
      paths.some((at) => at.startsWith('routes[0]')),
      error.message,
    );
  });

  it('reads a file as run does, with lines and own plugins', async (t) => {
    const file = path.join(folder, 'gatewright.yaml');
    writeFileSync(path.join(folder, 'mine.ts'), OWN);
    const yaml = (status: string) =>
      `gateway: { plugin_files: [mine.ts] }\nroutes:\n  - id: r\n    uri: \${{PATH_OF}}\n    plugins: { mine: { status: ${status} } }\n`;
    writeFileSync(file, yaml('418'));
    const gateway = await opened(t, { config: file, env: { PATH_OF: '/tea' } });
    assert.equal((await gateway.fetch('http://a/tea')).status, 418);
    writeFileSync(file, yaml('lots'));
    const error = (await gateway.apply(file).catch((reason: unknown) => reason)) as ConfigurationError;
    assert.match(
      error.message,
      /has a problem:\n {2}\S+gatewright\.yaml:5: routes\[0\]\.plugins\.mine\.status: expected an integer/,
    );
    await assert.rejects(createGateway({ config: path.join(folder, 'none.yaml') }), /cannot read/);
  });

  it('is one of several in a process, which share nothing', async () => {
    const routes = [{ id: 'r', uri: '/', plugins: limitCount({ count: 1, time_window: 60 }), upstream: upstream() }];
    const gateways = await Promise.all(Array.from({ length: 3 }, () => createGateway({ config: config({ routes }) })));
    const all = (ask: (gateway: Gateway) => Promise<Response>) => Promise.all(gateways.map(ask));
    assert.deepEqual(
      (await all((one) => one.fetch('http://a/'))).map(({ status }) => status),
      [201, 201, 201],
    );
    assert.deepEqual(
      (await all((one) => one.fetch('http://a/'))).map(({ status }) => status),
      [503, 503, 503],
    );
    await Promise.all(gateways.map((one) => one.stop()));
  });

  it('leaves signals and the end of the process to the program', async () => {
    const program = `
      import { createGateway } from ${JSON.stringify(path.resolve(import.meta.dirname, '../index.ts'))};
      const before = process.eventNames().length;
      const gateway = await createGateway({ config: { gateway: { http: [{ address: '127.0.0.1', port: 0 }] }, routes: [] } });
      await gateway.start();
      await gateway.fetch('http://a/');
      await gateway.stop();
      console.log(process.eventNames().length - before);
    `;
    const file = path.join(folder, 'program.ts');
    writeFileSync(file, program);
    // It ends by itself: nothing keeps it.
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], { timeout: 50_000 });
    assert.deepEqual([stdout.trim(), stderr], ['0', '']);
  });
});

const OWN = `import { definePlugin } from 'gatewright/sdk';
export default definePlugin({
  name: 'mine', priority: 1, summary: 'x',
  schema: { type: 'object', required: ['status'], properties: { status: { type: 'integer' } } },
  create: ({ status }) => ({ access: () => ({ status }) }),
});
`;
