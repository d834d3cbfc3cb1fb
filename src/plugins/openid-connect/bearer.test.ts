import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { SignJWT, UnsecuredJWT } from 'jose';
import {
  clockOfNow,
  decoded,
  openWorld,
  told,
  type Attributes,
  type World,
  type WorldOptions,
} from '../../../test/openid/world.ts';

/** Machines call: no session is configured. */
const bearerWorld = (t: TestContext, attributes: Attributes, options: WorldOptions = {}): Promise<World> =>
  openWorld(t, { session: undefined, ...attributes }, options);

const call = async ({ browser, address }: World, token: string, headers: Readonly<Record<string, string>> = {}) =>
  browser.open(address('/'), { headers: { Authorization: `Bearer ${token}`, ...headers } });

const INVALID = 'Bearer realm="apisix", error="invalid_token"';

describe('tokens that the provider made', () => {
  for (const [title, attributes] of [
    ['by its published keys', { use_jwks: true }],
    ['by introspection', { bearer_only: true, introspection_endpoint_auth_method: 'client_secret_basic' }],
    [
      'by introspection, with the secret in the form',
      { bearer_only: true, introspection_endpoint_auth_method: 'client_secret_post' },
    ],
  ] as const) {
    it(`are known ${title}, and remembered`, async (t) => {
      const isForm = title.includes('form');
      const method = isForm ? 'client_secret_post' : 'client_secret_basic';
      const isIntrospected = title.includes('introspection');
      const world = await bearerWorld(t, attributes, { client: { token_endpoint_auth_method: method } });
      const { provider, lab } = world;
      const token = isIntrospected ? await opaqueToken(world, method) : await provider.machineToken('orders:read');
      const before = provider.asked.length;
      const answer = await call(world, token, { 'X-Userinfo': 'forged', 'X-ID-Token': 'forged' });
      assert.equal(answer.status, 200, answer.text + JSON.stringify(lab.hostLog));
      assert.equal(told(lab, 'X-Access-Token'), token);
      const user = decoded(told(lab, 'X-Userinfo'));
      assert.equal(user['client_id'], isIntrospected ? 'gateway' : 'machine');
      assert.equal(told(lab, 'X-ID-Token'), undefined);
      assert.equal(provider.asked.length, before + 2, 'the document, and the keys or the introspection');
      await Promise.all([call(world, token), call(world, token)]);
      assert.equal(provider.asked.length, before + 2);
    });
  }

  it('are asked for once at a time', async (t) => {
    const world = await bearerWorld(t, { bearer_only: true });
    const token = await opaqueToken(world, 'client_secret_basic');
    const before = world.provider.asked.length;
    const answers = await Promise.all(Array.from({ length: 20 }, () => call(world, token)));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
    assert.equal(world.provider.asked.length, before + 2);
  });

  it('count until they expire, or as long as is configured', async (t) => {
    const clock = clockOfNow();
    const world = await bearerWorld(
      t,
      { bearer_only: true, introspection_interval: 10, iat_slack: 0 },
      { clock, accessToken_s: 100 },
    );
    const token = await opaqueToken(world, 'client_secret_basic');
    const asked = async (): Promise<[status: number, asked: number]> => {
      const before = world.provider.asked.length;
      return [(await call(world, token)).status, world.provider.asked.length - before];
    };
    assert.deepEqual(await asked(), [200, 2]);
    clock.pass(9_000);
    assert.deepEqual(await asked(), [200, 0]);
    clock.pass(2_000);
    assert.deepEqual(await asked(), [200, 1]);
    clock.pass(100_000);
    assert.deepEqual(await asked(), [401, 1]);
  });

  it('need the scopes that are wanted, and say whom they are for', async (t) => {
    const world = await bearerWorld(t, { use_jwks: true, required_scopes: ['orders:read'] });
    const { provider, reload } = world;
    const [read, write] = [await provider.machineToken('orders:read'), await provider.machineToken('orders:write')];
    assert.equal((await call(world, read)).status, 200);
    const refused = await call(world, write);
    assert.deepEqual(
      [refused.status, refused.headers.get('WWW-Authenticate')],
      [403, 'Bearer realm="apisix", error="insufficient_scope", scope="orders:read"'],
    );
    const AUDIENCES: readonly (readonly [audience: Attributes, status: number])[] = [
      [{ match_with_client_id: true }, 200],
      [{ required: true, claim: 'nobody' }, 401],
      [{ claim: 'nobody' }, 200],
      [{ claim: 'client_id', match_with_client_id: true }, 401],
    ];
    for (const [audience, status] of AUDIENCES) {
      reload({ session: undefined, use_jwks: true, claim_validator: { audience } });
      assert.equal((await call(world, read)).status, status, JSON.stringify(audience));
    }
    reload({
      session: undefined,
      use_jwks: true,
      claim_validator: { issuer: { valid_issuers: ['https://other.example'] } },
    });
    assert.equal((await call(world, read)).status, 401);
  });

  it('are known by new keys as soon as these are asked for again, and by keys that were taken back no more', async (t) => {
    const clock = clockOfNow();
    const world = await bearerWorld(t, { use_jwks: true, jwk_expires_in: 100 }, { clock });
    const { provider } = world;
    const old = await provider.machineToken('orders:read');
    assert.equal((await call(world, old)).status, 200);
    provider.rotate();
    const fresh = await provider.machineToken('orders:read');
    assert.equal(
      (await call(world, fresh)).status,
      401,
      'keys were asked for a moment ago, and are not asked for again',
    );
    assert.equal((await call(world, old)).status, 200);
    clock.pass(10_001);
    assert.equal((await call(world, fresh)).status, 200);
    assert.equal((await call(world, old)).status, 401, 'whatever was remembered of it');
    provider.rotate();
    const asked = provider.asked.length;
    for (let at = 0; at < 20; at++) assert.equal((await call(world, old)).status === 200, false);
    assert.equal(provider.asked.length, asked, 'who sends what nobody signed makes us ask for nothing');
  });

  it('are told of, with what the caller sent beside them, where they are introspected', async (t) => {
    const world = await bearerWorld(t, { bearer_only: true, introspection_addon_headers: ['X-Tenant', 'X-None'] });
    const token = await opaqueToken(world, 'client_secret_basic');
    const seen: unknown[] = [];
    world.provider.intercept = (request) => {
      if (request.url === '/token/introspection') seen.push([request.headers['x-tenant'], request.headers['x-none']]);
      return false;
    };
    assert.equal((await call(world, token, { 'X-Tenant': 'blue' })).status, 200);
    assert.deepEqual(seen, [['blue', undefined]]);
  });
});

