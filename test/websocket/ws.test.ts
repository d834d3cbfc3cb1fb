/** Real clients and servers of WebSocket, the example of docs/websocket.md, plugins at the handshake, and TLS in front. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { WebSocket, WebSocketServer, type ClientOptions, type RawData } from 'ws';
import { definePlugin } from '../../src/sdk/index.ts';
import { type Lab, type LabOptions, openLab } from '../plugins/lab.ts';
import { requireProgram } from '../require-program.ts';
import { Certificates } from '../tls/certificates.ts';
import { eventually } from '../traps/lab.ts';

/** Echoes messages; `close CODE` closes with that code. */
async function echoServer(t: TestContext): Promise<number> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true });
  t.after(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  server.on('connection', (socket) => {
    socket.on('message', (data: Buffer, isBinary) => {
      const code = /^close (\d+)$/.exec(isBinary ? '' : data.toString())?.[1];
      if (code === undefined) socket.send(data, { binary: isBinary });
      else socket.close(Number(code), 'as asked');
    });
    socket.on('error', () => {});
  });
  await once(server, 'listening');
  return (server.address() as { port: number }).port;
}

async function open(url: string, options: ClientOptions = {}): Promise<WebSocket> {
  const client = new WebSocket(url, options);
  await once(client, 'open');
  client.on('error', () => {});
  return client;
}

async function answered(client: WebSocket): Promise<{ data: Buffer; isBinary: boolean }> {
  const [data, isBinary] = (await once(client, 'message')) as [RawData, boolean];
  return { data: data as Buffer, isBinary };
}

/** Everything that a client does with an echo. */
async function converse(client: WebSocket): Promise<void> {
  client.send('grüße');
  assert.equal((await answered(client)).data.toString(), 'grüße');
  const large = randomBytes(1_048_576);
  client.send(large);
  const { data, isBinary } = await answered(client);
  assert.ok(isBinary && data.equals(large));
  client.send('one ', { fin: false });
  client.send('message', { fin: true });
  assert.equal((await answered(client)).data.toString(), 'one message');
  client.ping('here?');
  assert.equal(String((await once(client, 'pong'))[0]), 'here?');
  client.send('close 4000');
  const [code, reason] = (await once(client, 'close')) as [number, Buffer];
  assert.deepEqual([code, reason.toString()], [4000, 'as asked']);
}

/** The status with which the handshake was answered. */
async function refusedWith(url: string, options: ClientOptions = {}): Promise<number | undefined> {
  const client = new WebSocket(url, options);
  client.on('error', () => {});
  const [, response] = (await once(client, 'unexpected-response')) as [unknown, { statusCode?: number }];
  client.terminate();
  return response.statusCode;
}

const logged = (lab: Lab, count: number): Promise<void> =>
  eventually(
    () => lab.log.length >= count,
    () => `${lab.log.length} of ${count} exchanges are over`,
  );

describe('the example of the page', () => {
  const page = readFileSync(path.resolve(import.meta.dirname, '../../docs/websocket.md'), 'utf8');
  const example = /```yaml\n([^]*?)```/.exec(page)?.[1] ?? '';

  async function openExample(t: TestContext, change = (text: string) => text): Promise<{ lab: Lab; url: string }> {
    const port = await echoServer(t);
    const lab = await openLab(t, change(example.replace('127.0.0.1:8080', `127.0.0.1:${port}`)));
    return { lab, url: `ws://127.0.0.1:${lab.port}/chat` };
  }

  test('carries text, binary, fragments, pings and close codes, and is logged once', async (t) => {
    const { lab, url } = await openExample(t);
    await converse(await open(url, { headers: { apikey: 'jacks-key' } }));
    await logged(lab, 1);
    const [{ status, errorCode, consumerName }] = lab.log as [Lab['log'][number]];
    assert.deepEqual([status, errorCode, consumerName], [101, '', 'jack']);
  });

  test('authenticates at the handshake', async (t) => {
    const { lab, url } = await openExample(t);
    assert.equal(await refusedWith(url), 401);
    assert.equal(await refusedWith(url, { headers: { apikey: 'other' } }), 401);
    await logged(lab, 2);
  });

  test('counts a connection for as long as it lasts', async (t) => {
    const { lab, url } = await openExample(t, (text) => text.replace('conn: 100', 'conn: 1'));
    const headers = { apikey: 'jacks-key' };
    const first = await open(url, { headers });
    assert.equal(await refusedWith(url, { headers }), 429);
    first.close();
    await logged(lab, 2);
    const second = await open(url, { headers });
    second.close();
    await logged(lab, 3);
    assert.deepEqual(
      lab.log.map(({ status }) => status),
      [429, 101, 101],
    );
  });
});

