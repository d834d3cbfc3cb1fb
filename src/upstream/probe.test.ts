import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { describe, it, type TestContext } from 'node:test';
import { freePort } from '../../test/free-port.ts';
import { requireProgram } from '../../test/require-program.ts';
import type { ActiveChecks, CompiledNode } from '../compile/snapshot.ts';
import { openProbe, type ProbeOutcome, probeText, StatusReader } from './probe.ts';

const CHECKS: ActiveChecks = {
  type: 'http',
  timeout_ms: 1000,
  concurrency: 10,
  method: 'GET',
  path: '/status',
  body: '',
  host: '',
  port: 0,
  verifies: true,
  fields: [],
  healthyInterval_ms: 1000,
  unhealthyInterval_ms: 1000,
  statuses: { healthy: [200], unhealthy: [500] },
  limits: [2, 2, 2, 2],
};

function nodeAt(port: number, host = '127.0.0.1'): CompiledNode {
  const endpoint = `${host}:${port}`;
  return { host, port, weight: 1, priority: 0, authority: endpoint, address: host, endpoint };
}

function outcomeOf(port: number, changes: Partial<ActiveChecks> = {}): Promise<ProbeOutcome> {
  return new Promise((resolve) => openProbe({ ...CHECKS, ...changes }, nodeAt(port), resolve));
}

