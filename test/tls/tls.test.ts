/** TLS in front of the gateway: names, versions, client certificates, resumption (RFC 5246, 6066, 8446). */
import assert from 'node:assert/strict';
import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import tls from 'node:tls';
import { after, before, describe, test, type TestContext } from 'node:test';
import { requireProgram } from '../require-program.ts';
import { type Lab, type LabOptions, openLab, problemsOf } from '../plugins/lab.ts';
import { eventually } from '../traps/lab.ts';
import { type Authority, Certificates, type Pair } from './certificates.ts';

let files: Certificates;
let authority: Authority;
let clients: Authority;
let one: Pair;
let other: Pair;

before((t) => {
  if (requireProgram(t as TestContext, 'openssl') === undefined) return;
  files = new Certificates();
  authority = files.selfSigned('test authority');
  clients = files.selfSigned('client authority');
  one = authority.issue('one.test');
  other = authority.issue('*.other.test');
});

after(() => files.remove());

interface Ssl extends Pair {
  readonly id: string;
  readonly snis: readonly string[];
  readonly [more: string]: unknown;
}

const PLUGINS = {
  'proxy-rewrite': { headers: { set: { 'X-Subject': '$ssl_client_s_dn', 'X-Verify': '$ssl_client_verify' } } },
};

function configuration(ssls: readonly Ssl[], gateway: object = {}): string {
  return JSON.stringify({
    gateway: { http: [{ port: 0 }], https: [{ address: '127.0.0.1', port: 0 }], ...gateway },
    routes: [{ uri: '/*', plugins: PLUGINS, upstream: { nodes: { $UPSTREAM: 1 } } }],
    ssls,
  });
}

const standard = (): Ssl[] => [
  { id: 'one', snis: ['one.test'], ...one },
  { id: 'other', snis: ['*.other.test'], ...other },
];

const openTls = (
  t: TestContext,
  ssls: readonly Ssl[] = standard(),
  gateway: object = {},
  options: LabOptions = {},
): Promise<Lab> => openLab(t, configuration(ssls, gateway), options);

interface Asked extends tls.ConnectionOptions {
  readonly path?: string;
  readonly host?: string;
}

interface Got {
  readonly answer: string;
  readonly subject: string;
  readonly isReused: boolean;
  readonly session: Buffer | undefined;
  readonly protocol: string | null;
}

