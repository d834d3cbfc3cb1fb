import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import tls from 'node:tls';
import { PAIR } from '../../../test/certificate.ts';
import { freePort } from '../../../test/free-port.ts';
import { connecting } from '../../../test/listeners/client.ts';
import { openLab, routeWith } from '../../../test/plugins/lab.ts';
import { requireProgram } from '../../../test/require-program.ts';
import { eventually } from '../../../test/e2e/waiting.ts';
import { type ProxyHeader, readProxyHeader } from '../../proxy-protocol/header.ts';

interface Seen {
  readonly header: ProxyHeader;
  readonly request: string;
}

const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** A node that expects the PROXY protocol, perhaps before TLS. */
async function node(t: TestContext, isSecured: boolean): Promise<{ port: number; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('readable', () => {
      const bytes = socket.read() as Buffer;
      const header = readProxyHeader(bytes);
      assert.ok(typeof header === 'object', JSON.stringify(header));
      socket.unshift(bytes.subarray(header.length));
      const inner = isSecured ? new tls.TLSSocket(socket, { isServer: true, ...PAIR }) : socket;
      inner.on('error', () => undefined);
      inner.on('data', (request: Buffer) => {
        seen.push({ header, request: request.toString() });
        inner.write(ANSWER);
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return { port: (server.address() as AddressInfo).port, seen };
}

for (const version of [1, 2] as const) {
  for (const isSecured of [false, true]) {
    test(`version ${version} begins each connection${isSecured ? ', before TLS' : ''}, which serves one request`, async (t) => {
      const { port, seen } = await node(t, isSecured);
      const scheme = isSecured ? { scheme: 'https', pass_host: 'rewrite', upstream_host: 'a.example' } : {};
      const plugins = { 'upstream-proxy-protocol': { version } };
      const upstream = { nodes: { [`127.0.0.1:${port}`]: 1 }, ...scheme };
      const lab = await openLab(t, routeWith(plugins, { upstream }), { authorities: [PAIR.cert] });
      for (const from of ['127.0.0.5', '127.0.0.6']) {
        const { status, text } = await lab.request('/x', { from });
        assert.deepEqual([status, text], [200, 'ok']);
      }
      assert.deepEqual(
        seen.map(({ header }) => [header.source?.address, header.destination]),
        ['127.0.0.5', '127.0.0.6'].map((from) => [from, { address: '127.0.0.1', port: lab.port }]),
      );
      for (const { request } of seen) assert.match(request, /^GET \/x HTTP\/1\.1\r\n/);
      await eventually(
        () => lab.worker.counts.upstreams === 0,
        () => 'a connection is kept',
      );
      assert.deepEqual(lab.upstreamTlsFailed, []);
    });
  }
}

/** A node that expects the PROXY protocol, perhaps before TLS, and HTTP/2 behind it. */
async function http2Node(t: TestContext, isSecured: boolean): Promise<{ port: number; seen: string[] }> {
  const seen: string[] = [];
  const answer = (_request: unknown, response: http2.Http2ServerResponse): void => {
    response.end('ok');
  };
  const inner = isSecured ? http2.createSecureServer(PAIR, answer) : http2.createServer(answer);
  inner.on('sessionError', () => undefined);
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('readable', () => {
      const bytes = socket.read() as Buffer;
      const header = readProxyHeader(bytes);
      assert.ok(typeof header === 'object', JSON.stringify(header));
      seen.push(header.source?.address ?? '');
      socket.unshift(bytes.subarray(header.length));
      inner.emit('connection', socket);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port: (server.address() as AddressInfo).port, seen };
}

const HTTP2: readonly (readonly [what: string, scheme: string, plugin: object | null])[] = [
  ['the scheme grpc', 'grpc', null],
  ['the scheme grpcs', 'grpcs', null],
  ['upstream-http2, which requires HTTP/2', 'https', { required: true }],
  ['upstream-http2 by prior knowledge', 'http', { prior_knowledge: true }],
];
for (const [what, scheme, plugin] of HTTP2) {
  test(`with ${what} each connection speaks HTTP/2 for one request`, async (t) => {
    const isSecured = scheme === 'grpcs' || scheme === 'https';
    const { port, seen } = await http2Node(t, isSecured);
    const plugins = { 'upstream-proxy-protocol': {}, ...(plugin === null ? {} : { 'upstream-http2': plugin }) };
    const named = { pass_host: 'rewrite', upstream_host: 'a.example' };
    const upstream = { nodes: { [`127.0.0.1:${port}`]: 1 }, scheme, ...named };
    const lab = await openLab(t, routeWith(plugins, { upstream }), { authorities: [PAIR.cert] });
    const clients = ['127.0.0.5', '127.0.0.6', '127.0.0.5'];
    for (const from of clients) {
      const { status, text } = await lab.request('/x', { from, method: 'POST', body: 'x'.repeat(100_000) });
      assert.deepEqual([status, text], [200, 'ok']);
    }
    assert.deepEqual(seen, clients);
    await eventually(
      () => lab.worker.counts.upstreams === 0,
      () => 'a connection is kept',
    );
  });
}

test('a route without the plugin shares connections as ever, and one with it does not take them', async (t) => {
  const { port, seen } = await node(t, false);
  const nodes = { [`127.0.0.1:${port}`]: 1 };
  const routes = [
    { uri: '/told', plugins: { 'upstream-proxy-protocol': {} }, upstream: { nodes } },
    { uri: '/*', upstream: { nodes: { $UPSTREAM: 1 } } },
  ];
  const lab = await openLab(t, JSON.stringify({ routes }));
  for (const path of ['/a', '/told', '/b', '/told']) assert.equal((await lab.request(path)).status, 200);
  assert.equal(seen.length, 2);
  assert.equal(lab.worker.counts.idleUpstreams, 1);
});

test('a node that cannot be reached is passed over, and says so where it is the only one', async (t) => {
  const { port, seen } = await node(t, false);
  const dead = await freePort();
  const plugins = { 'upstream-proxy-protocol': {} };
  const nodes = { [`127.0.0.1:${dead}`]: 1, [`127.0.0.1:${port}`]: 1 };
  const lab = await openLab(t, routeWith(plugins, { upstream: { nodes } }));
  for (let i = 0; i < 3; i++) assert.equal((await lab.request('/')).status, 200);
  assert.equal(seen.length, 3);
  for (const scheme of ['http', 'https']) {
    lab.reload(routeWith(plugins, { upstream: { scheme, nodes: { [`127.0.0.1:${dead}`]: 1 } } }));
    assert.equal((await lab.request('/')).status, 502);
  }
  assert.equal(lab.worker.counts.upstreams, 0);
});

test('HAProxy learns of the client by both versions', async (t) => {
  const haproxy = requireProgram(t, 'haproxy');
  if (haproxy === undefined) return;
  const folder = mkdtempSync(path.join(tmpdir(), 'gatewright-haproxy-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const port = await freePort();
  const file = path.join(folder, 'haproxy.cfg');
  const answer = 'http-request return status 200 content-type text/plain lf-string "%[src] %[src_port]"';
  writeFileSync(
    file,
    `defaults\n  mode http\n  timeout client 5s\n  timeout http-request 5s\nfrontend f\n  bind 127.0.0.1:${port} accept-proxy\n  ${answer}\n`,
  );
  const child = spawn(haproxy, ['-db', '-f', file], { stdio: 'ignore' });
  t.after(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null) await once(child, 'exit');
  });
  await eventually(
    async () => (await connecting({ port })) === 'connected',
    () => 'HAProxy does not listen',
  );
  const route = (version: number): string =>
    routeWith({ 'upstream-proxy-protocol': { version } }, { upstream: { nodes: { [`127.0.0.1:${port}`]: 1 } } });
  const lab = await openLab(t, route(1));
  assert.match((await lab.request('/', { from: '127.0.0.9' })).text, /^127\.0\.0\.9 \d+$/);
  lab.reload(route(2));
  assert.match((await lab.request('/', { from: '127.0.0.10' })).text, /^127\.0\.0\.10 \d+$/);
});
