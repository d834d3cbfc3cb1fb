import assert from 'node:assert/strict';
import { createHmac, hash } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { IS_HTTP2 } from '../../../test/client/speaking.ts';
import { HandClock, openLab, problemsOf, routeWith, type Ask, type Lab } from '../../../test/plugins/lab.ts';
import { parseHttpDate } from './http-date.ts';
import { parseSignature } from './signature-field.ts';

type Given = NonNullable<Ask['headers']>;

const NOW = '2026-01-01T00:00:00Z';
const SECRET = 'john-secret-key';
const CONSUMERS = `consumers:
  - { username: john, labels: { custom_id: "495aec6a" } }
  - { id: john/credentials/cred-john, plugins: { hmac-auth: { key_id: john-key, secret_key: ${SECRET} } } }
  - { username: jill, plugins: { hmac-auth: { key_id: jill-key, secret_key: jill-secret-key } } }
  - { username: anonymous }
`;
const guarded = (attributes: object = {}): string => CONSUMERS + routeWith({ 'hmac-auth': attributes });

async function open(t: TestContext, attributes: object = {}): Promise<{ lab: Lab; clock: HandClock }> {
  const clock = new HandClock(NOW);
  return { lab: await openLab(t, guarded(attributes), { clock }), clock };
}

interface Signing {
  readonly method?: string;
  readonly target?: string;
  readonly key?: string;
  readonly secret?: string;
  readonly algorithm?: string;
  /** In their order; what is signed beside the key. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly list?: string;
}

const DATE = 'Thu, 01 Jan 2026 00:00:00 GMT';

/** As the page of the documentation does it. */
function signatureOf(signing: Signing = {}): {
  readonly text: string;
  readonly list: string;
  readonly signature: string;
} {
  const { method = 'GET', target = '/get', key = 'john-key', secret = SECRET, algorithm = 'hmac-sha256' } = signing;
  const { headers = { date: DATE } } = signing;
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\n`);
  const text = `${key}\n${method} ${target}\n${lines.join('')}`;
  const list = signing.list ?? ['@request-target', ...Object.keys(headers)].join(' ');
  return { text, list, signature: createHmac(algorithm.slice(5), secret).update(text).digest('base64') };
}

function field(signing: Signing = {}): string {
  const { key = 'john-key', algorithm = 'hmac-sha256' } = signing;
  const { list, signature } = signatureOf(signing);
  return `Signature keyId="${key}",algorithm="${algorithm}",headers="${list}",signature="${signature}"`;
}

const signed = (signing: Signing = {}, more: Given = {}): Ask => ({
  ...(signing.method === undefined ? {} : { method: signing.method }),
  headers: { Date: DATE, ...signing.headers, Authorization: field(signing), ...more },
});

describe('who is let in', () => {
  const LET_IN: readonly (readonly [what: string, attributes: object, target: string, ask: Ask])[] = [
    ['target and date', {}, '/get', signed()],
    ['hmac-sha1', {}, '/get', signed({ algorithm: 'hmac-sha1' })],
    ['hmac-sha512', {}, '/get', signed({ algorithm: 'hmac-sha512' })],
    ['the query with the target', {}, '/get?a=1&b=%20', signed({ target: '/get?a=1&b=%20' })],
    ['a path as it was sent', {}, '/a/../get', signed({ target: '/a/../get' })],
    ['another method', {}, '/get', signed({ method: 'DELETE' })],
    [
      'date before the target',
      {},
      '/get',
      signed(
        {},
        {
          Authorization: `Signature keyId="john-key",algorithm="hmac-sha256",headers="date @request-target",signature="${createHmac('sha256', SECRET).update(`john-key\ndate: ${DATE}\nGET /get\n`).digest('base64')}"`,
        },
      ),
    ],
    [
      'more headers',
      { signed_headers: ['Date', 'X-A'] },
      '/get',
      signed({ headers: { date: DATE, 'x-a': '1', host: 'app.example' } }),
    ],
    ['names in upper case', {}, '/get', signed({ list: '@Request-Target Date' })],
    [
      'a header that is there twice',
      {},
      '/get',
      signed({ headers: { date: DATE, 'x-a': '1, 2' } }, { 'x-a': ['1', '2'] }),
    ],
    [
      'parameters in another order, with spaces',
      {},
      '/get',
      {
        headers: {
          Date: DATE,
          Authorization: `signature  signature="${signatureOf().signature}" , headers="@request-target date", algorithm="HMAC-SHA256",  keyId="john-key"`,
        },
      },
    ],
    [
      'without the target where that is allowed',
      { require_request_target: false },
      '/other',
      {
        headers: {
          Date: DATE,
          Authorization: `Signature keyId="john-key",algorithm="hmac-sha256",headers="date",signature="${createHmac('sha256', SECRET).update(`john-key\ndate: ${DATE}\n`).digest('base64')}"`,
        },
      },
    ],
    [
      'a date at the edge',
      {},
      '/get',
      signed({ headers: { date: 'Thu, 01 Jan 2026 00:05:00 GMT' } }, { Date: 'Thu, 01 Jan 2026 00:05:00 GMT' }),
    ],
  ];
  it('by what they signed', async (t) => {
    const { lab } = await open(t);
    for (const [what, attributes, target, ask] of LET_IN) {
      await t.test(what, async () => {
        lab.reload(guarded(attributes));
        const answer = await lab.request(target, ask);
        assert.equal(answer.status, 200, JSON.stringify(lab.hostLog.at(-1)?.detail));
        const seen = new Map(lab.lastSeen.headers);
        assert.deepEqual(
          ['X-Consumer-Username', 'X-Credential-Identifier', 'X-Consumer-Custom-Id'].map((name) => seen.get(name)),
          ['john', 'cred-john', '495aec6a'],
        );
        lab.reload(guarded({ ...attributes, hide_credentials: true }));
        assert.equal((await lab.request(target, ask)).status, 200);
        assert.equal(new Map(lab.lastSeen.headers).has('Authorization'), false);
      });
    }
  });
});

const other = (text: string): Ask => ({ headers: { Date: DATE, Authorization: text } });
const late = (date: string): Ask => signed({ headers: { date } }, { Date: date });
const REFUSED: readonly (readonly [what: string, attributes: object, target: string, ask: Ask, reason: string])[] = [
  ['nothing', {}, '/get', {}, 'nothing_presented'],
  ['another scheme', {}, '/get', other('Basic am9obmRvZTpqb2huLWtleQ=='), 'other_scheme'],
  ['another method', {}, '/get', { ...signed(), method: 'DELETE' }, 'signature_wrong'],
  ['another path', {}, '/got', signed(), 'signature_wrong'],
  ['another query', {}, '/get?a=2', signed({ target: '/get?a=1' }), 'signature_wrong'],
  ['a query where none was signed', {}, '/get?admin=1', signed(), 'signature_wrong'],
  ['another date', {}, '/get', signed({}, { Date: 'Thu, 01 Jan 2026 00:00:01 GMT' }), 'signature_wrong'],
  ['a date that has gone', {}, '/get', { headers: { Authorization: field() } }, 'signature_wrong'],
  ['another value', {}, '/get', signed({ headers: { date: DATE, 'x-a': '1' } }, { 'x-a': '2' }), 'signature_wrong'],
  [
    'a second value',
    {},
    '/get',
    signed({ headers: { date: DATE, 'x-a': '1' } }, { 'x-a': ['1', '2'] }),
    'signature_wrong',
  ],
  ['another secret', {}, '/get', signed({ secret: 'guess' }), 'signature_wrong'],
  [
    'the secret of somebody else',
    {},
    '/get',
    signed({ key: 'john-key', secret: 'jill-secret-key' }),
    'signature_wrong',
  ],
  ['the key of somebody else', {}, '/get', other(field().replace('john-key', 'jill-key')), 'signature_wrong'],
  ['a key that nobody has', {}, '/get', signed({ key: 'nobody' }), 'key_unknown'],
  ['another hash than it says', {}, '/get', other(field().replace('sha256', 'sha512')), 'signature_wrong'],
  ['a hash that is not allowed', { allowed_algorithms: ['hmac-sha512'] }, '/get', signed(), 'algorithm_not_allowed'],
  ['a hash that there is not', {}, '/get', other(field().replace('hmac-sha256', 'hmac-md5')), 'algorithm_not_allowed'],
  ['no hash', {}, '/get', other(field().replace('hmac-sha256', 'none')), 'algorithm_not_allowed'],
  ['a target that is not signed', {}, '/get', other(field().replace('@request-target ', '')), 'header_unsigned'],
  ['a date that is not signed', {}, '/get', other(field().replace(' date', '')), 'header_unsigned'],
  ['a header that is not signed', { signed_headers: ['x-a'] }, '/get', signed({}, { 'x-a': '1' }), 'header_unsigned'],
  [
    'fewer headers than were signed',
    {},
    '/get',
    other(field({ headers: { date: DATE, 'x-a': '1' }, list: '@request-target date' })),
    'signature_wrong',
  ],
  ['five minutes and a second ago', {}, '/get', late('Wed, 31 Dec 2025 23:54:59 GMT'), 'date_too_far'],
  ['in five minutes and a second', {}, '/get', late('Thu, 01 Jan 2026 00:05:01 GMT'), 'date_too_far'],
  ['beyond its own skew', { clock_skew: 1 }, '/get', late('Thu, 01 Jan 2026 00:00:02 GMT'), 'date_too_far'],
  ['another form of date', {}, '/get', late('2026-01-01T00:00:00Z'), 'date_malformed'],
  ['a zone', {}, '/get', late('Thu, 01 Jan 2026 00:00:00 +0000'), 'date_malformed'],
  ['a day that was another', {}, '/get', late('Fri, 01 Jan 2026 00:00:00 GMT'), 'date_malformed'],
  ['a day that never was', {}, '/get', late('Mon, 30 Feb 2026 00:00:00 GMT'), 'date_malformed'],
  [
    'no date, where none need be signed',
    { signed_headers: [] },
    '/get',
    { headers: { Authorization: field({ headers: {} }) } },
    'date_missing',
  ],
  [
    'two dates',
    { signed_headers: [] },
    '/get',
    { headers: { Date: [DATE, DATE], Authorization: field({ headers: {} }) } },
    'date_malformed',
  ],
  ['nothing behind the scheme', {}, '/get', other('Signature '), 'other_scheme'],
  ['no parameters', {}, '/get', other('Signature x'), 'parameters_malformed'],
  ['a missing parameter', {}, '/get', other(field().replace(/,signature=.*/, '')), 'parameter_missing'],
  ['an empty parameter', {}, '/get', other(field().replace('john-key', '')), 'parameter_missing'],
  ['a repeated parameter', {}, '/get', other(`${field()},keyId="jill-key"`), 'parameter_repeated'],
  ['a parameter of the draft that is not known', {}, '/get', other(`${field()},expires="1"`), 'parameter_unknown'],
  ['a parameter without quotes', {}, '/get', other(field().replace('"john-key"', 'john-key')), 'parameters_malformed'],
  ['a quote that stays open', {}, '/get', other(field().slice(0, -1)), 'parameters_malformed'],
  ['an escape', {}, '/get', other(field().replace('john-key', 'john\\"-key')), 'parameters_malformed'],
  ['something behind', {}, '/get', other(`${field()} x`), 'parameters_malformed'],
  ['a comma at the end', {}, '/get', other(`${field()},`), 'parameters_malformed'],
  ['commas', {}, '/get', other(`Signature ${','.repeat(7_000)}`), 'parameters_malformed'],
  ['a header listed twice', {}, '/get', other(field({ list: 'date @request-target Date' })), 'header_repeated'],
  ['a header name that is none', {}, '/get', other(field({ list: '@request-target date a:b' })), 'headers_malformed'],
  ['two spaces in the list', {}, '/get', other(field({ list: '@request-target  date' })), 'headers_malformed'],
  ['no base64', {}, '/get', other(field().replace(/signature="[^"]*"/, 'signature="****"')), 'not_base64'],
  ['the other base64', {}, '/get', other(field().replace(/signature="[^"]*"/, 'signature="-_-_"')), 'not_base64'],
  ['a short signature', {}, '/get', other(field().replace(/signature="[^"]*"/, 'signature="AAAA"')), 'signature_wrong'],
];

/** Its clients do not send such, and where one did, the request would be malformed. */
const NOT_IN_HTTP2: ReadonlySet<string> = new Set(['two dates', 'nothing behind the scheme']);

it('who is refused, and what the log says', async (t) => {
  const { lab } = await open(t);
  for (const [what, attributes, target, ask, reason] of REFUSED) {
    if (IS_HTTP2 && NOT_IN_HTTP2.has(what)) continue;
    await t.test(what, async () => {
      lab.reload(guarded(attributes));
      const answer = await lab.request(target, ask);
      assert.deepEqual([answer.status, answer.text], [401, '{"message":"client request can\'t be validated"}\n']);
      assert.equal(answer.headers['www-authenticate'], 'hmac realm="hmac"');
      assert.equal(lab.hostLog.at(-1)?.detail['reason'], reason);
      assert.equal(lab.seen.length, 0);
    });
  }
  assert.doesNotMatch(JSON.stringify(lab.hostLog), /secret-key/);
  const lines = ['GET /get HTTP/1.1', 'Host: a', 'Connection: close', `Date: ${DATE}`, `Authorization: ${field()}`];
  assert.match(await lab.raw([...lines, `authorization: ${field()}`, '', ''].join('\r\n')), /^HTTP\/1\.1 401 /);
  assert.equal(lab.hostLog.at(-1)?.detail['reason'], 'authorization_repeated');
});

describe('bodies', () => {
  const digestOf = (body: string): string => `SHA-256=${hash('sha256', body, 'base64')}`;
  const posting = (body: string, digest: string | undefined, list?: object): Ask => ({
    ...signed({ method: 'POST', headers: { date: DATE, ...list } }, digest === undefined ? {} : { Digest: digest }),
    body,
  });
  const BODY = '{"name": "world"}';
  const CASES: readonly (readonly [what: string, ask: Ask, status: number, reason?: string])[] = [
    ['the right digest', posting(BODY, digestOf(BODY)), 200],
    ['among others', posting(BODY, `MD5=xyz, sha-256=${hash('sha256', BODY, 'base64')}`), 200],
    ['of no body', posting('', digestOf('')), 200],
    ['no digest', posting(BODY, undefined), 401, 'digest_missing'],
    ['only another digest', posting(BODY, 'SHA-512=abc'), 401, 'digest_missing'],
    ['the digest of another body', posting(BODY, digestOf('x')), 401, 'digest_wrong'],
    ['two digests', posting(BODY, `${digestOf(BODY)},${digestOf('x')}`), 401, 'digest_malformed'],
    ['no base64', posting(BODY, 'SHA-256=****'), 401, 'digest_malformed'],
    ['a short digest', posting(BODY, 'SHA-256=AAAA'), 401, 'digest_malformed'],
    ['a body that is too long', posting('x'.repeat(2_000), digestOf('x'.repeat(2_000))), 413, 'body_too_large'],
    ['another header that is signed', posting(BODY, digestOf(BODY), { 'x-a': '1' }), 200],
  ];
  it('are checked where that is asked for', async (t) => {
    const { lab } = await open(t, { validate_request_body: true, max_req_body_size: 1_000 });
    for (const [what, ask, status, reason] of CASES) {
      await t.test(what, async () => {
        const answer = await lab.request('/get', ask);
        assert.equal(answer.status, status, answer.text);
        if (reason === undefined) assert.equal(lab.lastSeen.body, ask.body);
        else assert.equal(lab.hostLog.at(-1)?.detail['reason'], reason);
      });
    }
    const chunked = { ...posting(BODY, digestOf(BODY)), body: [BODY.slice(0, 5), BODY.slice(5)] };
    assert.equal((await lab.request('/get', chunked)).status, 200);
    assert.equal(lab.lastSeen.body, BODY);
  });

  it('are let pass where not', async (t) => {
    const { lab } = await open(t);
    assert.equal((await lab.request('/get', posting(BODY, digestOf('other')))).status, 200);
  });
});

it('a signature lets in one request where replays are rejected, until its date does', async (t) => {
  const { lab, clock } = await open(t, { reject_replays: true });
  const statusOf = async (ask: Ask): Promise<number> => (await lab.request('/get', ask)).status;
  assert.deepEqual([await statusOf(signed()), await statusOf(signed())], [200, 401]);
  assert.equal(lab.hostLog.at(-1)?.detail['reason'], 'replayed');
  assert.equal(await statusOf(signed({ headers: { date: DATE, 'x-a': 'another' } })), 200);
  assert.equal(await statusOf(signed({ secret: 'guess' })), 401);
  clock.pass(300_000);
  assert.equal(await statusOf(signed()), 401);
  assert.equal(lab.hostLog.at(-1)?.detail['reason'], 'replayed');
  clock.pass(301_000);
  assert.equal(await statusOf(signed()), 401);
  assert.equal(lab.hostLog.at(-1)?.detail['reason'], 'date_too_far');
});

it('without a valid signature, callers are nobody in particular where that is allowed', async (t) => {
  const { lab } = await open(t, { anonymous_consumer: 'anonymous' });
  for (const ask of [{}, signed({ secret: 'guess' })]) {
    assert.equal((await lab.request('/get', ask)).status, 200);
    assert.equal(new Map(lab.lastSeen.headers).get('X-Consumer-Username'), 'anonymous');
  }
});

it('whatever Authorization holds is read or refused', () => {
  const pieces = [
    'Signature ',
    'keyId="k"',
    'algorithm="hmac-sha256"',
    'headers="date"',
    'signature="AAAA"',
    ',',
    ' ',
    '"',
    '=',
    '\\',
    'x',
  ];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 12 }), (parts) => {
      const found = parseSignature([`Signature ${parts.join('')}`]);
      assert.ok(typeof found === 'string' || found.keyId === 'k');
    }),
    { numRuns: 3_000 },
  );
});

it('a date is read as it is written, and nothing else is a date', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4_102_444_799 }), (seconds) => {
      assert.equal(parseHttpDate(new Date(seconds * 1000).toUTCString()), seconds * 1000);
    }),
  );
  for (const text of [
    '',
    'now',
    '0',
    'Thu, 1 Jan 2026 00:00:00 GMT',
    ` ${DATE}`,
    DATE.toLowerCase(),
    'Thu, 01 Jan 2026 24:00:00 GMT',
  ])
    assert.equal(parseHttpDate(text), null, text);
});

describe('wrong configurations', () => {
  const WRONG: readonly (readonly [text: string, problem: RegExp])[] = [
    [guarded({ allowed_algorithms: [] }), /allowed_algorithms: /],
    [guarded({ allowed_algorithms: ['hmac-md5'] }), /allowed_algorithms\[0\]: /],
    [guarded({ clock_skew: 0 }), /clock_skew: /],
    [guarded({ signed_headers: ['date', 'Date'] }), /signed_headers\[1\]: stands there twice/],
    [guarded({ signed_headers: ['a b'] }), /signed_headers\[0\]: .*is no header name/],
    [guarded({ max_req_body_size: 0 }), /max_req_body_size: /],
    [
      'consumers: [{ username: a, plugins: { hmac-auth: { key_id: "a\\"b", secret_key: hush } } }]',
      /key_id: .*without quotes/,
    ],
    ['consumers: [{ username: a, plugins: { hmac-auth: { key_id: a } } }]', /secret_key: missing attribute/],
  ];
  for (const [text, problem] of WRONG) it(String(problem), () => assert.match(problemsOf(text).join('\n'), problem));
});
