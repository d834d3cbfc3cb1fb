/** What responders say (RFC 6960), as OpenSSL says it, and what becomes of it in a handshake. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import tls from 'node:tls';
import { after, before, describe, test, type TestContext } from 'node:test';
import { issuedOf, type Issued, OcspError, ocspRequest, readOcspAnswer, responderOf } from '../../src/tls/ocsp.ts';
import { requireProgram } from '../require-program.ts';
import { RunningGateway } from '../e2e/gateway.ts';
import { problemsOf } from '../plugins/lab.ts';
import { eventually } from '../e2e/waiting.ts';
import { type Authority, Certificates, type Pair } from './certificates.ts';
import { Responder } from './responder.ts';

let files: Certificates;
let authority: Authority;

before((t) => {
  if (requireProgram(t as TestContext, 'openssl') === undefined) return;
  files = new Certificates();
  authority = files.selfSigned('authority');
});

after(() => files.remove());

interface Asked {
  readonly responder: Responder;
  readonly pair: Pair;
  readonly issued: Issued;
  answer(): Buffer;
}

const chainOf = ({ cert }: Pair, by: Pair = authority): string => `${cert}${by.cert}`;

async function openResponder(t: TestContext, by: Authority = authority): Promise<Asked> {
  const responder = await Responder.start(t, by);
  const pair = by.issue('one.test', { extensions: [responder.extension] });
  responder.set(pair, 'good');
  const issued = issuedOf(chainOf(pair, by));
  if (typeof issued === 'string') return assert.fail(issued);
  return { responder, pair, issued, answer: () => responder.answer(ocspRequest(issued)) };
}

const now_ms = Date.now();
const DAY_MS = 86_400_000;
const read = (bytes: Buffer, issued: Issued, changes: object = {}) =>
  readOcspAnswer(bytes, issued, { now_ms, verifies: true, ...changes });
const isFault = (pattern: RegExp) => (error: unknown) => error instanceof OcspError && pattern.test(error.message);

describe('an answer', () => {
  for (const status of ['good', 'revoked', 'unknown'] as const) {
    test(`that says ${status} is understood, and the request that led to it by OpenSSL`, async (t) => {
      const { responder, pair, issued, answer } = await openResponder(t);
      responder.set(pair, status);
      const read1 = read(answer(), issued);
      assert.equal(read1.status, status);
      assert.ok(Math.abs((read1.nextUpdate_ms ?? 0) - now_ms - DAY_MS) < 60_000);
      assert.match(responderOf(issued.certificate) ?? '', /^http:\/\/127\.0\.0\.1:\d+\/$/);
    });
  }

  test('of an authority with an RSA key is understood', async (t) => {
    const rsa = authority.issue('rsa authority', { rsa: true, isAuthority: true }) as Authority;
    const { issued, answer } = await openResponder(t, rsa);
    assert.equal(read(answer(), issued).status, 'good');
  });

  test('counts within its time', async (t) => {
    const { issued, answer } = await openResponder(t);
    const bytes = answer();
    assert.throws(() => read(bytes, issued, { now_ms: now_ms + 2 * DAY_MS }), isFault(/out of date/));
    assert.throws(() => read(bytes, issued, { now_ms: now_ms - DAY_MS }), isFault(/a time to come/));
  });

  test('is signed by the authority, or by whom it named for that', async (t) => {
    const { responder, issued, answer } = await openResponder(t);
    responder.signer = authority.issue('responder', { extensions: ['extendedKeyUsage=OCSPSigning'] });
    assert.equal(read(answer(), issued).status, 'good');
    // Anybody may have a certificate of the same authority.
    for (const signer of [authority.issue('somebody'), files.selfSigned('stranger')]) {
      responder.signer = signer;
      const bytes = answer();
      assert.throws(() => read(bytes, issued), isFault(/not signed by who may/));
      assert.equal(read(bytes, issued, { verifies: false }).status, 'good');
    }
  });

  test('about another certificate says nothing about this one', async (t) => {
    const { answer } = await openResponder(t);
    const other = issuedOf(chainOf(authority.issue('other.test')));
    assert.throws(() => read(answer(), other as Issued), isFault(/about another certificate/));
  });

  test('that is a refusal is told', async (t) => {
    const { issued } = await openResponder(t);
    assert.throws(() => read(Buffer.from('30030a0106', 'hex'), issued), isFault(/refuses: unauthorized/));
  });

  test('that was changed anywhere is refused, or is what it was', async (t) => {
    const { issued, answer } = await openResponder(t);
    const bytes = answer();
    const before = JSON.stringify(read(bytes, issued));
    for (let i = 0; i < 400; i++) {
      const changed = Buffer.from(bytes);
      const at = randomInt(bytes.length);
      changed[at] = randomInt(256);
      try {
        assert.equal(JSON.stringify(read(changed, issued)), before, `byte ${at}: ${changed[at]}`);
      } catch (error) {
        assert.ok(error instanceof OcspError, `byte ${at}: ${changed[at]}: ${String(error)}`);
      }
      const cut = bytes.subarray(0, at);
      assert.throws(() => read(cut, issued), OcspError);
    }
  });
});

describe('ocsp_stapling', () => {
  /** What a client is shown. */
  const stapleOf = (port: number): Promise<Buffer | null> =>
    new Promise((resolve, reject) => {
      const options = { port, host: '127.0.0.1', servername: 'one.test', ca: authority.cert, requestOCSP: true };
      const socket = tls.connect(options);
      socket.on('error', reject);
      socket.once('OCSPResponse', (bytes: Buffer | null) =>
        resolve(bytes === null || bytes.length === 0 ? null : bytes),
      );
      socket.once('secureConnect', () => socket.destroy());
    });

  test('shows clients an answer of the authority, asked for once for all workers', async (t) => {
    const openssl = requireProgram(t, 'openssl');
    if (openssl === undefined) return;
    const { responder, pair, issued } = await openResponder(t);
    const bare = authority.issue('bare.test', { extensions: [responder.extension] });
    await using gateway = await RunningGateway.start({
      gateway: { https: [{ address: '127.0.0.1', port: 0 }], workers: 2, metrics: { address: '127.0.0.1', port: 0 } },
      ...({
        ssls: [
          { id: 'one', snis: ['one.test'], cert: chainOf(pair), key: pair.key, ocsp_stapling: { enabled: true } },
          { id: 'bare', snis: ['bare.test'], cert: chainOf(bare), key: bare.key },
        ],
      } as object),
    });
    const portOf = (protocol: string): number =>
      Number(new RegExp(`listening protocol=${protocol} .*port=(\\d+)`).exec(gateway.errorLog)?.[1]);
    const port = portOf('https');
    await eventually(
      async () => (await stapleOf(port)) !== null,
      () => gateway.errorLog,
    );
    for (let i = 0; i < 10; i++) {
      const staple = await stapleOf(port);
      assert.ok(staple !== null, 'each worker has it');
      assert.equal(read(staple, issued, { now_ms: Date.now() }).status, 'good');
    }
    assert.equal(responder.requests.length, 1, 'it is asked for once');
    const args = ['s_client', '-connect', `127.0.0.1:${port}`, '-servername'];
    const told = (name: string): string =>
      execFileSync(openssl, [...args, name, '-status', '-CAfile', files.write(authority.cert)], {
        input: 'Q\n',
        stdio: 'pipe',
      }).toString();
    assert.match(told('one.test'), /OCSP Response Status: successful \(0x0\)[^]*Cert Status: good/);
    assert.match(told('bare.test'), /OCSP response: no response sent/);
    const metrics = await (await fetch(`http://127.0.0.1:${portOf('metrics')}/apisix/prometheus/metrics`)).text();
    assert.match(metrics, /gatewright_ocsp_staples\{state="valid"\} 1\n/);
  });

  test('that cannot be had is told in the log, and handshakes go on without', async (t) => {
    const { responder, pair } = await openResponder(t);
    responder.set(pair, 'revoked');
    await using gateway = await RunningGateway.start({
      gateway: { https: [{ address: '127.0.0.1', port: 0 }] },
      ...({
        ssls: [{ id: 'one', snis: ['one.test'], cert: chainOf(pair), key: pair.key, ocsp_stapling: { enabled: true } }],
      } as object),
    });
    await gateway.logged(/warn +ocsp_failed ssl=one reason="the responder says that the certificate is revoked"/);
    const port = Number(/listening protocol=https .*port=(\d+)/.exec(gateway.errorLog)?.[1]);
    assert.equal(await stapleOf(port), null);
  });

  test('is refused where it can never work', () => {
    const pair = authority.issue('one.test');
    const other = authority.issue('one.test', { rsa: true });
    const problem = (ssl: object): string =>
      problemsOf(
        JSON.stringify({
          routes: [],
          ssls: [{ id: 'one', snis: ['one.test'], key: pair.key, ocsp_stapling: { enabled: true }, ...ssl }],
        }),
      ).join('\n');
    assert.equal(problem({ cert: chainOf(pair) }), '');
    assert.match(problem({ cert: pair.cert }), /ocsp_stapling\.enabled: .*needs the certificate of who issued it/);
    const two = { cert: chainOf(pair), certs: [other.cert], keys: [other.key] };
    assert.match(problem(two), /ocsp_stapling\.enabled: .*works with one certificate/);
    assert.match(problem({ cert: chainOf(pair), ocsp_stapling: { cache_ttl: 59 } }), /cache_ttl/);
    assert.match(problem({ cert: chainOf(pair), ocsp_stapling: { enabled: true, staple: 1 } }), /staple/);
  });
});
