/** The PROXY protocol from clients: who has to send it, who is believed, and what becomes of everybody else. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { encodeProxyHeader } from '../../src/proxy-protocol/encode.ts';
import { PAIR } from '../certificate.ts';
import { HandClock, type Lab, type LabOptions, openLab } from '../plugins/lab.ts';
import { requireProgram } from '../require-program.ts';
import { eventually } from '../e2e/waiting.ts';
import { freePort } from '../free-port.ts';
import { connecting } from './client.ts';
import { PROXIED, SERVER_NAME } from './transports.ts';

const FROM = { proxy_protocol: { from: ['127.0.0.1'] } };
const TCP = { address: '127.0.0.1', port: 0 };
const REQUEST = 'GET /x HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n\r\n';
const HERE = { address: '198.51.100.1', port: 443 };

function open(t: TestContext, options: LabOptions = {}): Promise<Lab> {
  const text = JSON.stringify({
    gateway: { https: [{ ...TCP, ...FROM, http2: true }] },
    routes: [
      { uri: '/*', plugins: { 'response-rewrite': { headers: { set: TOLD } } }, upstream: { nodes: { $UPSTREAM: 1 } } },
    ],
    ssls: [{ id: 'one', snis: [SERVER_NAME], ...PAIR }],
  });
  return openLab(t, text, { ...options, listeners: [{ ...TCP, ...FROM, http2: false }] });
}

const TOLD = { 'X-Told': '$remote_addr $remote_port $realip_remote_addr' };

const portOf = ({ morePorts }: Lab): number => morePorts[0] ?? 0;

/** Sends pieces, each of which the gateway reads by itself, and gives all that comes back. */
async function exchange(port: number, pieces: readonly Uint8Array[], localAddress = '127.0.0.1'): Promise<string> {
  const socket = net.connect({ host: '127.0.0.1', port, localAddress, noDelay: true });
  let answer = '';
  socket.on('data', (bytes: Buffer) => (answer += bytes.toString('latin1')));
  // Who is not wanted may be told so by a reset.
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  for (const piece of pieces) {
    socket.write(piece);
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
  if (!socket.closed) await once(socket, 'close');
  return answer;
}

const told = (answer: string): string => /^X-Told: (.*)\r$/m.exec(answer)?.[1] ?? answer.slice(0, 40);

describe('a header', () => {
  const headers: readonly [string, Buffer][] = [
    ['version 1', encodeProxyHeader(1, PROXIED, HERE)],
    ['version 1 about IPv6', encodeProxyHeader(1, { address: '2001:db8::9', port: 7 }, { address: '::1', port: 1 })],
    ['version 2', encodeProxyHeader(2, PROXIED, HERE)],
  ];
  for (const [name, header] of headers) {
    test(`of ${name} tells who the client is, wherever it is cut`, async (t) => {
      const lab = await open(t);
      const all = Buffer.concat([header, Buffer.from(REQUEST)]);
      const client = name.includes('IPv6') ? '2001:db8::9 7 2001:db8::9' : '192.0.2.44 50123 192.0.2.44';
      for (let cut = 1; cut <= header.length + 1; cut++) {
        const answer = await exchange(portOf(lab), [all.subarray(0, cut), all.subarray(cut)]);
        assert.equal(told(answer), client, `cut at ${cut}`);
      }
      const bytes = Array.from(all, (byte) => Uint8Array.of(byte));
      assert.equal(told(await exchange(portOf(lab), bytes)), client, 'byte by byte');
      assert.equal(told(await exchange(portOf(lab), [all])), client, 'at once');
      assert.deepEqual(lab.proxyRefused, []);
    });
  }

  test('of who speaks for itself, or does not know, leaves the peer to be the client', async (t) => {
    const lab = await open(t);
    const local = Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex');
    for (const header of [Buffer.from('PROXY UNKNOWN\r\n'), local]) {
      assert.match(
        told(await exchange(portOf(lab), [header, Buffer.from(REQUEST)])),
        /^127\.0\.0\.1 \d+ 127\.0\.0\.1$/,
      );
    }
  });

  test('is read once for each connection: a second one is no request', async (t) => {
    const lab = await open(t);
    const header = encodeProxyHeader(1, PROXIED, HERE);
    assert.match(await exchange(portOf(lab), [header, header]), /^HTTP\/1\.1 400 /);
  });
});

describe('a peer that is named', () => {
  const wrong: readonly [string, string, RegExp][] = [
    ['sends a request', REQUEST, /no PROXY header/],
    ['sends a malformed line', 'PROXY TCP4 1.2.3.4\r\n', /malformed/],
    ['sends a line without an end', `PROXY UNKNOWN ${'x'.repeat(200)}`, /too long/],
    ['sends a header of 64 KiB', '\r\n\r\n\0\r\nQUIT\n!\u0011\u00ff\u00ff', /too long/],
    ['sends a wrong checksum', '\r\n\r\n\0\r\nQUIT\n!\0\0\u0007\u0003\0\u0004\0\0\0\0', /checksum/],
  ];
  for (const [name, text, reason] of wrong) {
    test(`and ${name} is disconnected without a word, and the log says why`, async (t) => {
      const lab = await open(t);
      const bytes = Buffer.from(text, 'latin1');
      for (const port of [portOf(lab), lab.tlsPorts[0] ?? 0]) assert.equal(await exchange(port, [bytes]), '');
      await eventually(
        () => lab.proxyRefused.length === 2,
        () => lab.proxyRefused.join(),
      );
      for (const refused of lab.proxyRefused) assert.match(refused, reason);
      assert.deepEqual(lab.seen, []);
    });
  }

  test('and takes too long is disconnected', async (t) => {
    const clock = new HandClock();
    const lab = await open(t, { clock });
    for (const begin of ['', 'PROXY TCP4 192']) {
      const socket = net.connect({ host: '127.0.0.1', port: portOf(lab) });
      await once(socket, 'connect');
      socket.write(begin);
      await eventually(
        () => lab.worker.connectionCount === 1,
        () => 'not accepted',
      );
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
      clock.pass(9_000);
      assert.equal(lab.worker.connectionCount, 1);
      clock.pass(1_100);
      await once(socket.resume(), 'close');
      assert.equal(lab.worker.connectionCount, 0);
    }
    assert.deepEqual(lab.proxyRefused, Array(2).fill('the PROXY header took too long'));
  });

  test('and leaves before it says anything is nobody to be told of', async (t) => {
    const lab = await open(t);
    assert.equal(await connecting({ port: portOf(lab) }), 'connected');
    const socket = net.connect({ host: '127.0.0.1', port: portOf(lab) });
    socket.end('PROXY ');
    await once(socket.resume(), 'close');
    await eventually(
      () => lab.worker.connectionCount === 0,
      () => 'a connection stays',
    );
    assert.deepEqual(lab.proxyRefused, ['the connection ended within the PROXY header']);
  });
});

describe('a peer that is not named', () => {
  test('is the client that it is, and what it says by the PROXY protocol is a bad request', async (t) => {
    const lab = await open(t);
    const ask = (text: string | Buffer): Promise<string> =>
      exchange(portOf(lab), [Buffer.from(text as string, 'latin1')], '127.0.0.2');
    assert.match(told(await ask(REQUEST)), /^127\.0\.0\.2 \d+ 127\.0\.0\.2$/);
    for (const version of [1, 2] as const) {
      const lie = encodeProxyHeader(version, PROXIED, HERE).toString('latin1');
      assert.match(await ask(lie + REQUEST), /^HTTP\/1\.1 400 /);
    }
    assert.equal(lab.seen.length, 1);
    const lie = encodeProxyHeader(2, PROXIED, HERE);
    assert.doesNotMatch(await exchange(lab.tlsPorts[0] ?? 0, [lie], '127.0.0.2'), /HTTP/);
    assert.equal(lab.tlsRefused.length, 1);
  });
});

const run = promisify(execFile);

describe('with other programs', () => {
  test('curl is told apart by the port that it says it has', async (t) => {
    const curl = requireProgram(t, 'curl');
    if (curl === undefined) return;
    const lab = await open(t);
    const { stdout } = await run(curl, ['-si', '--haproxy-protocol', `http://127.0.0.1:${portOf(lab)}/`]);
    assert.match(told(stdout), /^127\.0\.0\.1 \d+ 127\.0\.0\.1$/);
    const place = `${SERVER_NAME}:${lab.tlsPorts[0]}:127.0.0.1`;
    const secured = ['-sik', '--haproxy-protocol', '--resolve', place, `https://${SERVER_NAME}:${lab.tlsPorts[0]}/`];
    const answer = (await run(curl, secured)).stdout;
    assert.match(answer, /^HTTP\/2 200/);
    assert.match(answer, /^x-told: 127\.0\.0\.1 \d+ 127\.0\.0\.1\r$/m);
    assert.deepEqual(lab.proxyRefused, []);
  });

  test('HAProxy hands on whose connection it is, by both versions, in the clear and before TLS', async (t) => {
    const haproxy = requireProgram(t, 'haproxy');
    if (haproxy === undefined) return;
    const lab = await open(t);
    const folder = mkdtempSync(path.join(tmpdir(), 'gatewright-haproxy-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const ways = [
      { option: 'send-proxy', to: portOf(lab) },
      { option: 'send-proxy-v2', to: portOf(lab) },
      { option: 'send-proxy-v2 proxy-v2-options crc32c,unique-id check inter 100', to: portOf(lab) },
      { option: 'send-proxy-v2 ssl verify none sni str(a.example)', to: lab.tlsPorts[0] ?? 0 },
    ];
    const ports = await Promise.all(ways.map(() => freePort()));
    const file = path.join(folder, 'haproxy.cfg');
    const sections = ways.map(({ option, to }, i) => {
      const head = `listen way${i}\n  mode tcp\n  bind 127.0.0.1:${ports[i]}\n  unique-id-format %ci:%cp\n`;
      return `${head}  server gateway 127.0.0.1:${to} ${option}\n`;
    });
    const defaults = 'defaults\n  timeout connect 5s\n  timeout client 5s\n  timeout server 5s\n';
    writeFileSync(file, defaults + sections.join(''));
    const child = spawn(haproxy, ['-db', '-f', file], { stdio: 'ignore' });
    t.after(async () => {
      child.kill('SIGKILL');
      if (child.exitCode === null) await once(child, 'exit');
    });
    for (const port of ports) {
      await eventually(
        async () => (await connecting({ port })) === 'connected',
        () => 'HAProxy does not listen',
      );
    }
    for (const [i, port] of ports.entries()) {
      const answer = await exchange(port, [Buffer.from(REQUEST)], '127.0.0.77');
      assert.match(told(answer), /^127\.0\.0\.77 \d+ 127\.0\.0\.77$/, ways[i]?.option ?? '');
    }
  });
});