/** A server that gives the same bytes to everybody who has sent a head; null: closes at once. */
async function serve(
  t: TestContext,
  answer: string | null,
): Promise<{ port: number; heads: string[]; closed: number }> {
  const seen = { port: 0, heads: [] as string[], closed: 0 };
  const server = net.createServer((socket) => {
    let text = '';
    socket.on('error', () => {}).on('close', () => seen.closed++);
    if (answer === null) socket.destroy();
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1');
      if (!text.includes('\r\n\r\n')) return;
      seen.heads.push(text);
      text = '';
      if (answer !== null) socket.end(answer, 'latin1');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  seen.port = (server.address() as AddressInfo).port;
  return seen;
}

describe('a probe', () => {
  it('leaves an answer that has no end, once its status is known', { timeout: 20_000 }, async () => {
    const server = net.createServer((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      const timer = setInterval(() => socket.write('.'), 50);
      socket.on('error', () => {}).on('close', () => clearInterval(timer));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    assert.deepEqual(await outcomeOf((server.address() as AddressInfo).port), { kind: 'status', status: 200 });
    // It has closed once its last connection has.
    server.close();
    await once(server, 'close', { signal: AbortSignal.timeout(10_000) });
  });

  it('sends what is configured, once, and reads the status', async (t) => {
    const server = await serve(t, 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n');
    const outcome = await outcomeOf(server.port, {
      method: 'POST',
      path: '/süß?a=%20b',
      body: 'ähm',
      host: 'foo.com',
      fields: ['User-Agent: curl/7.29.0', 'X-One: 1'],
    });
    assert.deepEqual(outcome, { kind: 'status', status: 204 });
    assert.deepEqual(server.heads, [
      [
        'POST /s%C3%BC%C3%9F?a=%20b HTTP/1.1',
        'Host: foo.com',
        'User-Agent: curl/7.29.0',
        'X-One: 1',
        'Connection: close',
        'Content-Length: 4',
        '',
        Buffer.from('ähm').toString('latin1'),
      ].join('\r\n'),
    ]);
  });

  it("names the node's own host, an IPv6 address in brackets, where none is configured", () => {
    assert.match(probeText(CHECKS, nodeAt(80, 'api.internal')), /^GET \/status HTTP\/1\.1\r\nHost: api\.internal\r\n/);
    assert.match(probeText(CHECKS, nodeAt(80, '::1')), /\r\nHost: \[::1\]\r\n/);
    assert.doesNotMatch(probeText({ ...CHECKS, fields: ['host: own'] }, nodeAt(80)), /Host: 127/);
  });

  const ANSWERS: readonly { readonly name: string; readonly answer: string | null; readonly outcome: ProbeOutcome }[] =
    [
      { name: 'HTTP/1.0', answer: 'HTTP/1.0 500 Oh\r\n\r\n', outcome: { kind: 'status', status: 500 } },
      { name: 'bare line feeds', answer: 'HTTP/1.1 200 OK\n\n', outcome: { kind: 'status', status: 200 } },
      { name: 'no reason', answer: 'HTTP/1.1 404\r\n\r\n', outcome: { kind: 'status', status: 404 } },
      {
        name: 'another protocol',
        answer: 'SSH-2.0-OpenSSH\r\n',
        outcome: { kind: 'malformed', reason: 'no HTTP response' },
      },
      {
        name: 'a status that is none',
        answer: 'HTTP/1.1 OK\r\n\r\n',
        outcome: { kind: 'malformed', reason: 'no HTTP response' },
      },
      {
        name: 'an endless line',
        answer: `HTTP/1.1 200 ${'x'.repeat(20_000)}`,
        outcome: { kind: 'malformed', reason: 'no status for 16 KiB' },
      },
      {
        name: 'interim responses for ever',
        answer: 'HTTP/1.1 103 x\r\n\r\n'.repeat(2_000),
        outcome: { kind: 'failed', reason: 'closed without an answer' },
      },
      { name: 'half a line', answer: 'HTTP/1.1 20', outcome: { kind: 'failed', reason: 'closed without an answer' } },
    ];
  for (const { name, answer, outcome } of ANSWERS) {
    it(`makes of ${name} what it is`, async (t) => {
      const server = await serve(t, answer);
      assert.deepEqual(await outcomeOf(server.port), outcome);
    });
  }

  it('reads a head that comes byte by byte', () => {
    const reader = new StatusReader();
    const text = 'HTTP/1.1 102 a\r\nX: y\r\n\r\nHTTP/1.1 503 b\r\n';
    const outcomes = Array.from(text, (one) => reader.take(one));
    assert.deepEqual(outcomes.at(-1), { kind: 'status', status: 503 });
    assert.ok(outcomes.slice(0, -1).every((one) => one === null));
  });

  it('makes the same of any bytes, however they are cut', () => {
    const seed = Date.now() % 1_000_000;
    let state = seed;
    const random = (below: number): number =>
      ((state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) >>> 8) % below;
    const pieces = [
      'HTTP/1.1 ',
      'HTTP/1.0 ',
      'HTTP/2 ',
      '200',
      '103',
      '099',
      '1000',
      ' OK',
      ' ',
      '\r\n',
      '\n',
      '\r',
      'X: y',
      '\0',
      '\xff',
    ];
    for (let round = 0; round < 3_000; round++) {
      const text = Array.from({ length: random(12) }, () => pieces[random(pieces.length)]!).join('');
      const whole = new StatusReader().take(text);
      const reader = new StatusReader();
      let cut: ProbeOutcome | null = null;
      for (let at = 0; at < text.length && cut === null;) {
        const length = 1 + random(5);
        cut = reader.take(text.slice(at, at + length));
        at += length;
      }
      assert.deepEqual(cut, whole, `seed ${seed}, round ${round}: ${JSON.stringify(text)}`);
      if (whole?.kind === 'status') assert.ok(whole.status >= 200 && whole.status <= 999);
    }
  });

  it('tells a connection that is refused or closed from an answer', async (t) => {
    assert.deepEqual(await outcomeOf(await freePort()), { kind: 'failed', reason: 'ECONNREFUSED' });
    const closing = await serve(t, null);
    assert.equal((await outcomeOf(closing.port)).kind, 'failed');
  });

  it('of type tcp connects, and no more; the port of the check is probed in place of the node', async (t) => {
    const server = await serve(t, 'HTTP/1.1 200 OK\r\n\r\n');
    assert.deepEqual(await outcomeOf(1, { type: 'tcp', port: server.port }), { kind: 'connected' });
    assert.deepEqual(server.heads, []);
  });

  it('that is aborted says nothing, and leaves no connection', async (t) => {
    const server = net.createServer((socket) => socket.on('error', () => {}));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    let outcomes = 0;
    const probe = openProbe(CHECKS, nodeAt((server.address() as AddressInfo).port), () => outcomes++);
    const [socket] = (await once(server, 'connection')) as [net.Socket];
    probe.abort();
    await once(socket.resume(), 'close');
    assert.equal(outcomes, 0);
  });

  it('of type https verifies the certificate unless it is told not to, and sends the name of the host', async (t) => {
    requireProgram(t, 'openssl');
    const folder = mkdtempSync(path.join(tmpdir(), 'gatewright-probe-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const [key, cert] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')];
    const request = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
    ];
    execFileSync('openssl', [...request, '-subj', '/CN=node.test', '-keyout', key, '-out', cert], { stdio: 'ignore' });
    const names: (string | false | null)[] = [];
    const server = tls.createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (socket) => {
      names.push(socket.servername);
      socket.on('error', () => {});
      socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\n'));
    });
    server.on('tlsClientError', () => {});
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    const refused = await outcomeOf(port, { type: 'https', host: 'node.test' });
    assert.deepEqual(refused, { kind: 'failed', reason: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    const accepted = await outcomeOf(port, { type: 'https', host: 'node.test:443', verifies: false });
    assert.deepEqual(accepted, { kind: 'status', status: 200 });
    assert.equal(names.at(-1), 'node.test');
  });
});
