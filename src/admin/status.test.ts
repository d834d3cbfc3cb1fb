import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { startStatusServer } from './status.ts';
import type { Readiness, StatusServer } from './status.ts';

interface Running {
  readonly server: StatusServer;
  readiness: Readiness | Error;
  readonly errors: unknown[];
}

async function start(t: TestContext): Promise<Running> {
  const errors: unknown[] = [];
  const running = { readiness: { ready: true, reason: '' } as Readiness | Error, errors };
  const server = await startStatusServer({
    address: '127.0.0.1',
    port: 0,
    isReady() {
      if (running.readiness instanceof Error) throw running.readiness;
      return running.readiness;
    },
    onError: (error) => errors.push(error),
  });
  t.after(() => server.close());
  return Object.assign(running, { server });
}

/** Sends raw bytes and gives everything that comes until the server closes the connection. */
async function exchange(port: number, request: string): Promise<string> {
  const socket = net.connect(port, '127.0.0.1');
  let answer = '';
  socket.setEncoding('latin1').on('data', (text: string) => (answer += text));
  socket.write(request);
  await once(socket, 'close');
  return answer;
}

const ask = (port: number, line: string): Promise<string> =>
  exchange(port, `${line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);

test('each path and method gets the documented answer', async (t) => {
  const { server } = await start(t);
  const rows: [line: string, status: number, body: string][] = [
    ['GET /status', 200, '{"status":"ok"}\n'],
    ['GET /status?verbose=1', 200, '{"status":"ok"}\n'],
    ['HEAD /status', 200, ''],
    ['GET /status/ready', 200, '{"status":"ok"}\n'],
    ['HEAD /status/ready', 200, ''],
    ['POST /status', 405, '{"error_msg":"405 Method Not Allowed"}\n'],
    ['DELETE /status/ready', 405, '{"error_msg":"405 Method Not Allowed"}\n'],
    ['GET /', 404, '{"error_msg":"404 Not Found"}\n'],
    ['GET /status/', 404, '{"error_msg":"404 Not Found"}\n'],
    ['GET /statusx', 404, '{"error_msg":"404 Not Found"}\n'],
    ['POST /elsewhere', 404, '{"error_msg":"404 Not Found"}\n'],
  ];
  for (const [line, status, body] of rows) {
    const [head = '', ...rest] = (await ask(server.port, line)).split('\r\n\r\n');
    assert.match(head, new RegExp(`^HTTP/1\\.1 ${status} `), line);
    assert.match(head, /\r\nContent-Type: application\/json\r\n/, line);
    assert.match(head, /\r\nServer: Gatewright\r\n/, line);
    assert.equal(/\r\nAllow: GET, HEAD\r\n/.test(head), status === 405, line);
    assert.equal(rest.join('\r\n\r\n'), body, line);
  }
});

test('readiness turns to 503 with its reason and back', async (t) => {
  const running = await start(t);
  running.readiness = { ready: false, reason: 'no configuration yet' };
  const refused = await ask(running.server.port, 'GET /status/ready');
  assert.match(refused, /^HTTP\/1\.1 503 /);
  assert.ok(refused.endsWith('\r\n\r\n{"status":"error","error":"no configuration yet"}\n'));
  assert.match(await ask(running.server.port, 'GET /status'), /^HTTP\/1\.1 200 /);
  running.readiness = { ready: true, reason: '' };
  assert.match(await ask(running.server.port, 'GET /status/ready'), /^HTTP\/1\.1 200 /);
});

test('an exception of isReady is a 503 that shows nothing of it', async (t) => {
  const running = await start(t);
  running.readiness = new Error('/secret/path');
  const answer = await ask(running.server.port, 'GET /status/ready');
  assert.match(answer, /^HTTP\/1\.1 503 /);
  assert.ok(!answer.includes('secret'));
  assert.deepEqual(running.errors, [running.readiness]);
});

test('remarks stand beside the status or take its place, and their failure changes neither answer', async (t) => {
  let remarks = (): Readonly<Record<string, unknown>> => ({ status: 'degraded', problems: 1 });
  const errors: unknown[] = [];
  const server = await startStatusServer({
    address: '127.0.0.1',
    port: 0,
    isReady: () => ({ ready: true, reason: '' }),
    remarks: () => remarks(),
    onError: (error) => errors.push(error),
  });
  t.after(() => server.close());
  const bodies = async (): Promise<unknown[]> => {
    const answers = await Promise.all(['/status', '/status/ready'].map((path) => ask(server.port, `GET ${path}`)));
    assert.ok(answers.every((answer) => answer.startsWith('HTTP/1.1 200 ')));
    return answers.map((answer) => JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))) as unknown);
  };
  const degraded = { status: 'degraded', problems: 1 };
  assert.deepEqual(await bodies(), [degraded, degraded]);
  const fault = new Error('secret');
  remarks = () => {
    throw fault;
  };
  assert.deepEqual(await bodies(), [{ status: 'ok' }, { status: 'ok' }]);
  assert.deepEqual(errors, [fault, fault]);
});

test('a taken port rejects with the error of the system', async (t) => {
  const { server } = await start(t);
  const second = startStatusServer({
    address: '127.0.0.1',
    port: server.port,
    isReady: () => ({ ready: true, reason: '' }),
    onError: assert.fail,
  });
  await assert.rejects(second, { code: 'EADDRINUSE' });
});

test('what is no probe is refused, and the server goes on', async (t) => {
  const { server, errors } = await start(t);
  const rows: [name: string, request: string, status: number][] = [
    ['noise', '\x16\x03\x01\r\n\r\n', 400],
    ['no host', 'GET /status HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
    ['a large head', `GET /status HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(9000)}\r\n\r\n`, 431],
    ['a body', 'GET /status HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello', 200],
    ['a body to come', 'GET /status HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n', 200],
    ['an odd expectation', 'GET /status HTTP/1.1\r\nHost: x\r\nExpect: cake\r\nConnection: close\r\n\r\n', 200],
  ];
  for (const [name, request, status] of rows) {
    assert.match(await exchange(server.port, request), new RegExp(`^HTTP/1\\.1 ${status} `), name);
  }
  assert.match(await ask(server.port, 'GET /status'), /^HTTP\/1\.1 200 /);
  assert.deepEqual(errors, []);
});

test('closing ends idle connections and the port', async (t) => {
  const { server } = await start(t);
  const agent = new http.Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const response = await new Promise<http.IncomingMessage>((resolve) => {
    http.get({ host: '127.0.0.1', port: server.port, path: '/status', agent }, resolve);
  });
  const idle = once(response.socket, 'close');
  response.resume();
  await once(response, 'end');
  await server.close();
  await idle;
  const probe = net.connect(server.port, '127.0.0.1');
  const [error] = (await once(probe, 'error')) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'ECONNREFUSED');
});

test('the port is told when any free one was asked for', async (t) => {
  const { server } = await start(t);
  const probe = net.connect(server.port, '127.0.0.1');
  await once(probe, 'connect');
  assert.equal((probe.address() as AddressInfo).address, '127.0.0.1');
  probe.destroy();
});