/** Asks once over TLS; rejects with what the handshake failed of. */
function ask(port: number, servername: string, options: Asked = {}): Promise<Got> {
  const { path = '/', host = servername, ...more } = options;
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ port, host: '127.0.0.1', servername, ca: authority.cert, ...more });
    let answer = '';
    let session: Buffer | undefined;
    socket.on('session', (ticket) => (session = ticket));
    socket.on('error', reject);
    socket.on('secureConnect', () =>
      socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`),
    );
    socket.on('data', (bytes: Buffer) => (answer += bytes.toString('latin1')));
    socket.on('close', () => {
      if (answer === '') reject(new Error('the connection ended without an answer'));
      else resolve({ answer, subject: certified, isReused, session, protocol });
    });
    let isReused = false;
    let certified = '';
    let protocol: string | null = null;
    socket.once('secureConnect', () => {
      isReused = socket.isSessionReused();
      certified = String(socket.getPeerCertificate().subject?.CN ?? '');
      protocol = socket.getProtocol();
    });
  });
}

const portOf = ({ tlsPorts }: Lab): number => tlsPorts[0] ?? 0;
const status = ({ answer }: Got): string => answer.slice(9, 12);

describe('a server name', () => {
  test('chooses its certificate: the exact name first, then the wildcard of its parent', async (t) => {
    const exact = authority.issue('x.other.test');
    const lab = await openTls(t, [...standard(), { id: 'exact', snis: ['x.other.test'], ...exact }]);
    assert.equal((await ask(portOf(lab), 'one.test')).subject, 'one.test');
    assert.equal((await ask(portOf(lab), 'ONE.test')).subject, 'one.test');
    assert.equal((await ask(portOf(lab), 'a.other.test')).subject, '*.other.test');
    assert.equal((await ask(portOf(lab), 'x.other.test')).subject, 'x.other.test');
  });

  for (const servername of ['nobody.test', 'a.b.other.test', '']) {
    test(`that nobody serves ("${servername}") is refused by an alert, with the reason in the log`, async (t) => {
      const lab = await openTls(t);
      await assert.rejects(ask(portOf(lab), servername, { host: 'x' }), /unrecognized name/i);
      assert.equal(lab.tlsRefused.length, 1);
    });
  }

  test('that nobody serves, or none, gets the certificate of fallback_sni where there is one', async (t) => {
    const lab = await openTls(t, standard(), { tls: { fallback_sni: 'one.test' } });
    const lax = { checkServerIdentity: () => undefined };
    assert.equal((await ask(portOf(lab), 'nobody.test', lax)).subject, 'one.test');
    assert.equal((await ask(portOf(lab), '', { ...lax, host: 'x' })).subject, 'one.test');
  });

  test('of an object that is switched off is served by nobody', async (t) => {
    const lab = await openTls(t, [{ id: 'one', snis: ['one.test'], ...one, status: 0 }]);
    await assert.rejects(ask(portOf(lab), 'one.test'), /unrecognized name/i);
  });

  test('may have an RSA and an ECDSA certificate: the client takes the one that it can verify', async (t) => {
    const rsa = authority.issue('one.test', { rsa: true });
    const lab = await openTls(t, [{ id: 'one', snis: ['one.test'], ...one, certs: [rsa.cert], keys: [rsa.key] }]);
    for (const [sigalgs, type] of [
      ['RSA-PSS+SHA256', 'rsa'],
      ['ECDSA+SHA256', 'ec'],
    ] as const) {
      const socket = tls.connect({ port: portOf(lab), servername: 'one.test', ca: authority.cert, sigalgs });
      await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
      const { asn1Curve } = socket.getPeerCertificate() as { asn1Curve?: string };
      assert.equal(asn1Curve === undefined ? 'rsa' : 'ec', type);
      socket.destroy();
    }
  });
});

describe('a version of TLS', () => {
  test('below 1.2 is refused unless it is allowed, and 1.3 is what clients get', async (t) => {
    const lab = await openTls(t);
    assert.equal((await ask(portOf(lab), 'one.test')).protocol, 'TLSv1.3');
    const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    await assert.rejects(ask(portOf(lab), 'one.test', old));
  });

  test('that ssl_protocols does not name is refused', async (t) => {
    const lab = await openTls(t, [{ id: 'one', snis: ['one.test'], ...one, ssl_protocols: ['TLSv1.2'] }]);
    assert.equal((await ask(portOf(lab), 'one.test')).protocol, 'TLSv1.2');
    await assert.rejects(ask(portOf(lab), 'one.test', { minVersion: 'TLSv1.3' }));
  });
});

describe('ALPN', () => {
  test('leads to HTTP/2, to HTTP/1.1, or to nothing', async (t) => {
    const lab = await openTls(t);
    const session = http2.connect(`https://one.test:${portOf(lab)}`, {
      ca: authority.cert,
      createConnection: () =>
        tls.connect({
          port: portOf(lab),
          host: '127.0.0.1',
          servername: 'one.test',
          ca: authority.cert,
          ALPNProtocols: ['h2'],
        }),
    });
    const stream = session.request({ ':path': '/', ':authority': 'one.test' });
    const head = await new Promise<http2.IncomingHttpHeaders & { ':status'?: number }>((resolve) =>
      stream.once('response', resolve),
    );
    assert.equal(head[':status'], 200);
    session.destroy();
    assert.equal(status(await ask(portOf(lab), 'one.test', { ALPNProtocols: ['http/1.1'] })), '200');
    await assert.rejects(ask(portOf(lab), 'one.test', { ALPNProtocols: ['spdy/3'] }), /no application protocol/i);
  });

  test('does not offer HTTP/2 where the listener has none', async (t) => {
    const lab = await openTls(t, standard(), { https: [{ address: '127.0.0.1', port: 0, http2: false }] });
    await assert.rejects(ask(portOf(lab), 'one.test', { ALPNProtocols: ['h2'] }), /no application protocol/i);
  });
});

test('the upstream hears of https, and of the port', async (t) => {
  const lab = await openTls(t);
  await ask(portOf(lab), 'one.test');
  const headers = new Map(lab.lastSeen.headers.map(([name, value]) => [name.toLowerCase(), value]));
  assert.equal(headers.get('x-forwarded-proto'), 'https');
  assert.equal(headers.get('x-forwarded-port'), String(portOf(lab)));
});

