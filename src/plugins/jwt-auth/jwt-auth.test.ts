import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { constants, createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { CompactEncrypt, CompactSign, SignJWT } from 'jose';
import { HandClock, openLab, problemsOf, routeWith, type Ask, type Lab } from '../../../test/plugins/lab.ts';
import { base64url, curvePair, edPair, hmac, pemOf, rsaPair, signedBy, tokenOf } from '../../../test/plugins/tokens.ts';
import { seededRandom } from '../../../test/fuzz/random.ts';
import { requireProgram } from '../../../test/require-program.ts';
import { definePlugin, JWT_PAYLOAD } from '../../sdk/index.ts';

type Given = NonNullable<Ask['headers']>;

const SECRET = 'jack-hs256-secret-that-is-very-long-indeed-so-that-it-does-for-sha512-too';
const NOW = '2026-01-01T00:00:00Z';
const NOW_S = Date.parse(NOW) / 1000;
const RSA = rsaPair();
const PAIRS = {
  RS256: RSA,
  RS384: RSA,
  RS512: RSA,
  PS256: RSA,
  PS384: RSA,
  PS512: RSA,
  ES256: curvePair('P-256'),
  ES384: curvePair('P-384'),
  ES512: curvePair('P-521'),
  EdDSA: edPair('ed25519'),
} as const;

/** `jack` with HS256 under the key jack-key, and one credential for each other algorithm, under its name. */
const CREDENTIALS = [
  { id: 'jack/credentials/hs256', plugins: { 'jwt-auth': { key: 'jack-key', secret: SECRET } } },
  ...['HS384', 'HS512'].map((algorithm) => ({
    id: `jack/credentials/${algorithm}`,
    plugins: { 'jwt-auth': { key: algorithm, algorithm, secret: SECRET } },
  })),
  ...Object.entries(PAIRS).map(([algorithm, { publicKey }]) => ({
    id: `jack/credentials/${algorithm}`,
    plugins: { 'jwt-auth': { key: algorithm, algorithm, public_key: pemOf(publicKey) } },
  })),
  {
    id: 'jack/credentials/ed448',
    plugins: { 'jwt-auth': { key: 'Ed448', algorithm: 'EdDSA', public_key: pemOf(edPair('ed448').publicKey) } },
  },
];
const OTHERS = [{ username: 'jill', plugins: { 'jwt-auth': { key: 'jill-key', secret: `jill-${SECRET}` } } }];

const guarded = (attributes: object = {}, credentials: readonly object[] = CREDENTIALS): string =>
  `consumers: ${JSON.stringify([{ username: 'jack' }, { username: 'anonymous' }, ...OTHERS, ...credentials])}
${routeWith({ 'jwt-auth': attributes })}`;

const HS = { alg: 'HS256', typ: 'JWT' };
const PAYLOAD = { key: 'jack-key', exp: NOW_S + 3_600 };
const hs256 = (payload: object = PAYLOAD, header: object = HS): string => tokenOf(header, payload, hmac(SECRET));
const bearing = (token: string): Given => ({ Authorization: token });

async function open(t: TestContext, text = guarded()): Promise<{ lab: Lab; clock: HandClock }> {
  const clock = new HandClock(NOW);
  return { lab: await openLab(t, text, { clock }), clock };
}

const statusOf = async (lab: Lab, token: string): Promise<number> =>
  (await lab.request('/', { headers: bearing(token) })).status;

describe('tokens of every algorithm', () => {
  it('made by another library', async (t) => {
    const { lab } = await open(t);
    for (const alg of ['HS256', 'HS384', 'HS512'] as const) {
      const key = alg === 'HS256' ? 'jack-key' : alg;
      const token = await new SignJWT({ key }).setProtectedHeader({ alg }).sign(Buffer.from(SECRET));
      assert.equal(await statusOf(lab, token), 200, alg);
    }
    for (const [alg, { privateKey }] of Object.entries(PAIRS)) {
      const token = await new SignJWT({ key: alg }).setProtectedHeader({ alg, typ: 'at+jwt' }).sign(privateKey);
      assert.equal(await statusOf(lab, token), 200, alg);
      assert.equal(await statusOf(lab, token), 200, `${alg} again`);
      assert.equal(new Map(lab.lastSeen.headers).get('X-Credential-Identifier'), alg);
    }
  });

  it('made by hand with openssl', async (t) => {
    const openssl = requireProgram(t, 'openssl');
    if (openssl === undefined) return;
    const folder = mkdtempSync(path.join(tmpdir(), 'jwt-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const file = (name: string): string => path.join(folder, name);
    const run = (...args: string[]): Buffer => execFileSync(openssl, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    run('genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', file('rsa.pem'));
    run('genpkey', '-algorithm', 'ed25519', '-out', file('ed.pem'));
    const publicOf = (name: string): string => run('pkey', '-in', file(name), '-pubout').toString();
    const credentials = [
      { key: 'rsa', algorithm: 'RS256', public_key: publicOf('rsa.pem') },
      { key: 'pss', algorithm: 'PS384', public_key: publicOf('rsa.pem') },
      { key: 'ed', algorithm: 'EdDSA', public_key: publicOf('ed.pem') },
      { key: 'mac', algorithm: 'HS512', secret: SECRET },
    ].map((credential) => ({ id: `jack/credentials/${credential.key}`, plugins: { 'jwt-auth': credential } }));
    const { lab } = await open(t, guarded({}, credentials));
    const signing: Record<string, (input: string) => string[]> = {
      rsa: (input) => ['dgst', '-sha256', '-sign', file('rsa.pem'), input],
      pss: (input) => [
        'dgst',
        '-sha384',
        '-sigopt',
        'rsa_padding_mode:pss',
        '-sigopt',
        'rsa_pss_saltlen:digest',
        '-sign',
        file('rsa.pem'),
        input,
      ],
      ed: (input) => ['pkeyutl', '-sign', '-inkey', file('ed.pem'), '-rawin', '-in', input],
      mac: (input) => ['dgst', '-sha512', '-mac', 'HMAC', '-macopt', `key:${SECRET}`, '-binary', input],
    };
    for (const { plugins } of credentials) {
      const { key, algorithm } = plugins['jwt-auth'];
      const sealed = (signed: Buffer): Buffer => {
        writeFileSync(file('signed'), signed);
        return run(...(signing[key]?.(file('signed')) ?? []));
      };
      assert.equal(await statusOf(lab, tokenOf({ alg: algorithm }, { key }, sealed)), 200, key);
      const other = (signed: Buffer): Buffer => sealed(Buffer.concat([signed, Buffer.from(' ')]));
      assert.equal(await statusOf(lab, tokenOf({ alg: algorithm }, { key }, other)), 401, key);
    }
  });

  it('with a certificate in place of a public key, and a secret in base64', async (t) => {
    const bytes = Buffer.from('00ff80', 'hex');
    const credentials = [
      {
        id: 'jack/credentials/b',
        plugins: { 'jwt-auth': { key: 'b', secret: bytes.toString('base64'), base64_secret: true } },
      },
    ];
    const { lab } = await open(t, guarded({}, credentials));
    assert.equal(await statusOf(lab, tokenOf(HS, { key: 'b' }, hmac(bytes))), 200);
    assert.equal(await statusOf(lab, tokenOf(HS, { key: 'b' }, hmac(bytes.toString('base64')))), 401);
    assert.deepEqual(
      lab.hostLog.filter(({ level }) => level === 'warn').map(({ event, detail }) => [event, detail['key']]),
      [['jwt_secret_short', 'b']],
    );
  });
});

const token = hs256();
const [HEAD = '', BODY = '', SIGNATURE = ''] = token.split('.');
const PLACES: readonly (readonly [what: string, attributes: object, target: string, headers: Given, hidden: string])[] =
  [
    ['the header alone', {}, '/a', bearing(token), '/a'],
    ['Bearer', {}, '/a', bearing(`Bearer ${token}`), '/a'],
    ['bearer in any case, with two spaces', {}, '/a', bearing(`bEARER  ${token}`), '/a'],
    ['the query', {}, `/a?b=1&jwt=${token}&c`, {}, '/a?b=1&c'],
    ['a cookie', {}, '/a', { Cookie: `a=1; jwt=${token}; b=2` }, '/a'],
    ['the header before the query', {}, '/a?jwt=wrong', bearing(token), '/a'],
    ['the query before the cookie', {}, `/a?jwt=${token}`, { Cookie: 'jwt=wrong' }, '/a'],
    ['an empty header', {}, `/a?jwt=${token}`, bearing(''), '/a'],
    ['a header of its own', { header: 'X-Token' }, '/a', { 'X-Token': token }, '/a'],
    ['an argument of its own', { query: 't' }, `/a?t=${token}`, {}, '/a'],
    ['a cookie of its own', { cookie: 't-1' }, '/a', { Cookie: `t-1=${token}` }, '/a'],
  ];

it('where a token may be, and that it is hidden there', async (t) => {
  const { lab } = await open(t);
  for (const [what, attributes, target, headers, hidden] of PLACES) {
    await t.test(what, async () => {
      lab.reload(guarded(attributes));
      assert.equal((await lab.request(target, { headers })).status, 200);
      assert.equal(lab.lastSeen.url, target);
      assert.equal(new Map(lab.lastSeen.headers).get('X-Consumer-Username'), 'jack');
      lab.reload(guarded({ ...attributes, hide_credentials: true }));
      assert.equal((await lab.request(target, { headers })).status, 200);
      assert.equal(lab.lastSeen.url, hidden);
      assert.equal(JSON.stringify(lab.lastSeen.headers).includes(SIGNATURE), false);
      if (what === 'a cookie') assert.equal(new Map(lab.lastSeen.headers).get('Cookie'), 'a=1; b=2');
    });
  }
});

describe('tokens that are refused', () => {
  const none = (): Uint8Array => new Uint8Array(0);
  const es = PAIRS.ES256;
  const over = (algorithm: keyof typeof PAIRS, payload: object = { key: algorithm }, header: object = {}): string =>
    tokenOf({ alg: algorithm, ...header }, payload, signedBy(PAIRS[algorithm].privateKey, algorithm));
  const jwk = es.publicKey.export({ format: 'jwk' });
  const claims = (payload: object): string => hs256({ key: 'jack-key', ...payload });
  const flip = (text: string, at: number): string =>
    text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);

  const FORGED: readonly (readonly [what: string, token: string, reason: string])[] = [
    // No signature, or another algorithm than the credential's.
    ['alg none', tokenOf({ alg: 'none' }, PAYLOAD, none), 'not_base64url'],
    ['alg none with a signature', tokenOf({ alg: 'none' }, PAYLOAD, hmac(SECRET)), 'algorithm_other'],
    ['alg nOnE', tokenOf({ alg: 'nOnE' }, PAYLOAD, hmac('')), 'algorithm_other'],
    ['alg missing', tokenOf({ typ: 'JWT' }, PAYLOAD, hmac(SECRET)), 'algorithm_missing'],
    ['alg null', tokenOf({ alg: null }, PAYLOAD, hmac(SECRET)), 'algorithm_missing'],
    ['alg a list', tokenOf({ alg: ['HS256'] }, PAYLOAD, hmac(SECRET)), 'algorithm_missing'],
    ['alg in lower case', tokenOf({ alg: 'hs256' }, PAYLOAD, hmac(SECRET)), 'algorithm_other'],
    ['alg with a space', tokenOf({ alg: 'HS256 ' }, PAYLOAD, hmac(SECRET)), 'algorithm_other'],
    ['another HMAC', tokenOf({ alg: 'HS512' }, PAYLOAD, hmac(SECRET, 'sha512')), 'algorithm_other'],
    ['a public key as a secret', tokenOf(HS, { key: 'RS256' }, hmac(pemOf(RSA.publicKey))), 'algorithm_other'],
    [
      'a public key as a secret, named RS256',
      tokenOf({ alg: 'RS256' }, { key: 'RS256' }, hmac(pemOf(RSA.publicKey))),
      'signature_wrong',
    ],
    [
      'PSS for PKCS 1',
      tokenOf({ alg: 'RS256' }, { key: 'RS256' }, signedBy(RSA.privateKey, 'PS256')),
      'signature_wrong',
    ],
    [
      'PKCS 1 for PSS',
      tokenOf({ alg: 'PS256' }, { key: 'PS256' }, signedBy(RSA.privateKey, 'RS256')),
      'signature_wrong',
    ],
    ['another hash', tokenOf({ alg: 'RS256' }, { key: 'RS256' }, signedBy(RSA.privateKey, 'RS512')), 'signature_wrong'],
    [
      'a salt of another length',
      tokenOf({ alg: 'PS256' }, { key: 'PS256' }, (data) =>
        sign('sha256', data, { key: RSA.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 20 }),
      ),
      'signature_wrong',
    ],
    [
      'ECDSA in DER',
      tokenOf({ alg: 'ES256' }, { key: 'ES256' }, (data) => sign('sha256', data, es.privateKey)),
      'signature_wrong',
    ],
    ['ECDSA of zeros', tokenOf({ alg: 'ES256' }, { key: 'ES256' }, () => new Uint8Array(64)), 'signature_wrong'],
    [
      'ECDSA of the order of the curve',
      tokenOf({ alg: 'ES256' }, { key: 'ES256' }, () =>
        Buffer.from(`${'0'.repeat(64)}ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551`, 'hex'),
      ),
      'signature_wrong',
    ],
    [
      'ECDSA too short',
      tokenOf({ alg: 'ES256' }, { key: 'ES256' }, (data) => signedBy(es.privateKey, 'ES256')(data).subarray(1)),
      'signature_wrong',
    ],
    ['EdDSA of zeros', tokenOf({ alg: 'EdDSA' }, { key: 'EdDSA' }, () => new Uint8Array(64)), 'signature_wrong'],
    [
      'Ed448 for Ed25519',
      tokenOf({ alg: 'EdDSA' }, { key: 'EdDSA' }, signedBy(edPair('ed448').privateKey, 'EdDSA')),
      'signature_wrong',
    ],
    // Another key.
    ['an empty secret', tokenOf(HS, PAYLOAD, hmac('')), 'signature_wrong'],
    ['another secret', tokenOf(HS, PAYLOAD, hmac(`${SECRET} `)), 'signature_wrong'],
    ['the secret of somebody else', tokenOf(HS, PAYLOAD, hmac(`jill-${SECRET}`)), 'signature_wrong'],
    ['the key of somebody else', hs256({ key: 'jill-key' }), 'signature_wrong'],
    [
      'a key that was never trusted',
      tokenOf({ alg: 'RS256' }, { key: 'RS256' }, signedBy(rsaPair().privateKey, 'RS256')),
      'signature_wrong',
    ],
    ['a key that the token brings', over('ES256', { key: 'ES256' }, { jwk }), 'key_embedded'],
    ['an address of keys', over('ES256', { key: 'ES256' }, { jku: 'https://evil.example/keys' }), 'key_embedded'],
    [
      'an address of certificates',
      over('ES256', { key: 'ES256' }, { x5u: 'https://evil.example/cert' }),
      'key_embedded',
    ],
    ['a chain of certificates', over('ES256', { key: 'ES256' }, { x5c: ['MII'] }), 'key_embedded'],
    // The signature over something else.
    ['another payload', `${HEAD}.${base64url({ ...PAYLOAD, admin: true })}.${SIGNATURE}`, 'signature_wrong'],
    ['another header', `${base64url({ ...HS, kid: '1' })}.${BODY}.${SIGNATURE}`, 'signature_wrong'],
    [
      'a signature that is cut',
      `${HEAD}.${BODY}.${base64url(hmac(SECRET)(Buffer.from(`${HEAD}.${BODY}`)).subarray(0, 16))}`,
      'signature_wrong',
    ],
    [
      'a signature with more behind',
      `${HEAD}.${BODY}.${base64url(Buffer.concat([Buffer.from(SIGNATURE, 'base64url'), Buffer.from('x')]))}`,
      'signature_wrong',
    ],
    ['the first bit of the signature', `${HEAD}.${BODY}.${flip(SIGNATURE, 0)}`, 'signature_wrong'],
    // No token at all.
    ['one part', 'abc', 'not_three_parts'],
    ['two parts', `${HEAD}.${BODY}`, 'not_three_parts'],
    ['no signature', `${HEAD}.${BODY}.`, 'not_base64url'],
    ['four parts', `${token}.x`, 'not_three_parts'],
    ['dots', '..', 'not_base64url'],
    ['many dots', '.'.repeat(5_000), 'not_three_parts'],
    ['padding', `${HEAD}.${BODY}.${SIGNATURE}=`, 'not_base64url'],
    ['the other alphabet', `${HEAD}.${BODY}.+/${SIGNATURE.slice(2)}`, 'not_base64url'],
    [
      'bits behind the end',
      `${HEAD}.${BODY}.${SIGNATURE.slice(0, -1)}${String.fromCharCode((SIGNATURE.codePointAt(42) ?? 0) + 1)}`,
      'not_base64url',
    ],
    ['a byte beyond ASCII', `${HEAD}.${BODY}.${SIGNATURE}\u00e4`, 'not_base64url'],
    ['a header of text', `${base64url('abc')}.${BODY}.${SIGNATURE}`, 'header_not_json'],
    ['a header that is null', tokenOf('null', PAYLOAD, hmac(SECRET)), 'header_not_object'],
    ['a header that is a list', tokenOf([HS], PAYLOAD, hmac(SECRET)), 'header_not_object'],
    [
      'a header with two algorithms',
      tokenOf('{"alg":"none","alg":"HS256"}', PAYLOAD, hmac(SECRET)),
      'header_member_repeated',
    ],
    ['a header of other bytes', tokenOf(Buffer.from([0xff]), PAYLOAD, hmac(SECRET)), 'header_not_utf8'],
    ['crit', hs256(PAYLOAD, { ...HS, crit: ['exp'], exp: 1 }), 'critical_unknown'],
    ['an empty crit', hs256(PAYLOAD, { ...HS, crit: [] }), 'critical_unknown'],
    ['b64', hs256(PAYLOAD, { ...HS, b64: false, crit: ['b64'] }), 'critical_unknown'],
    ['nested', hs256(PAYLOAD, { ...HS, cty: 'JWT' }), 'nested'],
    ['a logout token', hs256(PAYLOAD, { ...HS, typ: 'logout+jwt' }), 'type_other'],
    ['a proof of possession', hs256(PAYLOAD, { ...HS, typ: 'application/dpop+jwt' }), 'type_other'],
    ['a type that is no text', hs256(PAYLOAD, { ...HS, typ: 1 }), 'type_other'],
    // Payloads.
    ['an empty payload', tokenOf(HS, '', hmac(SECRET)), 'not_base64url'],
    ['a payload of text', tokenOf(HS, 'abc', hmac(SECRET)), 'payload_not_json'],
    ['a payload that is null', tokenOf(HS, 'null', hmac(SECRET)), 'payload_not_object'],
    ['a payload that is a list', tokenOf(HS, ['jack-key'], hmac(SECRET)), 'payload_not_object'],
    ['a payload that is a number', tokenOf(HS, '1', hmac(SECRET)), 'payload_not_object'],
    [
      'a payload with two keys',
      tokenOf(HS, '{"key":"jill-key","key":"jack-key"}', hmac(SECRET)),
      'payload_member_repeated',
    ],
    [
      'a payload with two exp, one escaped',
      tokenOf(HS, `{"key":"jack-key","exp":1,"\\u0065xp":${NOW_S + 9}}`, hmac(SECRET)),
      'payload_member_repeated',
    ],
    [
      'a deep payload',
      tokenOf(HS, `{"key":"jack-key","a":${'['.repeat(40)}${']'.repeat(40)}}`, hmac(SECRET)),
      'payload_too_deep',
    ],
    ['UTF-16', tokenOf(HS, Buffer.from(JSON.stringify(PAYLOAD), 'utf16le'), hmac(SECRET)), 'payload_not_json'],
    [
      'other bytes',
      tokenOf(HS, Buffer.from('{"key":"jack-key","a":"\u00ff"}', 'latin1'), hmac(SECRET)),
      'payload_not_utf8',
    ],
    ['no key', tokenOf(HS, {}, hmac(SECRET)), 'key_claim_missing'],
    ['an empty key', claims({ key: '' }), 'key_claim_missing'],
    ['a key that is a number', claims({ key: 1 }), 'key_claim_missing'],
    ['a key that is a list', claims({ key: ['jack-key'] }), 'key_claim_missing'],
    ['a key in the prototype', tokenOf(HS, '{"__proto__":{"key":"jack-key"}}', hmac(SECRET)), 'key_claim_missing'],
    ['a key that nobody has', claims({ key: 'nobody' }), 'key_unknown'],
    ['the name of the consumer', claims({ key: 'jack' }), 'key_unknown'],
    ['the name of a property', claims({ key: '__proto__' }), 'key_unknown'],
    // Times.
    ['expired', claims({ exp: NOW_S }), 'expired'],
    ['expired long ago', claims({ exp: 0 }), 'expired'],
    ['expired before it was', claims({ exp: -1 }), 'expired'],
    ['not yet valid', claims({ nbf: NOW_S + 1 }), 'not_yet_valid'],
    ['exp as text', claims({ exp: String(NOW_S + 9) }), 'exp_no_time'],
    ['exp null', claims({ exp: null }), 'exp_no_time'],
    ['exp without end', tokenOf(HS, '{"key":"jack-key","exp":1e999}', hmac(SECRET)), 'exp_no_time'],
    ['nbf as a list', claims({ nbf: [0] }), 'nbf_no_time'],
    ['nbf true', claims({ nbf: true }), 'nbf_no_time'],
  ];

  it('whatever was forged: 401, and the log says what', async (t) => {
    const { lab } = await open(t);
    assert.equal(await statusOf(lab, token), 200, 'what they are made from is let in');
    const before = lab.seen.length;
    for (const [what, forged, reason] of FORGED) {
      await t.test(what, async () => {
        const answer = await lab.request('/', { headers: bearing(forged) });
        assert.deepEqual([answer.status, answer.text], [401, '{"message":"failed to verify jwt"}\n']);
        assert.equal(answer.headers['www-authenticate'], 'Bearer realm="jwt"');
        assert.equal(lab.hostLog.at(-1)?.detail['reason'], reason);
        assert.equal((await lab.request('/', { headers: bearing(forged) })).status, 401, 'the second time as well');
      });
    }
    assert.equal(lab.seen.length, before);
    assert.doesNotMatch(JSON.stringify(lab.hostLog), /eyJ|secret/);
  });

  it('none, or in a place of its own', async (t) => {
    const { lab } = await open(t);
    for (const [headers, reason] of [
      [{}, 'nothing_presented'],
      [bearing('Basic am9obmRvZTpqb2huLWtleQ=='), 'other_scheme'],
      [bearing(`Token ${token}`), 'other_scheme'],
      [{ 'X-Token': token }, 'nothing_presented'],
      [{ Cookie: `JWT=${token}` }, 'nothing_presented'],
    ] as const) {
      const answer = await lab.request('/', { headers });
      assert.deepEqual([answer.status, answer.text], [401, '{"message":"Missing JWT token in request"}\n']);
      assert.equal(lab.hostLog.at(-1)?.detail['reason'], reason);
    }
    for (const [first, second, target] of [
      [token, token, '/'],
      // The gateway would go by the query, and an upstream perhaps by the second field.
      ['', 'Bearer of.somebody.else', `/?jwt=${token}`],
    ]) {
      const twice = [`GET ${target} HTTP/1.1`, 'Host: a', 'Connection: close'];
      const fields = [`Authorization: ${first}`, `authorization: ${second}`, '', ''];
      assert.match(await lab.raw([...twice, ...fields].join('\r\n')), /^HTTP\/1\.1 401 /);
      assert.equal(lab.hostLog.at(-1)?.detail['reason'], 'header_repeated');
    }
  });

  it('encrypted, and made by another library', async (t) => {
    const { lab } = await open(t);
    const encrypted = await new CompactEncrypt(Buffer.from(JSON.stringify(PAYLOAD)))
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
      .encrypt(Buffer.from(SECRET).subarray(0, 32));
    assert.equal(await statusOf(lab, encrypted), 401);
    assert.equal(lab.hostLog.at(-1)?.detail['reason'], 'encrypted');
    const inner = await new CompactSign(Buffer.from(token))
      .setProtectedHeader({ alg: 'HS256', cty: 'JWT' })
      .sign(Buffer.from(SECRET));
    assert.equal(await statusOf(lab, inner), 401);
    assert.equal(lab.hostLog.at(-1)?.detail['reason'], 'nested');
  });

  it('every token with one character changed, dropped or doubled', async (t) => {
    const { lab } = await open(t);
    const random = seededRandom(7);
    const short = tokenOf({ alg: 'HS256' }, { key: 'jack-key' }, hmac(SECRET));
    assert.equal(await statusOf(lab, short), 200);
    for (let at = 0; at < short.length; at++) {
      const rest = short.slice(at + 1);
      const kind = Math.floor(random() * 3);
      const changed =
        kind === 0 ? flip(short, at) : short.slice(0, at) + (kind === 1 ? '' : `${short[at]}${short[at]}`) + rest;
      assert.equal(await statusOf(lab, changed), 401, changed);
    }
  });

  it('random headers and payloads, rightly signed: let in or 401, and never anything else', async (t) => {
    const { lab } = await open(t);
    const seed = Math.floor(Math.random() * 2 ** 32);
    const random = seededRandom(seed);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
    const pieces = [
      '{',
      '}',
      '"alg":"HS256"',
      '"key":"jack-key"',
      '"exp":',
      '9999999999',
      ',',
      ':',
      '[',
      ']',
      'null',
      '"',
      '\\',
      '-1e400',
      '"crit":[]',
      '\u00fc',
      ' ',
    ];
    const text = (): string => Array.from({ length: 1 + Math.floor(random() * 7) }, () => pick(pieces)).join('');
    for (let i = 0; i < 400; i++) {
      const header = random() < 0.5 ? JSON.stringify(HS) : text();
      const payload = random() < 0.3 ? JSON.stringify(PAYLOAD) : text();
      const status = await statusOf(lab, tokenOf(header, payload, hmac(SECRET)));
      assert.ok(status === 200 || status === 401, `${status}, seed ${seed}: ${header} ${payload}`);
    }
  });
});

describe('time', () => {
  const timed = (attributes: object, grace = 0): string =>
    guarded(attributes, [
      {
        id: 'jack/credentials/c',
        plugins: { 'jwt-auth': { key: 'jack-key', secret: SECRET, lifetime_grace_period: grace } },
      },
    ]);

  it('a token is valid from nbf on and until exp, also once it was verified', async (t) => {
    const { lab, clock } = await open(t, timed({}));
    const one = hs256({ key: 'jack-key', nbf: NOW_S + 10, exp: NOW_S + 20 });
    assert.equal(await statusOf(lab, one), 401);
    clock.pass(10_000);
    assert.equal(await statusOf(lab, one), 200);
    clock.pass(9_999);
    assert.equal(await statusOf(lab, one), 200);
    clock.pass(1);
    assert.equal(await statusOf(lab, one), 401);
  });

  it('the clocks may differ by the grace that the credential has', async (t) => {
    const { lab, clock } = await open(t, timed({}, 5));
    const one = hs256({ key: 'jack-key', nbf: NOW_S + 5, exp: NOW_S + 5 });
    assert.equal(await statusOf(lab, one), 200);
    clock.pass(9_999);
    assert.equal(await statusOf(lab, one), 200);
    clock.pass(1);
    assert.equal(await statusOf(lab, one), 401);
  });

  it('only the claims that are to be verified are', async (t) => {
    const { lab } = await open(t, timed({ claims_to_verify: ['nbf'] }));
    assert.equal(await statusOf(lab, hs256({ key: 'jack-key', exp: NOW_S - 1 })), 200);
    assert.equal(await statusOf(lab, hs256({ key: 'jack-key', nbf: NOW_S + 1 })), 401);
    lab.reload(timed({ claims_to_verify: ['exp'] }));
    assert.equal(await statusOf(lab, hs256({ key: 'jack-key', exp: NOW_S - 1 })), 401);
    assert.equal(await statusOf(lab, hs256({ key: 'jack-key', nbf: NOW_S + 1 })), 200);
  });

  it('a token without times is valid as long as its credential', async (t) => {
    const { lab, clock } = await open(t, timed({}));
    const one = hs256({ key: 'jack-key' });
    assert.equal(await statusOf(lab, one), 200);
    clock.pass(3_600_000);
    assert.equal(await statusOf(lab, one), 200);
  });

  it('expired tokens are no guesses', async (t) => {
    const { lab } = await open(t, `plugin_metadata: [{ id: jwt-auth, damping: { failures: 3 } }]\n${guarded()}`);
    for (let i = 0; i < 10; i++) assert.equal(await statusOf(lab, hs256({ key: 'jack-key', exp: 1 })), 401);
    const forged = tokenOf(HS, PAYLOAD, hmac('guess'));
    for (const status of [401, 401, 401, 429]) assert.equal(await statusOf(lab, forged), status);
    assert.equal(await statusOf(lab, token), 200);
  });
});

describe('what was verified', () => {
  const verified = (t: TestContext): Promise<{ lab: Lab; clock: HandClock }> => open(t);
  const CHANGES: readonly (readonly [what: string, text: string, status: number, who?: string])[] = [
    ['is gone with its credential', guarded({}, CREDENTIALS.slice(1)), 401],
    [
      'is gone when the secret changes',
      guarded({}, [
        { id: 'jack/credentials/hs256', plugins: { 'jwt-auth': { key: 'jack-key', secret: `${SECRET}2` } } },
      ]),
      401,
    ],
    [
      'is gone when the algorithm changes',
      guarded({}, [
        {
          id: 'jack/credentials/hs256',
          plugins: { 'jwt-auth': { key: 'jack-key', secret: SECRET, algorithm: 'HS512' } },
        },
      ]),
      401,
    ],
    [
      'is gone when the key goes to nobody',
      guarded({}, [{ id: 'jack/credentials/hs256', plugins: { 'jwt-auth': { key: 'other', secret: SECRET } } }]),
      401,
    ],
    [
      'is of another when the credential is',
      guarded({}, [{ id: 'jill/credentials/j', plugins: { 'jwt-auth': { key: 'jack-key', secret: SECRET } } }]),
      200,
      'jill',
    ],
    ['stays when somebody else changes', guarded({}, [...CREDENTIALS, { username: 'new' }]), 200, 'jack'],
    ['is read anew by another claim', guarded({ key_claim_name: 'iss' }), 401],
  ];
  for (const [what, text, status, who] of CHANGES) {
    it(what, async (t) => {
      const { lab } = await verified(t);
      assert.equal(await statusOf(lab, token), 200);
      assert.equal(await statusOf(lab, token), 200);
      lab.reload(text);
      assert.equal(await statusOf(lab, token), status);
      if (who !== undefined) assert.equal(new Map(lab.lastSeen.headers).get('X-Consumer-Username'), who);
    });
  }

  it('on one route is not verified anew on another that verifies alike, and never counts on one that does not', async (t) => {
    const times = CREDENTIALS.slice(0, 1);
    const attributes = [{}, { hide_credentials: true }, { claims_to_verify: ['nbf'] }, { key_claim_name: 'iss' }];
    const routes = attributes.map((each, i) => ({
      uri: `/${i}`,
      plugins: { 'jwt-auth': each },
      upstream: { nodes: { $UPSTREAM: 1 } },
    }));
    const { lab, clock } = await open(t, guarded({}, times).replace(/routes:.*/s, `routes: ${JSON.stringify(routes)}`));
    const one = hs256({ key: 'jack-key', exp: NOW_S + 10, iss: 'nobody' });
    const statuses = (): Promise<number[]> =>
      Promise.all(routes.map(async ({ uri }) => (await lab.request(uri, { headers: bearing(one) })).status));
    assert.deepEqual(await statuses(), [200, 200, 200, 401]);
    assert.deepEqual(await statuses(), [200, 200, 200, 401]);
    clock.pass(10_000);
    assert.deepEqual(await statuses(), [401, 401, 200, 401]);
  });

  it('its claims are there for other plugins where they are to be kept, and cannot be changed', async (t) => {
    const seen: unknown[] = [];
    const witness = definePlugin({
      name: 'witness',
      priority: 1,
      summary: 'Looks at the claims.',
      schema: { type: 'object' },
      create: () => ({
        access(exchange) {
          const claims = exchange.get(JWT_PAYLOAD);
          seen.push(claims);
          assert.throws(() => Object.assign(claims?.['nested'] ?? Object.freeze({}), { x: 1 }), TypeError);
        },
      }),
    });
    const text = (attributes: object): string =>
      guarded().replace(/routes:.*/s, routeWith({ 'jwt-auth': attributes, witness: {} }));
    const lab = await openLab(t, text({ store_in_ctx: true }), { clock: new HandClock(NOW), plugins: [witness] });
    const payload = { key: 'jack-key', role: 'admin', nested: { a: [1] } };
    for (let i = 0; i < 2; i++) assert.equal(await statusOf(lab, hs256(payload)), 200);
    assert.deepEqual(seen.splice(0), [payload, payload]);
    lab.reload(text({}));
    assert.equal(await statusOf(lab, hs256(payload)), 200);
    assert.deepEqual(seen, [undefined]);
  });
});

it('another claim names the credential', async (t) => {
  const { lab } = await open(t, guarded({ key_claim_name: 'iss' }));
  assert.equal(await statusOf(lab, hs256({ iss: 'jack-key', key: 'nobody' })), 200);
  assert.equal(await statusOf(lab, hs256({ key: 'jack-key' })), 401);
});

it('without a valid token, callers are nobody in particular where that is allowed', async (t) => {
  const { lab } = await open(t, guarded({ anonymous_consumer: 'anonymous', hide_credentials: true }));
  for (const headers of [{}, bearing('wrong'), bearing(hs256({ key: 'jack-key', exp: 1 }))]) {
    assert.equal((await lab.request('/', { headers })).status, 200);
    const seen = new Map(lab.lastSeen.headers);
    assert.deepEqual([seen.get('X-Consumer-Username'), seen.has('Authorization')], ['anonymous', false]);
  }
});

it('a route moves from keys to tokens, and a credential from one key to the next, without refusing anybody', async (t) => {
  const keys = [
    { id: 'jack/credentials/old', plugins: { 'key-auth': { key: 'old-key' } } },
    { id: 'jack/credentials/new', plugins: { 'key-auth': { key: 'new-key' } } },
  ];
  const both = { 'multi-auth': { auth_plugins: [{ 'jwt-auth': {} }, { 'key-auth': {} }] } };
  const stage = (plugins: object, credentials: readonly object[]): string =>
    guarded({}, [...CREDENTIALS, ...credentials]).replace(
      /routes:.*/s,
      routeWith(plugins as Readonly<Record<string, unknown>>),
    );
  const { lab } = await open(t, stage({ 'key-auth': {} }, keys.slice(0, 1)));
  const asks: readonly Given[] = [{ apikey: 'old-key' }, { apikey: 'new-key' }, bearing(token)];
  const served = async (): Promise<boolean[]> => {
    const answers = [];
    for (const headers of asks) answers.push((await lab.request('/', { headers })).status === 200);
    return answers;
  };
  assert.deepEqual(await served(), [true, false, false]);
  lab.reload(stage({ 'key-auth': {} }, keys));
  assert.deepEqual(await served(), [true, true, false]);
  lab.reload(stage(both, keys));
  assert.deepEqual(await served(), [true, true, true]);
  lab.reload(stage(both, keys.slice(1)));
  assert.deepEqual(await served(), [false, true, true]);
  lab.reload(stage({ 'jwt-auth': {} }, []));
  assert.deepEqual(await served(), [false, false, true]);
});

describe('wrong configurations', () => {
  const on = (credential: object): string =>
    JSON.stringify({ consumers: [{ username: 'a', plugins: { 'jwt-auth': { key: 'k', ...credential } } }] });
  const small = generateKeyPairSync('rsa', { modulusLength: 1_024 });
  const WRONG: readonly (readonly [text: string, problem: RegExp])[] = [
    [on({}), /jwt-auth\.secret: "secret" is needed with HS256/],
    [on({ algorithm: 'none' }), /jwt-auth\.algorithm: /],
    [on({ algorithm: 'RS256' }), /jwt-auth\.public_key: "public_key" is needed with RS256, or "jwks_url"/],
    [on({ algorithm: 'RS256', public_key: 'hush' }), /public_key: is no public key: write it as PEM/],
    [
      on({ algorithm: 'RS256', public_key: RSA.privateKey.export({ type: 'pkcs8', format: 'pem' }) }),
      /public_key: is a private key/,
    ],
    [on({ algorithm: 'RS256', public_key: pemOf(small.publicKey) }), /public_key: has 1024 bits: 2048 at least/],
    [
      on({ algorithm: 'RS256', public_key: pemOf(PAIRS.ES256.publicKey) }),
      /public_key: is a key of type ec, not of RSA/,
    ],
    [
      on({ algorithm: 'ES384', public_key: pemOf(PAIRS.ES256.publicKey) }),
      /public_key: is on the curve prime256v1, not on secp384r1/,
    ],
    [on({ algorithm: 'EdDSA', public_key: pemOf(RSA.publicKey) }), /public_key: is a key of type rsa, not Ed25519/],
    [on({ secret: 'hush hush', base64_secret: true }), /jwt-auth\.secret: is no base64/],
    [on({ jwks_url: 'https://a.example/keys', secret: 'x' }), /jwks_url: nobody publishes keys for HS256/],
    [on({ algorithm: 'RS256', jwks_url: 'ftp://a.example/keys' }), /jwks_url: .*is no address/],
    [on({ algorithm: 'RS256', jwks_url: 'http://a.example/keys' }), /jwks_url: is not encrypted/],
    [on({ algorithm: 'RS256', jwks_url: 'https://u:p@a.example/keys' }), /jwks_url: must have no credentials/],
    [
      on({ algorithm: 'RS256', jwks_url: 'https://a.example/k', public_key: pemOf(RSA.publicKey) }),
      /jwks_url: does not go with "public_key"/,
    ],
    [guarded({ claims_to_verify: ['iat'] }), /claims_to_verify\[0\]: /],
    [guarded({ claims_to_verify: [] }), /claims_to_verify: /],
    [guarded({ header: 'Host' }), /header: Host says where a request goes/],
    [guarded({ cookie: 'a b' }), /cookie: .*is no name of a cookie/],
  ];
  for (const [text, problem] of WRONG) {
    it(String(problem), () => {
      const problems = problemsOf(text).join('\n');
      assert.match(problems, problem);
      assert.doesNotMatch(problems, /hush/);
    });
  }
});

it('node:crypto and the tests agree on what a token is', () => {
  const [header, payload] = hs256().split('.');
  const again = createHmac('sha256', SECRET).update(`${header}.${payload}`).digest('base64url');
  assert.equal(again, SIGNATURE);
});
