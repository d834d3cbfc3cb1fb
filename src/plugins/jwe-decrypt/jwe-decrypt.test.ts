import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import { CompactEncrypt } from 'jose';
import { openLab, problemsOf, routeWith, type Ask, type Lab } from '../../../test/plugins/lab.ts';
import { base64url } from '../../../test/plugins/tokens.ts';

const SECRET = 'key-length-should-be-32-chars123';
const guarded = (attributes: object = {}): string => `consumers:
  - { username: jack, plugins: { jwe-decrypt: { key: jack-key, secret: ${SECRET} } } }
  - username: jill
    plugins: { jwe-decrypt: { key: jill-key, secret: ${Buffer.from(SECRET).toString('base64')}, is_base64_encoded: true } }
${routeWith({ 'jwe-decrypt': attributes })}`;
const open = (t: TestContext, attributes: object = {}): Promise<Lab> => openLab(t, guarded(attributes));

interface Making {
  readonly header?: string | object;
  readonly key?: string;
  readonly hasAad?: boolean;
  readonly iv?: Buffer;
}
const HEADER = { alg: 'dir', enc: 'A256GCM', kid: 'jack-key' };

function tokenOf(
  text: string | Buffer,
  { header = HEADER, key = SECRET, hasAad = true, iv = Buffer.alloc(12, 7) }: Making = {},
): string {
  const first = base64url(header);
  const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: 16 });
  if (hasAad) cipher.setAAD(Buffer.from(first));
  const sealed = Buffer.concat([cipher.update(Buffer.from(text as string)), cipher.final()]);
  return [first, '', base64url(iv), base64url(sealed), base64url(cipher.getAuthTag())].join('.');
}

const bearing = (token: string): Ask => ({ headers: { Authorization: token } });
const told = (lab: Lab, name: string): string | undefined => new Map(lab.lastSeen.headers).get(name);

it('the upstream gets the text in place of the token', async (t) => {
  const lab = await open(t);
  const byLibrary = await new CompactEncrypt(Buffer.from('{"uid":1}'))
    .setProtectedHeader(HEADER)
    .encrypt(Buffer.from(SECRET));
  const cases: readonly (readonly [token: string, text: string])[] = [
    [tokenOf('{"uid":1}'), '{"uid":1}'],
    [tokenOf('{"uid":1}', { hasAad: false }), '{"uid":1}'],
    [tokenOf('text', { header: { ...HEADER, kid: 'jill-key' } }), 'text'],
    [byLibrary, '{"uid":1}'],
    [`Bearer ${tokenOf('a')}`, 'a'],
    [tokenOf('{"name":"\u00fc"}'), Buffer.from('{"name":"\u00fc"}').toString('latin1')],
  ];
  for (const [token, text] of cases) {
    assert.equal((await lab.request('/', bearing(token))).status, 200);
    assert.equal(told(lab, 'Authorization'), text);
    assert.equal(told(lab, 'X-Consumer-Username'), undefined, 'nobody is authenticated by it');
  }
});

it('in another header, which no client can say', async (t) => {
  const lab = await open(t, { header: 'X-Token', forward_header: 'X-User', strict: false });
  const ask = (headers: NonNullable<Ask['headers']>): Promise<{ readonly status: number }> =>
    lab.request('/', { headers });
  assert.equal((await ask({ 'X-Token': tokenOf('jack'), 'X-User': 'root', x_user: 'root' })).status, 200);
  assert.deepEqual([told(lab, 'X-User'), told(lab, 'x_user'), told(lab, 'X-Token')], ['jack', undefined, undefined]);
  assert.equal((await ask({ 'X-User': 'root' })).status, 200);
  assert.equal(told(lab, 'X-User'), undefined);
  assert.equal((await ask({ 'X-Token': 'wrong', 'X-User': 'root' })).status, 400);
});

