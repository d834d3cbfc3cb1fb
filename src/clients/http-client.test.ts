import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { requireProgram } from '../../test/require-program.ts';
import { systemClock } from '../clock/clock.ts';
import { ClientError } from '../sdk/clients.ts';
import type { HttpClientOptions } from '../sdk/clients.ts';
import { HttpConnections } from './http-client.ts';

function clientOf(
  t: TestContext,
  options: HttpClientOptions = {},
  startTimer = systemClock.startTimer,
): HttpConnections {
  const client = new HttpConnections(options, startTimer);
  t.after(() => client.close());
  return client;
}

async function portOf(t: TestContext, server: net.Server): Promise<number> {
  t.after(() => {
    if (server instanceof http.Server) server.closeAllConnections();
    server.close();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as net.AddressInfo).port;
}

/** A server by the listener of its requests. */
async function serve(t: TestContext, listener: http.RequestListener): Promise<string> {
  return `http://127.0.0.1:${await portOf(t, http.createServer(listener))}`;
}

const isFault = (fault: string) => (error: unknown) => error instanceof ClientError && error.fault === fault;

test('a request goes out as it was asked for, and the answer comes back whole', async (t) => {
  const origin = await serve(t, (request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const { method, url, headers } = request;
      response.writeHead(
        418,
        [
          ['Set-Cookie', 'a=1'],
          ['Set-Cookie', 'b=2'],
          ['X-Two', '1'],
          ['X-Two', '2'],
        ].flat(),
      );
      response.end(JSON.stringify({ method, url, one: headers['x-one'], body: Buffer.concat(pieces).toString() }));
    });
  });
  const client = clientOf(t);
  const answer = await client.request({
    url: `${origin}/a?b=c`,
    method: 'POST',
    headers: { 'X-One': ['1', '2'] },
    body: 'grüß',
  });
  assert.equal(answer.status, 418);
  assert.deepEqual(answer.json(), { method: 'POST', url: '/a?b=c', one: '1, 2', body: 'grüß' });
  assert.equal(answer.header('X-TWO'), '1, 2');
  assert.equal(answer.header('set-cookie'), 'a=1');
  assert.deepEqual(answer.headerEntries().slice(0, 2), [
    ['Set-Cookie', 'a=1'],
    ['Set-Cookie', 'b=2'],
  ]);
  assert.equal(answer.text().length > 0 && answer.body.length > 0, true);
});

