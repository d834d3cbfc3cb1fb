/** The Admin API takes no certificate that has ended, and leaves one alone that ends while it is stored. */
import assert from 'node:assert/strict';
import { after, before, test, type TestContext } from 'node:test';
import { requireProgram } from '../require-program.ts';
import { type Authority, Certificates, type Pair } from '../tls/certificates.ts';
import { startLab } from './lab.ts';

let files: Certificates;
let authority: Authority;
let expired: Pair;
let good: Pair;

before((t) => {
  if (requireProgram(t as TestContext, 'openssl') === undefined) return;
  files = new Certificates();
  authority = files.selfSigned('authority');
  expired = authority.issue('a.example', { days: -1 });
  good = authority.issue('a.example');
});

after(() => files.remove());

const snis = ['a.example'];
const UPSTREAM = { scheme: 'https', nodes: { '127.0.0.1:1': 1 } };

test('a certificate that has ended is refused with its name and time, wherever it stands', async (t) => {
  const lab = await startLab(t);
  const middle = authority.issue('middle', { days: -1, isAuthority: true });
  const mine = { client_cert: expired.cert, client_key: expired.key };
  const cases: readonly (readonly [path: string, body: object, at: RegExp])[] = [
    ['/ssls/1', { ...expired, snis }, /cert/],
    ['/ssls/1', { cert: good.cert + middle.cert, key: good.key, snis }, /cert/],
    ['/ssls/1', { ...good, snis, certs: [expired.cert], keys: [expired.key] }, /certs\[0\]/],
    ['/upstreams/1', { ...UPSTREAM, tls: mine }, /tls\.client_cert/],
    ['/routes/1', { uri: '/a', upstream: { ...UPSTREAM, tls: mine } }, /upstream\.tls\.client_cert/],
  ];
  for (const [path, body, at] of cases) {
    const { status, text } = await lab.ask(path, { method: 'PUT', body });
    assert.equal(status, 400, `${path}: ${text}`);
    assert.match(text, at);
    assert.match(
      text,
      /the certificate of [^"]*CN=[^"]* ended at 2020-01-02T00:00:00\.000Z: give one that is still good/,
    );
    const kind = path.split('/')[1];
    assert.equal((await lab.ask(`/schema/validate/${kind}`, { method: 'POST', body })).status, 400);
    assert.equal((await lab.ask(path)).status, 404);
  }
  assert.equal((await lab.ask('/ssls/1', { method: 'PUT', body: { ...good, snis } })).status, 201);
  assert.equal((await lab.ask('/ssls/1', { method: 'PUT', body: { ...expired, snis } })).status, 400);
});

test('what is switched off may have ended', async (t) => {
  const lab = await startLab(t);
  const off = { ...expired, snis, status: 0 };
  assert.equal((await lab.ask('/ssls/1', { method: 'PUT', body: off })).status, 201);
  assert.equal((await lab.ask('/ssls/1', { method: 'PATCH', body: { desc: 'old' } })).status, 200);
  assert.equal((await lab.ask('/ssls/1', { method: 'PATCH', body: { ...good, status: 1 } })).status, 200);
});