describe('what is refused', () => {
  const token = tokenOf('x');
  const [first = '', , iv = '', sealed = '', tag = ''] = token.split('.');
  const parts = (...list: string[]): string => list.join('.');
  const withHeader = (header: object): string => tokenOf('x', { header });
  const REFUSED: readonly (readonly [what: string, token: string, reason: string])[] = [
    ['text', 'abc', 'not_five_parts'],
    ['four parts', parts(first, '', iv, sealed), 'not_five_parts'],
    ['six parts', `${token}.`, 'not_five_parts'],
    ['a key of its own', parts(first, 'AAAA', iv, sealed, tag), 'key_not_direct'],
    ['no base64', parts(first, '', iv, `${sealed}*`, tag), 'not_base64url'],
    ['a header of text', parts(base64url('abc'), '', iv, sealed, tag), 'header_not_json'],
    [
      'a header with two keys',
      tokenOf('x', { header: '{"alg":"dir","enc":"A256GCM","kid":"x","kid":"jack-key"}' }),
      'header_member_repeated',
    ],
    ['another algorithm', withHeader({ ...HEADER, alg: 'A256KW' }), 'algorithm_other'],
    ['another cipher', withHeader({ ...HEADER, enc: 'A128GCM' }), 'algorithm_other'],
    ['crit', withHeader({ ...HEADER, crit: ['x'] }), 'critical_unknown'],
    ['compressed', withHeader({ ...HEADER, zip: 'DEF' }), 'compressed'],
    ['no kid', withHeader({ alg: 'dir', enc: 'A256GCM' }), 'kid_missing'],
    ['a kid that is no text', withHeader({ ...HEADER, kid: 1 }), 'kid_missing'],
    ['a kid that nobody has', withHeader({ ...HEADER, kid: 'nobody' }), 'key_unknown'],
    ['a short iv', tokenOf('x', { iv: Buffer.alloc(8, 1) }), 'sizes_wrong'],
    ['no iv', parts(first, '', '', sealed, tag), 'sizes_wrong'],
    [
      'a short tag',
      parts(first, '', iv, sealed, base64url(Buffer.from(tag, 'base64url').subarray(0, 12))),
      'sizes_wrong',
    ],
    ['another tag', parts(first, '', iv, sealed, base64url(Buffer.alloc(16))), 'undecryptable'],
    ['another text', parts(first, '', iv, base64url('y'), tag), 'undecryptable'],
    ['another key', tokenOf('x', { key: SECRET.replace('k', 'K') }), 'undecryptable'],
    ['a line break in the text', tokenOf('x\r\nX-Admin: 1'), 'text_unfit'],
    ['NUL in the text', tokenOf('x\0'), 'text_unfit'],
  ];
  it('a token that is none, or not for us: 400', async (t) => {
    const lab = await open(t);
    for (const [what, wrong, reason] of REFUSED) {
      await t.test(what, async () => {
        const answer = await lab.request('/', bearing(wrong));
        assert.deepEqual([answer.status, answer.text], [400, '{"message":"failed to decrypt JWE token"}\n']);
        assert.equal(lab.hostLog.at(-1)?.detail['reason'], reason);
        assert.equal(lab.seen.length, 0);
      });
    }
  });

  it('no token: 403, unless that is allowed', async (t) => {
    const lab = await open(t);
    const answer = await lab.request('/');
    assert.deepEqual([answer.status, answer.text], [403, '{"message":"missing JWE token in request"}\n']);
    lab.reload(guarded({ strict: false }));
    assert.equal((await lab.request('/')).status, 200);
  });

  it('wrong configurations', () => {
    const on = (credential: object): string =>
      problemsOf(
        JSON.stringify({ consumers: [{ username: 'a', plugins: { 'jwe-decrypt': { key: 'k', ...credential } } }] }),
      ).join('\n');
    assert.match(on({ secret: 'hush' }), /jwe-decrypt\.secret: has 4 bytes: a key for A256GCM has 32/);
    assert.match(on({ secret: SECRET, is_base64_encoded: true }), /has 24 bytes/);
    assert.match(on({}), /secret: missing attribute/);
    assert.match(
      problemsOf(guarded({ forward_header: 'Content-Length' })).join('\n'),
      /forward_header: .*frames the message/,
    );
  });
});
