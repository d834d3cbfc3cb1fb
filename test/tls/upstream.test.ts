/** TLS towards nodes of upstreams: who is believed, who the gateway is there, which connections are shared. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { after, before, describe, test, type TestContext } from 'node:test';
import { requireProgram } from '../require-program.ts';
import { type Lab, openLab } from '../plugins/lab.ts';
import { eventually } from '../traps/lab.ts';
import { acceptOf, KEY } from '../websocket/frames.ts';
import { type Authority, Certificates, type Pair } from './certificates.ts';
import { SecuredNode } from './secured-node.ts';

let files: Certificates;
let authority: Authority;
let clients: Authority;
let stranger: Authority;
let one: Pair;
let two: Pair;

before((t) => {
  if (requireProgram(t as TestContext, 'openssl') === undefined) return;
  files = new Certificates();
  authority = files.selfSigned('node authority');
  clients = files.selfSigned('client authority');
  stranger = files.selfSigned('authority of strangers');
  one = authority.issue('one.test');
  two = authority.issue('two.test');
});

after(() => files.remove());

interface Upstream {
  readonly nodes: Readonly<Record<string, number>>;
  readonly [more: string]: unknown;
}

function configuration(upstream: Upstream, more: object = {}): string {
  const { gateway = {}, ...rest } = more as { gateway?: object };
  return JSON.stringify({
    gateway: { http: [{ port: 0 }], ...gateway },
    routes: [{ uri: '/*', enable_websocket: true, upstream: { scheme: 'https', ...upstream } }],
    ...rest,
  });
}

const openUpstream = (t: TestContext, upstream: Upstream, more: object = {}): Promise<Lab> =>
  openLab(t, configuration(upstream, more), { authorities: [authority.cert] });

const to = ({ authority: at }: SecuredNode): Record<string, number> => ({ [at]: 1 });
const get = async (lab: Lab, host = 'one.test', path = '/'): Promise<number> =>
  (await lab.request(path, { headers: { Host: host } })).status;

describe('a node', () => {
  test('is asked for by the name that it is sent as Host, over HTTP/1.1, and its answer comes back', async (t) => {
    const node = await SecuredNode.start(t, one);
    const lab = await openUpstream(t, { nodes: to(node) });
    const answer = await lab.request('/', { method: 'POST', body: 'ten bytes!', headers: { Host: 'one.test:8080' } });
    const digest = createHash('sha256').update('ten bytes!').digest('hex');
    assert.deepEqual([answer.status, answer.text], [200, `10 ${digest} one.test:8080`]);
    const [{ name, alpn, protocol, client } = assert.fail()] = node.connections;
    assert.deepEqual([name, alpn, protocol, client], ['one.test', 'http/1.1', 'TLSv1.3', '']);
    assert.equal(lab.log.at(-1)?.errorCode, '');
  });

  test('is named by pass_host: the node’s own name, or the one to rewrite to', async (t) => {
    const node = await SecuredNode.start(t, two);
    const rewriting = await openUpstream(t, { nodes: to(node), pass_host: 'rewrite', upstream_host: 'two.test' });
    assert.equal(await get(rewriting), 200);
    const addressed = await SecuredNode.start(t, authority.issue('127.0.0.1'));
    const naming = await openUpstream(t, { nodes: to(addressed), pass_host: 'node' });
    assert.equal(await get(naming), 200);
    // RFC 6066 §3: an address is no server name, and is verified all the same.
    assert.deepEqual(
      [...node.connections, ...addressed.connections].map(({ name }) => name),
      ['two.test', ''],
    );
    const other = await openUpstream(t, { nodes: to(node), pass_host: 'node' });
    assert.equal(await get(other), 502);
  });

  test('without a port is at 443', async (t) => {
    const lab = await openUpstream(t, { nodes: [{ host: '127.0.0.1', weight: 1 }] as never, pass_host: 'node' });
    const [upstream = assert.fail()] = Array.from(lab.worker.snapshot.memory?.upstreams.values() ?? []);
    assert.equal(upstream.compiled.nodes[0]?.authority, '127.0.0.1:443');
  });
});

/** `openssl s_server` that answers requests, and lets in whom the authority of clients vouches for. */
async function startServer(t: TestContext, openssl: string, version: string): Promise<{ port: number }> {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatewright-s-server-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const fileOf = (name: string, text: string): string => {
    const file = path.join(folder, name);
    writeFileSync(file, text);
    return file;
  };
  const files = [
    '-cert',
    fileOf('cert', one.cert),
    '-key',
    fileOf('key', one.key),
    '-CAfile',
    fileOf('ca', clients.cert),
  ];
  const args = [
    's_server',
    '-accept',
    '127.0.0.1:0',
    '-www',
    '-Verify',
    '2',
    '-verify_return_error',
    version,
    ...files,
  ];
  const server = spawn(openssl, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  t.after(() => server.kill());
  let text = '';
  for await (const bytes of server.stdout) {
    text += String(bytes);
    const [, port] = /ACCEPT \S*:(\d+)/.exec(text) ?? [];
    if (port !== undefined) return { port: Number(port) };
  }
  return assert.fail(text);
}

interface Bad {
  readonly what: string;
  readonly options: () => tls.TlsOptions;
  readonly reason: RegExp;
  readonly code?: string;
  /** Of what the gateway is told of itself. */
  readonly tls?: () => object;
}

const BAD: readonly Bad[] = [
  { what: 'has expired', options: () => authority.issue('one.test', { days: -1 }), reason: /expired/ },
  { what: 'another authority vouches for', options: () => stranger.issue('one.test'), reason: /unable to/ },
  { what: 'nobody vouches for', options: () => files.selfSigned('one.test'), reason: /self-signed/ },
  { what: 'is for another name', options: () => two, reason: /one\.test\. is not in the cert's altnames/ },
];

describe('a certificate that', () => {
  for (const { what, options, reason } of BAD) {
    test(`${what} is not accepted: 502, and no byte of the request was sent`, async (t) => {
      const node = await SecuredNode.start(t, options());
      const lab = await openUpstream(t, { nodes: to(node) });
      for (let i = 0; i < 2; i++) {
        const answer = await lab.request('/', { method: 'POST', body: 'secret', headers: { Host: 'one.test' } });
        assert.equal(answer.status, 502);
        assert.equal((JSON.parse(answer.text) as { code: string }).code, 'upstream_certificate');
        assert.doesNotMatch(answer.text, /127\.0\.0\.1|altname|expired/);
      }
      assert.deepEqual(
        node.connections.flatMap(({ paths }) => paths),
        [],
      );
      assert.equal(lab.upstreamTlsFailed.length, 2);
      assert.match(lab.upstreamTlsFailed[0]?.reason ?? '', reason);
      assert.equal(lab.upstreamTlsFailed[0]?.kind, 'certificate');
    });

    test(`${what} is accepted with tls.verify: false, and with the profile apisix`, async (t) => {
      const node = await SecuredNode.start(t, options());
      const nodes = to(node);
      assert.equal(await get(await openUpstream(t, { nodes, tls: { verify: false } })), 200);
      const lax = { gateway: { profile: 'apisix' } };
      assert.equal(await get(await openUpstream(t, { nodes }, lax)), 200);
      assert.equal(await get(await openUpstream(t, { nodes, tls: { verify: true } }, lax)), 502);
    });
  }

  test('is for another name is not let in by a session of TLS 1.2 either', async (t) => {
    const node = await SecuredNode.start(t, { ...two, maxVersion: 'TLSv1.2' });
    const lab = await openUpstream(t, { nodes: to(node) });
    for (let i = 0; i < 3; i++) assert.equal(await get(lab), 502);
    assert.equal(await get(lab, 'two.test'), 200);
    assert.equal(await get(lab), 502);
  });
});

describe('no TLS connection comes about with a node that', () => {
  const BROKEN: readonly (readonly [what: string, serve: (socket: net.Socket) => void])[] = [
    ['speaks plain HTTP', (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['speaks nothing known', (socket) => socket.write(randomBytes(200))],
    ['closes at once', (socket) => socket.end()],
    ['resets', (socket) => socket.once('data', () => socket.resetAndDestroy())],
    ['answers with an alert', (socket) => socket.end(Buffer.of(21, 3, 3, 0, 2, 2, 40))],
  ];
  for (const [what, serve] of BROKEN) {
    test(what, async (t) => {
      const server = net.createServer((socket) => serve(socket.on('error', () => undefined)));
      await once(server.listen(0, '127.0.0.1'), 'listening');
      t.after(() => server.close());
      const { port } = server.address() as net.AddressInfo;
      const lab = await openUpstream(t, { nodes: { [`127.0.0.1:${port}`]: 1 } });
      const answer = await lab.request('/', { headers: { Host: 'one.test' } });
      assert.equal(answer.status, 502);
      assert.equal(lab.log.at(-1)?.errorCode, 'upstream_handshake');
      assert.equal(lab.upstreamTlsFailed.length, 1);
      assert.notEqual(lab.upstreamTlsFailed[0]?.reason, '');
      await eventually(
        () => lab.worker.counts.upstreams === 0,
        () => 'nothing is left',
      );
    });
  }

  test('speaks only TLS 1.1, unless that is allowed', async (t) => {
    const node = await SecuredNode.start(t, {
      ...one,
      minVersion: 'TLSv1.1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    const lab = await openUpstream(t, { nodes: to(node) });
    assert.equal(await get(lab), 502);
    assert.equal(lab.log.at(-1)?.errorCode, 'upstream_handshake');
  });

  test('nobody listens for: that is a refused connection, as without TLS', async (t) => {
    const server = net.createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as net.AddressInfo;
    server.close();
    const lab = await openUpstream(t, { nodes: { [`127.0.0.1:${port}`]: 1 } });
    assert.equal(await get(lab), 502);
    assert.equal(lab.log.at(-1)?.errorCode, 'upstream_refused');
    assert.deepEqual(lab.upstreamTlsFailed, []);
  });

  test('says nothing: the handshake has the time to connect, and no more', async (t) => {
    const sockets: net.Socket[] = [];
    const server = net.createServer((socket) => sockets.push(socket.on('error', () => undefined).resume()));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    t.after(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const { port } = server.address() as net.AddressInfo;
    const lab = await openUpstream(t, {
      nodes: { [`127.0.0.1:${port}`]: 1 },
      timeout: { connect: 0.2, send: 60, read: 60 },
    });
    assert.equal(await get(lab), 504);
    assert.equal(lab.log.at(-1)?.errorCode, 'upstream_connect_timeout');
    await eventually(
      () => lab.worker.counts.upstreams === 0,
      () => 'nothing is left',
    );
  });
});

describe('a node that asks for a client certificate', () => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const asking = (): tls.TlsOptions => ({
      ...one,
      ca: clients.cert,
      requestCert: true,
      rejectUnauthorized: true,
      maxVersion,
    });
    test(`gets the one of the upstream, and refuses a wrong one and none (${maxVersion})`, async (t) => {
      const node = await SecuredNode.start(t, asking());
      const nodes = to(node);
      const right = clients.issue('gateway');
      const wrong = stranger.issue('gateway');
      const tlsOf = ({ cert, key }: Pair): object => ({ tls: { client_cert: cert, client_key: key } });
      assert.equal(await get(await openUpstream(t, { nodes, ...tlsOf(right) })), 200);
      assert.equal(node.connections.at(-1)?.client, 'gateway');
      for (const settings of [{}, tlsOf(wrong)]) {
        const lab = await openUpstream(t, { nodes, ...settings });
        assert.equal(await get(lab), 502);
        // Node.js closes without a word, with TLS 1.3 after the handshake: that may be the end of any connection.
        const codes = ['upstream_handshake', ...(maxVersion === 'TLSv1.2' ? [] : ['upstream_reset'])];
        assert.ok(codes.includes(lab.log.at(-1)?.errorCode ?? ''));
      }
      assert.deepEqual(
        node.connections.map(({ client }) => client),
        ['gateway'],
      );
    });

    test(`says by an alert that it refuses it, and the log does (OpenSSL, ${maxVersion})`, async (t) => {
      const openssl = requireProgram(t, 'openssl');
      if (openssl === undefined) return;
      const { port } = await startServer(t, openssl, maxVersion === 'TLSv1.2' ? '-tls1_2' : '-tls1_3');
      const nodes = { [`127.0.0.1:${port}`]: 1 };
      const right = clients.issue('gateway');
      const wrong = stranger.issue('gateway');
      const tlsOf = ({ cert, key }: Pair): object => ({ tls: { client_cert: cert, client_key: key } });
      assert.equal(await get(await openUpstream(t, { nodes, ...tlsOf(right) })), 200);
      for (const [settings, alert] of [
        [{}, /certificate required|handshake failure/],
        [tlsOf(wrong), /unknown ca/],
      ] as const) {
        const lab = await openUpstream(t, { nodes, ...settings });
        assert.equal(await get(lab), 502);
        assert.equal(lab.log.at(-1)?.errorCode, 'upstream_handshake');
        assert.match(lab.upstreamTlsFailed[0]?.reason ?? '', alert);
      }
    });
  }

  test('gets the one of an SSL object, and another one as soon as that object has it', async (t) => {
    const node = await SecuredNode.start(t, { ...one, ca: clients.cert, requestCert: true, rejectUnauthorized: true });
    const upstream = { nodes: to(node), tls: { client_cert_id: 'mine' } };
    const withPair = (pair: Pair): string =>
      configuration(upstream, { ssls: [{ id: 'mine', type: 'client', ...pair }] });
    const lab = await openLab(t, withPair(clients.issue('first')), { authorities: [authority.cert] });
    assert.equal(await get(lab), 200);
    lab.reload(withPair(clients.issue('second')));
    assert.equal(await get(lab), 200);
    assert.deepEqual(
      node.connections.map(({ client, isResumed }) => [client, isResumed]),
      [
        ['first', false],
        ['second', false],
      ],
    );
    // Without the object there is nothing to show, and nothing is asked for without it.
    const { accepted } = node;
    lab.reload(
      configuration(upstream, { ssls: [{ id: 'mine', type: 'client', ...clients.issue('first'), status: 0 }] }),
    );
    assert.equal(await get(lab), 502);
    assert.match(lab.upstreamTlsFailed.at(-1)?.reason ?? '', /no SSL object of type client with the id mine/);
    assert.equal(node.accepted, accepted);
  });

  test('is known by the authorities of that object, where it has some', async (t) => {
    const node = await SecuredNode.start(t, stranger.issue('one.test'));
    const upstream = { nodes: to(node), tls: { client_cert_id: 'mine' } };
    const open = (client: object): Promise<Lab> =>
      openUpstream(t, upstream, { ssls: [{ id: 'mine', type: 'client', ...clients.issue('me'), ...client }] });
    assert.equal(await get(await open({})), 502);
    assert.equal(await get(await open({ client: { ca: stranger.cert } })), 200);
  });
});

describe('connections', () => {
  test('are used again, and a new one is resumed', async (t) => {
    const node = await SecuredNode.start(t, one);
    const lab = await openUpstream(t, { nodes: to(node) });
    for (let i = 0; i < 5; i++) assert.equal(await get(lab, 'one.test', `/${i}`), 200);
    assert.equal(node.connections.length, 1);
    node.drop();
    await eventually(
      () => lab.worker.counts.upstreams === 0,
      () => 'the gateway sees the end',
    );
    for (let i = 5; i < 8; i++) assert.equal(await get(lab, 'one.test', `/${i}`), 200);
    assert.deepEqual(
      node.connections.map(({ isResumed, paths }) => [isResumed, paths.length]),
      [
        [false, 5],
        [true, 3],
      ],
    );
  });

  test('serve many requests at once without one for each', async (t) => {
    const node = await SecuredNode.start(t, one);
    const lab = await openUpstream(t, { nodes: to(node) });
    const client = async (): Promise<void> => {
      for (let i = 0; i < 50; i++) assert.equal(await get(lab), 200);
    };
    await Promise.all(Array.from({ length: 8 }, client));
    assert.ok(node.connections.length <= 16, `${node.connections.length} connections for 400 requests, 8 at once`);
  });

  test('of two names, or of two certificates, are never the same', async (t) => {
    const context = (name: string): tls.SecureContextOptions => (name === 'two.test' ? two : one);
    const node = await SecuredNode.start(t, {
      ...one,
      SNICallback: (name, done) => done(null, tls.createSecureContext(context(name))),
    });
    const upstream = { scheme: 'https', nodes: to(node) };
    const lab = await openLab(
      t,
      JSON.stringify({
        gateway: { http: [{ port: 0 }] },
        routes: [
          { uri: '/a', upstream },
          { uri: '/b', upstream: { ...upstream, retries: 0 } },
          { uri: '/c', upstream: { ...upstream, tls: { client_cert: one.cert, client_key: one.key } } },
          { uri: '/d', upstream: { ...upstream, tls: { verify: false } } },
        ],
      }),
      { authorities: [authority.cert] },
    );
    for (let i = 0; i < 3; i++) {
      for (const path of ['/a', '/b', '/c', '/d']) {
        for (const host of ['one.test', 'two.test', 'ONE.test:81']) assert.equal(await get(lab, host, path), 200);
      }
    }
    const sorted = node.connections.map(({ name, paths }) => `${name} ${[...new Set(paths)].join('')}`).toSorted();
    assert.deepEqual(sorted, [
      'one.test /a/b',
      'one.test /c',
      'one.test /d',
      'two.test /a/b',
      'two.test /c',
      'two.test /d',
    ]);
    assert.ok(node.connections.every(({ isResumed }) => !isResumed));
  });

  test('are bounded, however many names clients think of', async (t) => {
    const node = await SecuredNode.start(t, one);
    const upstream = { nodes: to(node), tls: { verify: false }, keepalive_pool: { size: 4 } };
    const lab = await openUpstream(t, upstream);
    for (let i = 0; i < 100; i++) assert.equal(await get(lab, `name-${i}.test`), 200);
    assert.equal(node.connections.length, 100);
    assert.ok(lab.worker.counts.upstreams <= 5, `${lab.worker.counts.upstreams} are open`);
    const long = `${'x'.repeat(300)}.test`;
    assert.equal(await get(lab, long), 200);
    assert.equal(node.connections.at(-1)?.name, '');
    // Verified, a name that cannot be asked for has no certificate.
    assert.equal(await get(await openUpstream(t, { nodes: to(node) }), long), 502);
  });
});

describe('a failed handshake', () => {
  test('is retried at another node, whatever the method, with the whole body', async (t) => {
    const bad = await SecuredNode.start(t, stranger.issue('one.test'));
    const good = await SecuredNode.start(t, one);
    const lab = await openUpstream(t, { nodes: { ...to(bad), ...to(good) } });
    const body = randomBytes(40_000).toString('base64');
    const digest = createHash('sha256').update(body).digest('hex');
    for (let i = 0; i < 4; i++) {
      const answer = await lab.request('/', { method: 'POST', body, headers: { Host: 'one.test' } });
      assert.deepEqual([answer.status, answer.text], [200, `${body.length} ${digest} one.test`]);
    }
    assert.ok(lab.upstreamTlsFailed.length > 0);
    assert.deepEqual(
      bad.connections.flatMap(({ paths }) => paths),
      [],
    );
  });
});

describe('bodies', () => {
  test('of 10 MiB pass both ways, at the pace of who takes them', async (t) => {
    const node = await SecuredNode.start(t, one);
    const lab = await openUpstream(t, { nodes: to(node) });
    const body = randomBytes(10 * 1024 * 1024);
    const digest = createHash('sha256').update(body).digest('hex');
    const sent = await lab.request('/', { method: 'POST', body, headers: { Host: 'one.test' } });
    assert.equal(sent.text, `${body.length} ${digest} one.test`);
    const got = await lab.request('/bytes/10485760', { headers: { Host: 'one.test' } });
    assert.equal(got.body.length, 10_485_760);
    assert.ok(got.body.every((byte) => byte === 97));
    assert.equal(node.connections.length, 1);
  });

  test('wait in the node while the client takes nothing, and in the client while the node does', async (t) => {
    const node = await SecuredNode.start(t, one);
    const lab = await openUpstream(t, { nodes: to(node) });
    const slow = net.connect(lab.port, '127.0.0.1');
    slow.write('GET /bytes/50000000 HTTP/1.1\r\nHost: one.test\r\n\r\n');
    await once(slow, 'readable');
    const socketOf = (): tls.TLSSocket => node.connections.at(-1)?.socket ?? assert.fail();
    let before = -1;
    // What the kernel's buffers hold goes out, and then nothing does.
    while (before !== socketOf().bytesWritten) {
      before = socketOf().bytesWritten;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    assert.ok(before < 45_000_000, `${before} bytes went out to a client that takes none`);
    let length = 0;
    for await (const bytes of slow) if ((length += (bytes as Buffer).length) > 50_000_000) break;
    slow.destroy();
  });

  test('need not be taken for an early answer to arrive', async (t) => {
    const node = await SecuredNode.start(t, one);
    const lab = await openUpstream(t, { nodes: to(node) });
    for (let i = 0; i < 5; i++) {
      const client = net.connect(lab.port, '127.0.0.1').on('error', () => undefined);
      client.write('POST /early HTTP/1.1\r\nHost: one.test\r\nContent-Length: 30000000\r\n\r\n');
      const body = Buffer.alloc(1_000_000);
      const timer = setInterval(() => client.write(body), 5);
      const [bytes] = (await once(client, 'data')) as [Buffer];
      clearInterval(timer);
      client.destroy();
      assert.match(bytes.toString('latin1'), /^HTTP\/1\.1 413 /);
    }
  });
});

test('WebSocket passes through a node over TLS, and the end of one side is the end of the other', async (t) => {
  const node = await SecuredNode.start(t, one);
  const lab = await openUpstream(t, { nodes: to(node) });
  const client = net.connect(lab.port, '127.0.0.1');
  client.write(
    `GET /chat HTTP/1.1\r\nHost: one.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n\r\n`,
  );
  let got = Buffer.alloc(0);
  client.on('data', (bytes: Buffer) => (got = Buffer.concat([got, bytes])));
  await eventually(
    () => got.includes('\r\n\r\n'),
    () => got.toString('latin1'),
  );
  assert.match(got.toString('latin1'), /^HTTP\/1\.1 101 /);
  assert.ok(got.includes(acceptOf(KEY)));
  const head = got.indexOf('\r\n\r\n') + 4;
  // One large frame of pieces of all sizes, and back again.
  const payload = randomBytes(3_000_000);
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(payload.length));
  client.write(Buffer.concat([Buffer.of(0x82, 0xff), length, Buffer.alloc(4), payload]));
  const whole = head + 2 + 8 + 4 + payload.length;
  await eventually(
    () => got.length >= whole,
    () => `${got.length} of ${whole} bytes`,
  );
  assert.ok(got.subarray(-payload.length).equals(payload));
  node.drop();
  await once(client, 'close');
  await eventually(
    () => lab.log.length === 1,
    () => 'the exchange ends',
  );
  assert.equal(lab.log[0]?.status, 101);
});