test('a connection is used again, and one that has gone stale costs no idempotent request', async (t) => {
  let connections = 0;
  const sockets: net.Socket[] = [];
  const server = net.createServer((socket) => {
    connections++;
    sockets.push(socket);
    let requests = 0;
    socket.on('error', () => {});
    socket.on('data', () => {
      // The second request on a connection meets its end.
      if (++requests === 2) socket.resetAndDestroy();
      else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
  });
  t.after(() => sockets.forEach((socket) => socket.destroy()));
  const url = `http://127.0.0.1:${await portOf(t, server)}/`;
  const client = clientOf(t);
  assert.equal((await client.request({ url })).text(), 'ok');
  assert.equal((await client.request({ url })).text(), 'ok');
  assert.equal(connections, 2, 'the first was used twice, the second took the request over');
  await assert.rejects(client.request({ url, method: 'POST', body: 'once' }), isFault('reset'));
});

test('redirects are answers, unless the client follows them: then within the origin only', async (t) => {
  const elsewhere = await serve(t, (_request, response) => response.end('elsewhere'));
  const origin = await serve(t, (request, response) => {
    const places: Record<string, string> = { '/1': '/2', '/2': '/end', '/away': `${elsewhere}/`, '/loop': '/loop' };
    const place = places[request.url ?? ''];
    if (place === undefined) response.end('end');
    else response.writeHead(302, { Location: place }).end('moved');
  });
  const follows = clientOf(t, { redirects: 3 });
  const statusOf = async (client: HttpConnections, path: string, method = 'GET'): Promise<number> =>
    (await client.request({ url: origin + path, method })).status;
  assert.equal(await statusOf(clientOf(t), '/1'), 302);
  assert.equal(await statusOf(follows, '/1'), 200);
  assert.equal(await statusOf(follows, '/away'), 302, 'credentials and trust do not follow to another origin');
  assert.equal(await statusOf(follows, '/loop'), 302);
  assert.equal(await statusOf(follows, '/1', 'POST'), 302);
});

test('what goes wrong is told in one word', async (t) => {
  const silent = await serve(t, () => {});
  const large = await serve(t, (_request, response) => response.end('x'.repeat(2_000)));
  const halting = await serve(t, (_request, response) => void response.write('begin'));
  const cut = await serve(t, (_request, response) => {
    response.writeHead(200, { 'Content-Length': 10 });
    response.write('begin', () => response.destroy());
  });
  const garbage = await portOf(
    t,
    net.createServer((socket) => socket.on('error', () => {}).on('data', () => socket.end('no HTTP at all\r\n\r\n'))),
  );
  const closed = await serve(t, () => {});
  const cases: [url: string, fault: string][] = [
    [silent, 'timeout'],
    [halting, 'timeout'],
    [large, 'too_large'],
    [cut, 'reset'],
    [`http://127.0.0.1:${garbage}/`, 'malformed'],
    ['http://127.0.0.1:1/', 'refused'],
    ['http://does-not-exist.invalid/', 'refused'],
  ];
  for (const [url, fault] of cases) {
    const client = clientOf(t, { timeout_ms: fault === 'timeout' ? 200 : 20_000, max_response_bytes: 1_000 });
    // Resolving a name may take its time where there is no network.
    const accepted = url.includes('.invalid') ? ['refused', 'timeout'] : [fault];
    await assert.rejects(client.request({ url }), (error) => accepted.some((one) => isFault(one)(error)), url);
  }
  const ending = clientOf(t, { timeout_ms: 60_000 });
  const pending = ending.request({ url: closed });
  ending.close();
  await assert.rejects(pending, isFault('closed'));
});

test('no more connections are open than allowed: further requests wait, within their time', async (t) => {
  let open = 0;
  let most = 0;
  const origin = await serve(t, (_request, response) => {
    most = Math.max(most, ++open);
    setTimeout(() => {
      open--;
      response.end('ok');
    }, 5);
  });
  const client = clientOf(t, { connections: 2, timeout_ms: 10_000 });
  const answers = await Promise.all(Array.from({ length: 10 }, () => client.request({ url: origin })));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  assert.equal(most, 2);
});

test('a body can be read as it comes, and given up', async (t) => {
  let isGone = false;
  const origin = await serve(t, (request, response) => {
    response.on('close', () => (isGone = !response.writableFinished));
    if (request.url === '/whole') response.write('one', () => response.end('two'));
    else response.write('one');
  });
  const client = clientOf(t, { timeout_ms: 20_000 });
  const stream = await client.open({ url: `${origin}/whole` });
  assert.equal(stream.status, 200);
  let text = '';
  for await (const piece of stream.body) text += Buffer.from(piece).toString();
  assert.equal(text, 'onetwo');
  const hasty = clientOf(t, { timeout_ms: 300 });
  await assert.rejects(async () => {
    const halting = await hasty.open({ url: origin });
    for await (const _piece of halting.body);
  }, isFault('timeout'));
  const given = await client.open({ url: origin });
  for await (const _piece of given.body) break;
  while (!isGone) await new Promise((resolve) => setImmediate(resolve));
  // One that nobody reads does not stay for ever.
  isGone = false;
  await hasty.open({ url: origin }).catch(() => undefined);
  while (!isGone) await new Promise((resolve) => setImmediate(resolve));
});

test('URLs of other schemes, and such with credentials, are refused', async (t) => {
  const client = clientOf(t);
  for (const url of ['ftp://a/', '/path', 'a.example', 'file:///etc/passwd', 'http://user:secret@a.example/']) {
    await assert.rejects(client.request({ url }), (error: Error) => {
      assert.equal(error.name, 'TypeError');
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
  }
});

test('certificates are verified, by the name that was asked for, unless that is switched off', async (t) => {
  if (!requireProgram(t, 'openssl')) return;
  const folder = mkdtempSync(join(tmpdir(), 'http-client-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const subject = ['-subj', '/CN=idp.example', '-addext', 'subjectAltName=DNS:idp.example'];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-x509', '-days', '2'];
  execFileSync('openssl', ['req', ...curve, ...subject, '-keyout', keyFile, '-out', certFile], { stdio: 'ignore' });
  const [key, cert] = [readFileSync(keyFile, 'utf8'), readFileSync(certFile, 'utf8')];
  const server = https.createServer({ key, cert }, (_request, response) => response.end('secure'));
  t.after(() => server.closeAllConnections());
  const url = `https://127.0.0.1:${await portOf(t, server)}/`;
  const named = { ca: cert, server_name: 'idp.example' };
  assert.equal((await clientOf(t, { tls: named }).request({ url })).text(), 'secure');
  assert.equal((await clientOf(t, { tls: { verify: false } }).request({ url })).text(), 'secure');
  await assert.rejects(clientOf(t).request({ url }), isFault('tls'));
  await assert.rejects(clientOf(t, { tls: { ca: cert } }).request({ url }), isFault('tls'));
  await assert.rejects(
    clientOf(t, { tls: { ...named, server_name: 'other.example' } }).request({ url }),
    isFault('tls'),
  );
});

test('options that mean nothing are refused with their bounds', () => {
  const wrong: [HttpClientOptions, RegExp][] = [
    [{ timeout_ms: 0 }, /timeout_ms.* 0: .*from 1/],
    [{ timeout_ms: 1.5 }, /timeout_ms/],
    [{ connections: 0 }, /connections/],
    [{ redirects: 21 }, /redirects/],
    [{ max_response_bytes: -1 }, /max_response_bytes/],
    [{ tls: { cert: 'x' } }, /cert and key/],
  ];
  for (const [options, message] of wrong) {
    assert.throws(() => new HttpConnections(options, systemClock.startTimer), { name: 'TypeError', message });
  }
});