/** A token of the gateway's own client, by a log-in: what the provider introspects for it. */
async function opaqueToken({ provider }: World, method: string): Promise<string> {
  provider.setClient({ grant_types: ['authorization_code', 'refresh_token', 'client_credentials'] });
  const isForm = method === 'client_secret_post';
  const response = await fetch(`${provider.issuer}/token`, {
    method: 'POST',
    headers: isForm ? {} : { Authorization: `Basic ${Buffer.from('gateway:hush-secret').toString('base64')}` },
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      ...(isForm ? { client_id: 'gateway', client_secret: 'hush-secret' } : {}),
    }),
  });
  const { access_token } = (await response.json()) as { readonly access_token: string };
  assert.ok(access_token, 'the provider gives a token');
  return access_token;
}

describe('tokens that somebody forged', () => {
  const own = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const other = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = own.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const now = Math.floor(Date.now() / 1000);
  const made = (issuer: string, claims: Attributes = {}, header: Attributes = {}) =>
    new SignJWT({ iss: issuer, sub: 'jack', exp: now + 600, ...claims }).setProtectedHeader({
      alg: 'RS256',
      ...header,
    });
  const part = (value: unknown): string =>
    Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

  type Forge = (issuer: string, good: string) => Promise<string> | string;
  const FORGED: readonly (readonly [title: string, forge: Forge])[] = [
    ['not signed', (iss) => new UnsecuredJWT({ iss, sub: 'jack', exp: now + 600 }).encode()],
    ['signed with the public key as a secret', (iss) => made(iss, {}, { alg: 'HS256' }).sign(Buffer.from(pem))],
    ['signed with another key', (iss) => made(iss).sign(other.privateKey)],
    [
      'that brings its own key',
      async (iss) => made(iss, {}, { jwk: other.publicKey.export({ format: 'jwk' }) }).sign(other.privateKey),
    ],
    [
      'that says where its key is',
      (iss) => made(iss, {}, { jku: 'http://127.0.0.1:1/keys', x5u: 'http://127.0.0.1:1/' }).sign(other.privateKey),
    ],
    ['of another algorithm', (iss) => made(iss, {}, { alg: 'ES256' }).sign(ec.privateKey)],
    [
      'with an extension that must be understood',
      (_, good) => `${part({ alg: 'RS256', crit: ['x'], x: 1 })}.${good.split('.')[1]}.${good.split('.')[2]}`,
    ],
    ['of another issuer', () => made('https://other.example').sign(own.privateKey)],
    ['without issuer', () => made('', { iss: undefined }).sign(own.privateKey)],
    ['that has expired', (iss) => made(iss, { exp: now - 600 }).sign(own.privateKey)],
    ['that never expires', (iss) => made(iss, { exp: undefined }).sign(own.privateKey)],
    ['whose time has not come', (iss) => made(iss, { nbf: now + 600 }).sign(own.privateKey)],
    ['whose times are no numbers', (iss) => made(iss, { exp: 'soon' }).sign(own.privateKey)],
    [
      'with other claims',
      (_, good) => [good.split('.')[0], part({ sub: 'root', exp: now + 600 }), good.split('.')[2]].join('.'),
    ],
    ['without signature', (_, good) => `${good.split('.').slice(0, 2).join('.')}.`],
    ['with a part too many', (_, good) => `${good}.x`],
    ['that holds a list', (_, good) => `${good.split('.')[0]}.${part([])}.${good.split('.')[2]}`],
    ['that is encrypted', () => `${part({ alg: 'dir', enc: 'A256GCM' })}..${part('x')}.${part('y')}.${part('z')}`],
    ['that is no JSON', () => `${part('{')}.${part('{')}.x`],
    ['that is nothing', () => '...'],
    ['that is long', () => 'a'.repeat(7_000)],
    ['nested without end', (_, good) => `${part('{"a":'.repeat(1_000))}.${good.split('.')[1]}.x`],
  ];

  it('are refused, whatever they try', async (t) => {
    const world = await bearerWorld(t, { public_key: pem, iat_slack: 0 });
    const { provider, lab } = world;
    const good = await made(provider.issuer).sign(own.privateKey);
    assert.equal((await call(world, good)).status, 200, JSON.stringify(lab.hostLog));
    const passed = lab.seen.length;
    for (const [title, forge] of FORGED) {
      await t.test(title, async () => {
        const answer = await call(world, await forge(provider.issuer, good));
        assert.ok(answer.status === 401 || answer.status === 429, `${answer.status} ${answer.text}`);
        if (answer.status === 401)
          assert.deepEqual(
            [answer.headers.get('WWW-Authenticate'), answer.text],
            [INVALID, '{"message":"Invalid access token in request"}\n'],
          );
      });
    }
    assert.equal(lab.seen.length, passed);
    assert.ok(createPublicKey(pem));
  });

  for (const [title, header] of [
    ['nothing', undefined],
    ['another scheme', 'Basic amFjazp4'],
    ['no token', 'Bearer'],
    ['an empty token', 'Bearer '],
    ['two', 'Bearer a b'],
    ['characters that no token has', 'Bearer a,b'],
  ] as const) {
    it(`${title} is no token`, async (t) => {
      const { browser, address } = await bearerWorld(t, { bearer_only: true });
      const { status, headers, text } = await browser.open(
        address('/'),
        header === undefined ? {} : { headers: { Authorization: header } },
      );
      assert.deepEqual(
        [status, headers.get('WWW-Authenticate'), text],
        [401, 'Bearer realm="apisix"', '{"message":"Missing access token in request"}\n'],
      );
    });
  }
});

it('nobody is let in or refused while the provider cannot be asked', async (t) => {
  for (const attributes of [{ bearer_only: true }, { use_jwks: true }] as const) {
    for (const answer of ['broken', 'silent', 'garbage'] as const) {
      const world = await bearerWorld(t, { ...attributes, timeout: 1 });
      const token = await world.provider.machineToken('orders:read');
      world.provider.intercept = (request, response) => {
        if (request.url?.startsWith('/.well-known') === true) return false;
        if (answer === 'broken') response.writeHead(500).end();
        if (answer === 'garbage') response.end('{"keys":');
        return true;
      };
      const answers = await Promise.all(Array.from({ length: 10 }, () => call(world, token)));
      assert.deepEqual(
        new Set(answers.map(({ status }) => status)),
        new Set([503]),
        `${Object.keys(attributes).join()} ${answer}`,
      );
    }
  }
});
