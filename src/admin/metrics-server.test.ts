import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { startMetricsServer } from './metrics-server.ts';
import type { MetricsServer, MetricsText } from './metrics-server.ts';

interface Running {
  readonly server: MetricsServer;
  readonly errors: unknown[];
  readonly accepts: (string | undefined)[];
}

async function start(t: TestContext, pieces: () => Iterable<string>): Promise<Running> {
  const errors: unknown[] = [];
  const accepts: (string | undefined)[] = [];
  const server = await startMetricsServer({
    address: '127.0.0.1',
    port: 0,
    path: '/apisix/prometheus/metrics',
    render(accept): MetricsText {
      accepts.push(accept);
      return { contentType: 'text/plain; version=0.0.4', pieces: pieces() };
    },
    onError: (error) => errors.push(error),
  });
  t.after(() => server.close());
  return { server, errors, accepts };
}

/** Sends a request and gives everything that comes until the server closes the connection. */
async function ask(port: number, line: string, fields = ''): Promise<string> {
  const socket = net.connect(port, '127.0.0.1');
  let answer = '';
  socket.setEncoding('latin1').on('data', (text: string) => (answer += text));
  socket.write(`${line} HTTP/1.1\r\nHost: x\r\n${fields}Connection: close\r\n\r\n`);
  await once(socket, 'close');
  return answer;
}

test('each path and method gets its answer', async (t) => {
  const { server } = await start(t, () => ['a 1\n', 'b 2\n']);
  const rows: [line: string, status: number, body: RegExp][] = [
    ['GET /apisix/prometheus/metrics', 200, /^4\r\na 1\n\r\n4\r\nb 2\n\r\n0\r\n\r\n$/],
    ['GET /apisix/prometheus/metrics?name=x', 200, /a 1/],
    ['HEAD /apisix/prometheus/metrics', 200, /^$/],
    ['POST /apisix/prometheus/metrics', 405, /405 Method Not Allowed/],
    ['GET /apisix/prometheus/metrics/', 404, /404 Not Found/],
    ['GET /metrics', 404, /404 Not Found/],
    ['DELETE /', 404, /404 Not Found/],
  ];
  for (const [line, status, body] of rows) {
    const answer = await ask(server.port, line);
    const end = answer.indexOf('\r\n\r\n');
    const head = answer.slice(0, end);
    assert.match(head, new RegExp(`^HTTP/1\\.1 ${status} `), line);
    assert.match(head, /\r\nServer: Gatewright\r\n/, line);
    assert.match(head, /\r\nCache-Control: no-store\r\n/, line);
    assert.equal(head.includes('text/plain; version=0.0.4'), status === 200, line);
    assert.equal(head.includes('\r\nAllow: GET, HEAD'), status === 405, line);
    assert.match(answer.slice(end + 4), body, line);
  }
});

test('the field Accept reaches who renders', async (t) => {
  const { server, accepts } = await start(t, () => ['']);
  await ask(server.port, 'GET /apisix/prometheus/metrics', 'Accept: text/plain\r\n');
  await ask(server.port, 'GET /apisix/prometheus/metrics');
  assert.deepEqual(accepts, ['text/plain', undefined]);
});

test('a failure before the first piece is a 500 that shows nothing of it, a later one cuts the answer short', async (t) => {
  const fault = new Error('/secret/path');
  let good = 0;
  const { server, errors } = await start(t, function* () {
    for (let left = good; left > 0; left--) yield 'a 1\n';
    throw fault;
  });
  const refused = await ask(server.port, 'GET /apisix/prometheus/metrics');
  assert.match(refused, /^HTTP\/1\.1 500 /);
  assert.ok(!refused.includes('secret'));
  good = 2;
  const cut = await ask(server.port, 'GET /apisix/prometheus/metrics');
  assert.match(cut, /^HTTP\/1\.1 200 /);
  assert.ok(!cut.endsWith('0\r\n\r\n'));
  assert.deepEqual(errors, [fault, fault]);
});

test('a client that takes nothing holds up the making of pieces, and a client that left ends it', async (t) => {
  let made = 0;
  const ended = Promise.withResolvers<void>();
  const most = 4000;
  const { server, errors } = await start(t, function* () {
    try {
      for (; made < most; made++) yield 'x'.repeat(65_536);
    } finally {
      ended.resolve();
    }
  });
  const socket = net.connect(server.port, '127.0.0.1').pause();
  socket.write('GET /apisix/prometheus/metrics HTTP/1.1\r\nHost: x\r\n\r\n');
  // A second exchange on its own connection shows that the server goes on meanwhile.
  await once(socket, 'connect');
  assert.match(await ask(server.port, 'GET /'), /^HTTP\/1\.1 404 /);
  let before = -1;
  while (before !== made || made === 0) {
    before = made;
    for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate);
  }
  assert.ok(made < most, `${made} pieces`);
  socket.destroy();
  await ended.promise;
  assert.deepEqual(errors, []);
});