const routeTo = (port: number, more: object = {}): string =>
  JSON.stringify({
    routes: [{ uri: '/*', enable_websocket: true, upstream: { nodes: { [`127.0.0.1:${port}`]: 1 } }, ...more }],
  });

describe('enable_websocket', () => {
  test('of a service serves its routes that do not say', async (t) => {
    const port = await echoServer(t);
    const upstream = { nodes: { [`127.0.0.1:${port}`]: 1 } };
    const lab = await openLab(
      t,
      JSON.stringify({
        services: [{ id: 's', enable_websocket: true, upstream }],
        routes: [
          { uri: '/silent', service_id: 's' },
          { uri: '/no', service_id: 's', enable_websocket: false },
          { uri: '/alone', upstream },
        ],
      }),
    );
    const client = await open(`ws://127.0.0.1:${lab.port}/silent`);
    client.close();
    // The server of the package answers what asks for no upgrade with 426.
    for (const uri of ['/no', '/alone']) assert.equal(await refusedWith(`ws://127.0.0.1:${lab.port}${uri}`), 426);
    await logged(lab, 3);
  });
});

describe('plugins', () => {
  const phases: string[] = [];
  const watcher = definePlugin({
    name: 'watcher',
    priority: 1,
    summary: 'Notes the phases that run.',
    schema: { type: 'object', properties: { status: { type: 'integer', default: 0, description: 'Sets it.' } } },
    create: ({ status }) => ({
      rewrite: () => void phases.push('rewrite'),
      access: () => void phases.push('access'),
      beforeProxy: () => void phases.push('beforeProxy'),
      responseHead(exchange) {
        phases.push(`responseHead ${exchange.response.status}`);
        exchange.response.setHeader('X-Seen', 'yes');
        if (status !== 0 && exchange.response.isFromUpstream) exchange.response.setStatus(status);
      },
      responseBody(_, piece) {
        phases.push('responseBody');
        return piece;
      },
      log: () => void phases.push('log'),
    }),
  });
  const options: LabOptions = { plugins: [watcher] };

  test('take part up to the head of the 101, and log at the end', async (t) => {
    phases.length = 0;
    const lab = await openLab(t, routeTo(await echoServer(t), { plugins: { watcher: {} } }), options);
    const client = new WebSocket(`ws://127.0.0.1:${lab.port}/`);
    const opened = once(client, 'open');
    const [response] = (await once(client, 'upgrade')) as [{ headers: Record<string, string> }];
    assert.equal(response.headers['x-seen'], 'yes');
    assert.equal(response.headers['server'], 'Gatewright');
    await opened;
    assert.deepEqual(phases, ['rewrite', 'access', 'beforeProxy', 'responseHead 101']);
    client.close();
    await logged(lab, 1);
    assert.equal(phases.at(-1), 'log');
    assert.equal(phases.length, 5);
  });

  test('that want another answer than the 101 get an error in its place, and no tunnel', async (t) => {
    const lab = await openLab(t, routeTo(await echoServer(t), { plugins: { watcher: { status: 200 } } }), options);
    assert.equal(await refusedWith(`ws://127.0.0.1:${lab.port}/`), 500);
    await logged(lab, 1);
    assert.equal(lab.log[0]?.errorCode, 'plugin_failed');
  });
});

test('WebSocket over TLS is what it is without', async (t) => {
  if (requireProgram(t, 'openssl') === undefined) return;
  const files = new Certificates();
  t.after(() => files.remove());
  const authority = files.selfSigned('test authority');
  const text = JSON.stringify({
    gateway: { http: [{ port: 0 }], https: [{ address: '127.0.0.1', port: 0 }] },
    ...(JSON.parse(routeTo(await echoServer(t))) as object),
    ssls: [{ id: 'one', snis: ['one.test'], ...authority.issue('one.test') }],
  });
  const lab = await openLab(t, text);
  const url = `wss://127.0.0.1:${lab.tlsPorts[0]}/`;
  const options = { ca: authority.cert, servername: 'one.test', headers: { Host: 'one.test' } };
  await converse(await open(url, options));
  await logged(lab, 1);
  const broken = await open(url, options);
  broken.terminate();
  await logged(lab, 2);
  assert.deepEqual(
    lab.log.map(({ status }) => status),
    [101, 101],
  );
});