test('an answer that the upstream cuts short is cut short for the client, too, and costs nobody else', async (t) => {
  const lab = await openTls(t);
  const got = await ask(portOf(lab), 'one.test', { path: '/cut' });
  assert.doesNotMatch(got.answer, /\r\n0\r\n\r\n$/);
  assert.equal(status(await ask(portOf(lab), 'one.test')), '200');
});

test('a large answer arrives as a whole', async (t) => {
  const lab = await openTls(t);
  const { answer } = await ask(portOf(lab), 'one.test', { path: '/large?bytes=3000000' });
  assert.match(answer, /\r\n0\r\n\r\n$/);
  assert.ok(answer.length > 3_000_000);
});

describe('a client certificate', () => {
  const mutual = (client: object = {}): Ssl[] => [
    { id: 'one', snis: ['one.test'], ...one, client: { ca: clients.cert, ...client } },
    { id: 'other', snis: ['*.other.test'], ...other },
  ];

  test('that the authorities vouch for lets its client in, and is told to the upstream', async (t) => {
    const lab = await openTls(t, mutual());
    const got = await ask(portOf(lab), 'one.test', clients.issue('jack'));
    assert.equal(status(got), '200');
    const headers = new Map(lab.lastSeen.headers.map(([name, value]) => [name.toLowerCase(), value]));
    assert.equal(headers.get('x-subject'), 'CN=jack,O=Test');
    assert.equal(headers.get('x-verify'), 'SUCCESS');
  });

  const BAD: readonly (readonly [what: string, make: () => Partial<Pair>])[] = [
    ['is missing', () => ({})],
    ['is of another authority', () => authority.issue('jack')],
    ['vouches for itself', () => files.selfSigned('jack')],
    ['has expired', () => clients.issue('jack', { days: -1 })],
  ];
  for (const [what, make] of BAD) {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      test(`that ${what} is refused with ${version}: nothing reaches the upstream, the reason is in the log alone`, async (t) => {
        const lab = await openTls(t, mutual());
        const { cert, key } = make();
        const shown = cert === undefined || key === undefined ? {} : { cert, key };
        await assert.rejects(ask(portOf(lab), 'one.test', { ...shown, maxVersion: version }));
        await eventually(
          () => lab.tlsRefused.length === 1,
          () => 'the log says why',
        );
        assert.equal(lab.seen.length, 0);
      });
    }
  }

  test('whose chain is longer than client.depth is refused', async (t) => {
    const middle = clients.issue('middle', { isAuthority: true }) as Authority;
    const leaf = middle.issue('jack');
    const chain = { cert: leaf.cert + middle.cert, key: leaf.key };
    const deep = await openTls(t, mutual({ depth: 1 }));
    assert.equal(status(await ask(portOf(deep), 'one.test', chain)), '200');
    const flat = await openTls(t, mutual({ depth: 0 }));
    await assert.rejects(ask(portOf(flat), 'one.test', chain));
  });

  test('is not needed on the paths of skip_mtls_uri_regex, and on those alone', async (t) => {
    const lab = await openTls(t, mutual({ skip_mtls_uri_regex: ['^/open'] }));
    assert.equal(status(await ask(portOf(lab), 'one.test', { path: '/open/x' })), '200');
    assert.equal(status(await ask(portOf(lab), 'one.test', { path: '/closed' })), '400');
    assert.equal(status(await ask(portOf(lab), 'one.test', { path: '/open/../closed' })), '400');
    assert.equal(status(await ask(portOf(lab), 'one.test', { path: '/closed', ...clients.issue('jack') })), '200');
    assert.equal(status(await ask(portOf(lab), 'one.test', { path: '/closed', ...authority.issue('jack') })), '400');
  });

  test('is not got around by the name of a server that asks for none: 421', async (t) => {
    const lab = await openTls(t, mutual());
    const got = await ask(portOf(lab), 'a.other.test', { host: 'one.test' });
    assert.equal(status(got), '421');
    assert.equal(lab.seen.length, 0);
    assert.equal(status(await ask(portOf(lab), 'a.other.test', { host: 'b.other.test' })), '200');
  });

  test('is not asked for by names that need none', async (t) => {
    const lab = await openTls(t, mutual());
    assert.equal(status(await ask(portOf(lab), 'a.other.test')), '200');
  });
});

