/** Published keys, behind a real server that is slow, gone, changing or wrong, and jwt-auth in front of it. */
import assert from 'node:assert/strict';
import http from 'node:http';
import { describe, it, type TestContext } from 'node:test';
import { exportJWK, SignJWT } from 'jose';
import { HandClock, openLab, type Lab } from '../../test/plugins/lab.ts';
import { curvePair, pemOf, rsaPair, type Pair } from '../../test/plugins/tokens.ts';
import { JwkSet } from './jwk-set.ts';

const OLD = curvePair('P-256');
const NEW = curvePair('P-256');
const NOW = '2026-01-01T00:00:00Z';

const jwkOf = async ({ publicKey }: Pair, more: object = {}): Promise<object> => ({
  ...(await exportJWK(publicKey)),
  ...more,
});
const setOf = async (keys: Readonly<Record<string, Pair>>): Promise<string> =>
  JSON.stringify({ keys: await Promise.all(Object.entries(keys).map(([kid, pair]) => jwkOf(pair, { kid }))) });

const tokenBy = ({ privateKey }: Pair, kid?: string, alg = 'ES256'): Promise<string> =>
  new SignJWT({ iss: 'provider' }).setProtectedHeader({ alg, ...(kid === undefined ? {} : { kid }) }).sign(privateKey);

type Answering = (response: http.ServerResponse, request: http.IncomingMessage) => void;

class Provider {
  asked = 0;
  answer: Answering = () => {};
  private readonly server = http.createServer((request, response) => {
    this.asked++;
    this.answer(response, request);
  });

  static async start(t: TestContext): Promise<Provider> {
    const provider = new Provider();
    await new Promise<void>((resolve) => provider.server.listen(0, '127.0.0.1', resolve));
    t.after(() => provider.close());
    return provider;
  }

