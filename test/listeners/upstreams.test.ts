/** Nodes at all kinds of places: IPv6, UNIX domain sockets, in the clear and over TLS; and listeners of IPv6. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import type net from 'node:net';
import type { AddressInfo } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { PAIR } from '../certificate.ts';
import { type Lab, openLab, problemsOf } from '../plugins/lab.ts';
import { askAt, type Place } from './client.ts';

const told: http.RequestListener = ({ headers, url }, response) => response.end(JSON.stringify({ url, ...headers }));

async function serve(t: TestContext, where: net.ListenOptions, isSecured = false): Promise<net.Server> {
  const server = isSecured ? https.createServer(PAIR, told) : http.createServer(told);
  server.listen(where);
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return server;
}

function socketPath(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatewright-nodes-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return path.join(folder, 'x.sock');
}

const portOf = (server: net.Server): number => (server.address() as AddressInfo).port;

const routeTo = (upstream: object): string => JSON.stringify({ routes: [{ id: 'r', uri: '/*', upstream }] });

const body = ({ text }: { readonly text: string }) => JSON.parse(text) as Record<string, string>;

describe('a node on a UNIX domain socket', () => {
  for (const form of ['a map', 'a list']) {
    test(`is written into ${form}, and its connections are kept`, async (t) => {
      const socket = socketPath(t);
      const server = await serve(t, { path: socket });
      let connections = 0;
      server.on('connection', () => connections++);
      const node = `unix:${socket}`;
      const nodes = form === 'a map' ? { [node]: 1 } : [{ host: node, weight: 1 }];
      const lab = await openLab(t, routeTo({ nodes }));
      for (let i = 0; i < 3; i++) {
        const { status, text } = await lab.request(`/${i}`);
        assert.equal(status, 200);
        assert.deepEqual([body({ text })['url'], body({ text })['host']], [`/${i}`, 'app.example']);
      }
      assert.equal(connections, 1);
    });
  }

  test('is localhost where the Host is to be that of the node', async (t) => {
    const socket = socketPath(t);
    await serve(t, { path: socket });
    const lab = await openLab(t, routeTo({ nodes: { [`unix:${socket}`]: 1 }, pass_host: 'node' }));
    assert.equal(body(await lab.request('/'))['host'], 'localhost');
  });

  test('is spoken to over TLS by the name that is asked for', async (t) => {
    const socket = socketPath(t);
    await serve(t, { path: socket }, true);
    const upstream = {
      scheme: 'https',
      nodes: { [`unix:${socket}`]: 1 },
      pass_host: 'rewrite',
      upstream_host: 'a.example',
    };
    const lab = await openLab(t, routeTo(upstream), { authorities: [PAIR.cert] });
    assert.equal(body(await lab.request('/'))['host'], 'a.example');
    assert.deepEqual(lab.upstreamTlsFailed, []);
  });

  test('that nobody listens on is passed over for another one, and 502 where there is none', async (t) => {
    const socket = socketPath(t);
    const server = await serve(t, { host: '127.0.0.1', port: 0 });
    const nodes = { [`unix:${socket}`]: 1, [`127.0.0.1:${portOf(server)}`]: 1 };
    const lab = await openLab(t, routeTo({ nodes }));
    for (let i = 0; i < 4; i++) assert.equal((await lab.request('/')).status, 200);
    lab.reload(routeTo({ nodes: { [`unix:${socket}`]: 1 } }));
    assert.equal((await lab.request('/')).status, 502);
  });

  test('has no port, and a path that there can be', () => {
    const cases: readonly [unknown, RegExp | null][] = [
      [{ 'unix:/run/app.sock': 1 }, null],
      [[{ host: 'unix:/run/app.sock', weight: 1 }], null],
      [[{ host: 'unix:/run/app.sock', port: 80, weight: 1 }], /has no port/],
      [{ [`unix:/${'x'.repeat(107)}`]: 1 }, /at most 107/],
      [{ 'unix:relative.sock': 1 }, /is no node/],
      [[{ host: 'unix:', weight: 1 }], /./],
      [{ '[fe80::1%eth0]:80': 1 }, /is no node/],
      [[{ host: 'fe80::1%eth0', port: 80, weight: 1 }], /is no host/],
    ];
    for (const [nodes, problem] of cases) {
      const found = problemsOf(routeTo({ nodes })).join();
      if (problem === null) assert.equal(found, '', JSON.stringify(nodes));
      else assert.match(found, problem, JSON.stringify(nodes));
    }
  });
});

test('a node at an address of IPv6 is reached, written with a port and without', async (t) => {
  const server = await serve(t, { host: '::1', port: 0 });
  const port = portOf(server);
  for (const nodes of [
    { [`[::1]:${port}`]: 1 },
    [{ host: '::1', port, weight: 1 }],
    [{ host: '[::1]', port, weight: 1 }],
  ]) {
    const lab = await openLab(t, routeTo({ nodes, pass_host: 'node' }));
    assert.equal(body(await lab.request('/'))['host'], `[::1]:${port}`);
  }
});

describe('a listener of IPv6', () => {
  async function seen(lab: Lab, place: Place): Promise<string | undefined> {
    assert.equal((await askAt(place, '/')).status, 200);
    return new Map(lab.lastSeen.headers).get('X-Real-IP');
  }

  test('serves its address, or all of both families, each client by its own address', async (t) => {
    const text = routeTo({ nodes: { $UPSTREAM: 1 } });
    const listeners = ['::1', '::'].map((address) => ({ address, port: 0, http2: false }));
    const lab = await openLab(t, text, { listeners });
    const [one = 0, all = 0] = lab.morePorts;
    assert.equal(await seen(lab, { port: one, host: '::1' }), '::1');
    assert.equal(await seen(lab, { port: all, host: '::1' }), '::1');
    assert.equal(await seen(lab, { port: all, host: '127.0.0.1' }), '127.0.0.1');
    await assert.rejects(askAt({ port: one, host: '127.0.0.1' }, '/'));
  });

  test('takes a link-local address with its zone, and rules see the address without it', async (t) => {
    const found = Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
      (addresses ?? []).filter(({ address }) => address.startsWith('fe80:')).map(({ address }) => ({ name, address })),
    );
    // A machine without one has nothing to show here.
    for (const { name, address } of found.slice(0, 1)) {
      const listener = { address: `${address}%${name}`, port: 0, http2: false };
      const lab = await openLab(t, routeTo({ nodes: { $UPSTREAM: 1 } }), { listeners: [listener] });
      assert.equal(await seen(lab, { port: lab.morePorts[0] ?? 0, host: `${address}%${name}` }), address);
    }
  });
});