describe('the access log', () => {
  const FORMAT =
    '$ssl_protocol $ssl_cipher $ssl_server_name $ssl_session_reused $ssl_client_verify "$ssl_client_s_dn" $ssl_client_fingerprint $status $error_code';
  test('tells the connection and the certificate of its client, also of one that is gone', async (t) => {
    const ssls = [{ id: 'one', snis: ['one.test'], ...one, client: { ca: clients.cert } }];
    const lab = await openTls(t, ssls, {}, { logFormat: FORMAT });
    const client = clients.issue('jack');
    const fingerprint = new X509Certificate(client.cert).fingerprint.replaceAll(':', '').toLowerCase();
    await ask(portOf(lab), 'one.test', { ...client });
    const beneath = net.connect(portOf(lab), '127.0.0.1');
    const socket = tls.connect({ socket: beneath, servername: 'one.test', ca: authority.cert, ...client });
    socket.on('error', () => undefined);
    await once(socket, 'secureConnect');
    socket.write('GET /slow HTTP/1.1\r\nHost: one.test\r\n\r\n');
    await eventually(
      () => lab.upstream.waitingCount === 1,
      () => 'the request is under way',
    );
    beneath.resetAndDestroy();
    await eventually(
      () => lab.lines.length === 2,
      () => 'the client is gone',
    );
    const known = `TLSv1.3 TLS_AES_256_GCM_SHA384 one.test . SUCCESS "CN=jack,O=Test" ${fingerprint}`;
    assert.deepEqual(lab.lines, [`${known} 200 -\n`, `${known} 499 client_closed\n`]);
    lab.upstream.release();
  });

  test('has nothing to tell of a connection without TLS', async (t) => {
    const lab = await openTls(t, standard(), {}, { logFormat: FORMAT });
    await lab.request('/');
    assert.deepEqual(lab.lines, ['- - - - - "-" - 200 -\n']);
  });
});

describe('a session', () => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`is resumed by another worker with ${version}, and by no other name`, async (t) => {
      const secret = randomBytes(32);
      const [first, second] = await Promise.all([
        openTls(t, standard(), {}, { ticketSecret: secret }),
        openTls(t, standard(), {}, { ticketSecret: secret }),
      ]);
      const { session, isReused } = await ask(portOf(first), 'one.test', { maxVersion: version });
      assert.equal(isReused, false);
      assert.ok(session);
      assert.equal((await ask(portOf(second), 'one.test', { maxVersion: version, session })).isReused, true);
      const lax = { checkServerIdentity: () => undefined };
      const elsewhere = await ask(portOf(second), 'a.other.test', { maxVersion: version, session, ...lax });
      assert.equal(elsewhere.isReused, false);
      assert.equal(elsewhere.subject, '*.other.test');
    });
  }

  test('made before client certificates were asked for opens nothing afterwards', async (t) => {
    const lab = await openTls(t);
    const { session } = await ask(portOf(lab), 'one.test');
    lab.reload(configuration([{ id: 'one', snis: ['one.test'], ...one, client: { ca: clients.cert } }]));
    await assert.rejects(ask(portOf(lab), 'one.test', session === undefined ? {} : { session }));
    assert.equal(lab.seen.length, 1);
  });
});

test('a certificate is replaced under load without a failed request', async (t) => {
  const lab = await openTls(t);
  const renewed = authority.issue('one.test', { rsa: true });
  let isOver = false;
  const load = Promise.all(
    Array.from({ length: 4 }, async () => {
      while (!isOver) assert.equal(status(await ask(portOf(lab), 'one.test')), '200');
    }),
  );
  try {
    await ask(portOf(lab), 'one.test');
    lab.reload(configuration([{ id: 'one', snis: ['one.test'], ...renewed }]));
    await ask(portOf(lab), 'one.test');
  } finally {
    isOver = true;
    await load;
  }
  const socket = tls.connect({ port: portOf(lab), servername: 'one.test', ca: authority.cert });
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  assert.equal(
    (socket.getPeerCertificate() as { asn1Curve?: string }).asn1Curve,
    undefined,
    'the renewed one is of RSA',
  );
  socket.destroy();
});