  get url(): string {
    const address = this.server.address();
    return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 1}/keys`;
  }

  publish(text: string): void {
    this.answer = (response) => void response.end(text);
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}

const configuration = (url: string, settings: object = {}): string =>
  JSON.stringify({
    plugin_metadata: [{ id: 'jwt-auth', jwks: settings }],
    consumers: [
      { username: 'provider', plugins: { 'jwt-auth': { key: 'provider', algorithm: 'ES256', jwks_url: url } } },
      { username: 'anonymous' },
    ],
    routes: ['/a', '/b', '/c'].map((uri) => ({
      uri,
      plugins: { 'jwt-auth': { key_claim_name: 'iss', ...(uri === '/c' ? { anonymous_consumer: 'anonymous' } : {}) } },
      upstream: { nodes: { $UPSTREAM: 1 } },
    })),
  });

interface Opened {
  readonly lab: Lab;
  readonly clock: HandClock;
  readonly provider: Provider;
}

async function open(t: TestContext, settings: object = {}): Promise<Opened> {
  const provider = await Provider.start(t);
  const clock = new HandClock(NOW);
  return { provider, clock, lab: await openLab(t, configuration(provider.url, settings), { clock }) };
}

const statusOf = async (lab: Lab, token: string, path = '/a'): Promise<number> =>
  (await lab.request(path, { headers: { Authorization: `Bearer ${token}` } })).status;
const failures = (lab: Lab): unknown[] =>
  lab.hostLog.filter(({ event }) => event === 'jwks_failed').map(({ detail }) => detail['reason']);

it('keys are fetched once, for all callers that wait and for all routes', async (t) => {
  const { lab, provider } = await open(t);
  const text = await setOf({ old: OLD });
  provider.answer = (response) => void setTimeout(() => response.end(text), 50);
  const token = await tokenBy(OLD, 'old');
  const others = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      new SignJWT({ iss: 'provider', i }).setProtectedHeader({ alg: 'ES256', kid: 'old' }).sign(OLD.privateKey),
    ),
  );
  const statuses = await Promise.all([token, ...others].map((each) => statusOf(lab, each)));
  assert.deepEqual(new Set(statuses), new Set([200]));
  assert.equal(await statusOf(lab, token), 200);
  assert.equal(await statusOf(lab, token, '/b'), 200, 'another route');
  assert.equal(provider.asked, 1);
});

it('a key that is new is found, and one that was taken back is believed no longer than max_age_s', async (t) => {
  const { lab, clock, provider } = await open(t, { refetch_s: 10, max_age_s: 300 });
  provider.publish(await setOf({ old: OLD }));
  const [before, after] = [await tokenBy(OLD, 'old'), await tokenBy(NEW, 'new')];
  assert.equal(await statusOf(lab, before), 200);
  provider.publish(await setOf({ new: NEW }));
  assert.equal(await statusOf(lab, after), 401, 'asked a moment ago');
  assert.equal(provider.asked, 1);
  clock.pass(10_000);
  assert.equal(await statusOf(lab, after), 200);
  assert.equal(await statusOf(lab, before), 401, 'although it was verified');
  assert.equal(provider.asked, 2);
  provider.publish(await setOf({ old: OLD }));
  clock.pass(299_000);
  assert.equal(await statusOf(lab, after), 200);
  clock.pass(1_000);
  assert.equal(await statusOf(lab, after), 200, 'and renewed meanwhile, without anybody waiting');
  while (provider.asked < 3 || (await statusOf(lab, after)) === 200)
    await new Promise((resolve) => setImmediate(resolve));
  assert.equal(await statusOf(lab, after), 401);
  assert.equal(await statusOf(lab, before), 200);
});

it('a set that stays the same costs no token its being known', async (t) => {
  const { lab, clock, provider } = await open(t, { max_age_s: 60 });
  provider.publish(await setOf({ old: OLD }));
  const token = await tokenBy(OLD, 'old');
  for (let i = 0; i < 5; i++) {
    assert.equal(await statusOf(lab, token), 200);
    clock.pass(61_000);
  }
});

it('whatever kids callers make up, the provider is asked once in refetch_s', async (t) => {
  const { lab, clock, provider } = await open(t, { refetch_s: 10 });
  provider.publish(await setOf({ old: OLD }));
  for (let round = 1; round <= 3; round++) {
    const statuses = await Promise.all(
      Array.from({ length: 30 }, async (_, i) => statusOf(lab, await tokenBy(NEW, `${round}-${i}`))),
    );
    assert.deepEqual(new Set(statuses), new Set([401]));
    assert.equal(provider.asked, round);
    clock.pass(10_000);
  }
});

it('what waits for the fetch of another route or worker gets what that one gets', async (t) => {
  const provider = await Provider.start(t);
  const text = await setOf({ old: OLD });
  provider.answer = (response) => void setTimeout(() => response.end(text), 100);
  const lab = await openLab(t, configuration(provider.url));
  const token = await tokenBy(OLD, 'old');
  assert.deepEqual(await Promise.all([statusOf(lab, token), statusOf(lab, token, '/b')]), [200, 200]);
  assert.equal(provider.asked, 1);
});

describe('a provider that cannot be used', () => {
  const GARBAGE: readonly (readonly [what: string, answer: Answering, reason: string])[] = [
    ['answers with an error', (response) => void response.writeHead(500).end('{"keys":[]}'), 'malformed'],
    ['has no such page', (response) => void response.writeHead(404).end(), 'malformed'],
    ['sends nothing', (response) => void response.end(), 'malformed'],
    ['sends no JSON', (response) => void response.end('<html>'), 'malformed'],
    ['sends null', (response) => void response.end('null'), 'malformed'],
    ['sends no list', (response) => void response.end('{"keys":{}}'), 'malformed'],
    ['sends no keys', (response) => void response.end('{"keys":[]}'), 'malformed'],
    ['sends what are no keys', (response) => void response.end('{"keys":[1,null,"x",{},{"kty":"EC"}]}'), 'malformed'],
    ['sends too many', (response) => void response.end(`{"keys":[${'{},'.repeat(100)}{}]}`), 'malformed'],
    ['sends too much', (response) => void response.end('x'.repeat(300_000)), 'too_large'],
    ['hangs up', (response) => void response.socket?.destroy(), 'reset'],
    ['leads to itself', (response, { url = '' }) => void response.writeHead(302, { Location: url }).end(), 'malformed'],
  ];
  for (const [what, answer, reason] of GARBAGE) {
    it(`${what}: nobody is let in, and it is asked once`, async (t) => {
      const { lab, provider } = await open(t);
      provider.answer = answer;
      const token = await tokenBy(OLD, 'old');
      const refused = await lab.request('/a', { headers: { Authorization: token } });
      assert.deepEqual(
        [refused.status, refused.text],
        [503, '{"message":"tokens cannot be verified at the moment"}\n'],
      );
      assert.equal(lab.log[0]?.errorCode, 'keys_unavailable');
      assert.equal(await statusOf(lab, token, '/c'), 503, 'not even as nobody in particular');
      assert.equal(provider.asked, 1);
      assert.deepEqual(failures(lab), [reason]);
    });
  }

  it('is not there', async (t) => {
    const { lab, provider } = await open(t);
    provider.close();
    assert.equal(await statusOf(lab, await tokenBy(OLD, 'old')), 503);
    assert.deepEqual(failures(lab), ['refused']);
  });

  it('never answers: callers wait for timeout_ms at most, and those who come next do not', async (t) => {
    const { lab, provider } = await open(t, { timeout_ms: 50 });
    provider.answer = () => {};
    const token = await tokenBy(OLD, 'old');
    assert.deepEqual(await Promise.all([statusOf(lab, token), statusOf(lab, token)]), [503, 503]);
    assert.equal(await statusOf(lab, token), 503);
    assert.equal(provider.asked, 1);
    assert.deepEqual(failures(lab), ['timeout']);
  });

  it('comes back', async (t) => {
    const { lab, clock, provider } = await open(t);
    provider.answer = (response) => void response.end('{');
    const token = await tokenBy(OLD, 'old');
    assert.equal(await statusOf(lab, token), 503);
    provider.publish(await setOf({ old: OLD }));
    clock.pass(10_000);
    assert.equal(await statusOf(lab, token), 200);
  });

  it('after it could be: known keys serve for stale_s more, and then none', async (t) => {
    const { lab, clock, provider } = await open(t, { max_age_s: 60, stale_s: 120 });
    provider.publish(await setOf({ old: OLD }));
    const token = await tokenBy(OLD, 'old');
    assert.equal(await statusOf(lab, token), 200);
    provider.answer = (response) => void response.end('garbage');
    clock.pass(179_000);
    assert.equal(await statusOf(lab, token), 200);
    clock.pass(1_000);
    assert.equal(await statusOf(lab, token), 503);
  });
});

it('a caller who leaves while keys are fetched costs nothing', async (t) => {
  const { lab, provider } = await open(t);
  const text = await setOf({ old: OLD });
  let release = (): void => {};
  provider.answer = (response) => void (release = () => void response.end(text));
  const token = await tokenBy(OLD, 'old');
  const aborted = new Promise<void>((resolve) => {
    const request = http.get({ port: lab.port, path: '/a', headers: { Authorization: token }, agent: false });
    request.on('error', () => resolve());
    const timer = setInterval(() => {
      if (provider.asked === 0) return;
      clearInterval(timer);
      request.destroy();
    }, 5);
  });
  await aborted;
  release();
  assert.equal(await statusOf(lab, token), 200);
});

describe('what a set says of its keys', () => {
  const rsa = rsaPair();
  const weak = rsaPair(1_024);
  it('decides what they are for', async () => {
    const keys = [
      await jwkOf(OLD, { kid: 'plain' }),
      await jwkOf(OLD, { kid: 'sig', use: 'sig', alg: 'ES256', key_ops: ['verify'] }),
      await jwkOf(OLD, { kid: 'enc', use: 'enc' }),
      await jwkOf(OLD, { kid: 'sign', key_ops: ['sign'] }),
      await jwkOf(OLD, { kid: 'alg', alg: 'ES384' }),
      await jwkOf(OLD, { kid: 'twice' }),
      await jwkOf(NEW, { kid: 'twice' }),
      await jwkOf(rsa, { kid: 'rsa', x5c: ['MII'] }),
      await jwkOf(rsa, { kid: 'ps', alg: 'PS256' }),
      await jwkOf(weak, { kid: 'weak' }),
      { kty: 'oct', kid: 'oct', k: 'c2VjcmV0' },
      { kty: 'EC', kid: 'broken', crv: 'P-256', x: 'AA', y: 'AA' },
      { kty: 'EC', kid: 'curve', crv: 'secp256k1', x: 'AA', y: 'AA' },
    ];
    const set = JwkSet.parse(JwkSet.condense(JSON.stringify({ keys })));
    const found = (alg: 'ES256' | 'ES384' | 'RS256' | 'PS256'): string[] =>
      ['plain', 'sig', 'enc', 'sign', 'alg', 'twice', 'rsa', 'ps', 'weak', 'oct', 'broken', 'curve', 'none'].filter(
        (kid) => set.find(kid, alg) !== undefined,
      );
    assert.deepEqual(found('ES256'), ['plain', 'sig']);
    assert.deepEqual(found('ES384'), []);
    assert.deepEqual(found('RS256'), ['rsa']);
    assert.deepEqual(found('PS256'), ['rsa', 'ps']);
    assert.equal(set.find(undefined, 'ES256'), undefined, 'several could be meant');
    assert.equal(set.find(undefined, 'RS256')?.asymmetricKeyType, 'rsa');
    assert.equal(set.find(7, 'RS256'), undefined);
    assert.equal(JwkSet.condense(JSON.stringify({ keys })).includes('x5c'), false);
    assert.equal(pemOf(rsa.publicKey), set.find('rsa', 'RS256')?.export({ type: 'spki', format: 'pem' }));
  });
});