describe('on a port of TLS', () => {
  for (const garbage of [
    'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
    '\x16\x03\x01\0\x05\x01\0\0\x01\0',
    '\x16\x03\x01\xff\xff',
    '\0',
  ]) {
    test(`${JSON.stringify(garbage.slice(0, 12))} ends its connection at once`, async (t) => {
      const lab = await openTls(t);
      const socket = net.connect(portOf(lab), '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(garbage, 'latin1');
      await new Promise((resolve) => socket.on('close', resolve).resume());
      assert.deepEqual(lab.tlsRefused, ['no TLS client']);
    });
  }

  test('a handshake that stalls is ended after the time for heads, before and after its first message', async (t) => {
    const lab = await openTls(t, standard(), { timeouts: { head_ms: 200 } });
    const hello = await new Promise<Buffer>((resolve) => {
      const server = net.createServer((socket) => {
        socket.once('data', (bytes: Buffer) => {
          resolve(bytes);
          socket.destroy();
          server.close();
        });
      });
      server.listen(0, '127.0.0.1', () => {
        const { port } = server.address() as net.AddressInfo;
        tls.connect({ port, servername: 'one.test' }).on('error', () => undefined);
      });
    });
    const begin = (bytes: Uint8Array): Promise<unknown> => {
      const socket = net.connect(portOf(lab), '127.0.0.1').on('error', () => undefined);
      socket.write(bytes);
      return new Promise((resolve) => socket.on('close', resolve).resume());
    };
    await Promise.all([begin(Buffer.alloc(0)), begin(hello)]);
    await eventually(
      () => lab.worker.connectionCount === 0,
      () => 'nothing is left',
    );
  });
});

/** Pieces of all sizes, from those that go out as one text to those that need a write of their own. */
async function serveChunks(t: TestContext, count: number): Promise<{ port: number; digest: string }> {
  const digest = createHash('sha256');
  const chunks = Array.from({ length: count }, (_, i) => randomBytes(i % 2 === 0 ? 50 : 40_000));
  for (const chunk of chunks) digest.update(chunk);
  const server = http.createServer((_request, response) => {
    let at = 0;
    const more = (): void => {
      while (at < chunks.length) if (!response.write(chunks[at++])) return void response.once('drain', more);
      response.end();
    };
    more();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as net.AddressInfo).port, digest: digest.digest('hex') };
}

describe('an answer', () => {
  // Of TLS a handle takes one write at a time: a second one would end the process.
  test('in many pieces of one read reaches a client that stops and goes on, byte for byte', async (t) => {
    const { port, digest } = await serveChunks(t, 400);
    const text = configuration(standard()).replaceAll('$UPSTREAM', `127.0.0.1:${port}`);
    const lab = await openLab(t, text);
    // Over HTTP/1.0 each piece of a chunked answer is written apart.
    const socket = tls.connect({ port: portOf(lab), host: '127.0.0.1', servername: 'one.test', ca: authority.cert });
    socket.on('secureConnect', () => socket.write('GET / HTTP/1.0\r\nHost: one.test\r\n\r\n'));
    const pieces: Buffer[] = [];
    socket.on('data', (piece: Buffer) => {
      pieces.push(piece);
      if (pieces.length % 100 !== 0) return;
      socket.pause();
      setTimeout(() => socket.resume(), 10);
    });
    await once(socket, 'close');
    const answer = Buffer.concat(pieces);
    const body = answer.subarray(answer.indexOf('\r\n\r\n') + 4);
    assert.equal(createHash('sha256').update(body).digest('hex'), digest);
  });
});

describe('the configuration is refused with', () => {
  const problem = (ssl: Partial<Ssl>): string[] =>
    problemsOf(configuration([{ id: 'one', snis: ['one.test'], ...one, ...ssl }]));
  test('a certificate that is none', () => {
    assert.match(problem({ cert: 'x' })[0] ?? '', /ssls\[0\]\.cert: .*is no certificate in PEM/);
  });
  test('a key that is none, without a word of it', () => {
    const [first = ''] = problem({ key: 'my-secret-key' });
    assert.match(first, /ssls\[0\]\.key: .*is no private key in PEM/);
    assert.doesNotMatch(first, /my-secret/);
  });
  test('a key of another certificate', () => {
    assert.match(problem({ key: other.key })[0] ?? '', /is not the key of the certificate/);
  });
  test('further certificates without their keys', () => {
    assert.match(problem({ certs: [other.cert] })[0] ?? '', /as many "keys" as "certs"/);
  });
  test('authorities of clients that are none', () => {
    assert.match(problem({ client: { ca: 'x' } })[0] ?? '', /client\.ca: .*is no certificate/);
  });
  test('a path to skip that is no regular expression', () => {
    assert.match(
      problem({ client: { ca: clients.cert, skip_mtls_uri_regex: ['('] } })[0] ?? '',
      /skip_mtls_uri_regex\[0\]/,
    );
  });
});
