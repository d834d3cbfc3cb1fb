import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openLab, problemsOf, routeWith, type Ask } from '../../../test/plugins/lab.ts';

type Given = NonNullable<Ask['headers']>;

const NO_BOUND = 'plugin_metadata: [{ id: basic-auth, damping: { failures: 0 } }]\n';
const CONSUMERS = `consumers:
  - { username: john, labels: { custom_id: "495aec6a" } }
  - { id: john/credentials/cred-john, plugins: { basic-auth: { username: johndoe, password: john-key } } }
  - { id: john/credentials/other, plugins: { basic-auth: { username: "john doe", password: "a:b: c" } } }
  - { username: jose, plugins: { basic-auth: { username: "josé", password: "contraseña€" } } }
  - { username: anonymous }
`;
const guarded = (attributes: object): string => NO_BOUND + CONSUMERS + routeWith({ 'basic-auth': attributes });
const basic = (text: string | Buffer, scheme = 'Basic'): Given => ({
  Authorization: `${scheme} ${Buffer.from(text as string).toString('base64')}`,
});
const decomposed = (text: string): string => text.normalize('NFD');

const LET_IN: readonly (readonly [title: string, headers: Given, who: string, credential: string])[] = [
  ['name and password', basic('johndoe:john-key'), 'john', 'cred-john'],
  ['the scheme in any case', basic('johndoe:john-key', 'bAsIc'), 'john', 'cred-john'],
  ['several spaces behind the scheme', basic('johndoe:john-key', 'Basic  '), 'john', 'cred-john'],
  ['colons and spaces in the password, a space in the name', basic('john doe:a:b: c'), 'john', 'other'],
  ['UTF-8', basic('josé:contraseña€'), 'jose', ''],
  ['UTF-8 as another keyboard writes it', basic(decomposed('josé:contraseña€')), 'jose', ''],
];

it('who is let in, and as whom', async (t) => {
  const lab = await openLab(t, guarded({}));
  for (const [title, headers, who, credential] of LET_IN) {
    await t.test(title, async () => {
      assert.equal((await lab.request('/', { headers })).status, 200);
      const seen = new Map(lab.lastSeen.headers);
      assert.equal(seen.get('X-Consumer-Username'), who);
      assert.equal(seen.get('X-Credential-Identifier') ?? '', credential);
      const passed = seen.get('Authorization') ?? seen.get('authorization');
      assert.equal(passed, headers['Authorization'], 'passed on as it came');
    });
  }
});

const token = (text: string): Given => ({ Authorization: text });
const REFUSED: readonly (readonly [title: string, headers: Given, reason: string])[] = [
  ['nothing', {}, 'nothing_presented'],
  ['an empty field', token(''), 'nothing_presented'],
  ['another scheme', token('Bearer am9obmRvZTpqb2huLWtleQ=='), 'other_scheme'],
  ['a scheme that begins alike', token('BasicX am9obmRvZTpqb2huLWtleQ=='), 'other_scheme'],
  ['no scheme', token('am9obmRvZTpqb2huLWtleQ=='), 'other_scheme'],
  ['a wrong password', basic('johndoe:invalid-password'), 'password_wrong'],
  ['no password', basic('johndoe:'), 'password_wrong'],
  ['the beginning of a password', basic('johndoe:john-ke'), 'password_wrong'],
  ['a password and more', basic('johndoe:john-key '), 'password_wrong'],
  ['a password in another case', basic('johndoe:John-key'), 'password_wrong'],
  ['the password of somebody else', basic('johndoe:contraseña€'), 'password_wrong'],
  ['a name that nobody has', basic('nobody:john-key'), 'name_unknown'],
  ['the name of the consumer', basic('john:john-key'), 'name_unknown'],
  ['a name in another case', basic('JohnDoe:john-key'), 'name_unknown'],
  ['the name of a property', basic('__proto__:x'), 'name_unknown'],
  ['an enormous name', basic(`${'n'.repeat(5_000)}:x`), 'name_unknown'],
  ['an enormous password', basic(`johndoe:${'p'.repeat(5_000)}`), 'password_wrong'],
  ['no colon', basic('johndoe'), 'no_colon'],
  ['an empty name', basic(':john-key'), 'name_empty'],
  ['no base64', token('Basic johndoe:john-key'), 'not_base64'],
  ['nothing behind the scheme', token('Basic'), 'not_base64'],
  ['spaces behind the scheme', token('Basic   '), 'not_base64'],
  ['base64 without padding', token('Basic am9obmRvZTpqb2huLWtleQ'), 'not_base64'],
  ['base64 with too much of it', token('Basic am9obmRvZTpqb2huLWtleQ===='), 'not_base64'],
  ['base64 with bits that say nothing', token('Basic am9obmRvZTpqb2huLWtleR=='), 'not_base64'],
  ['the alphabet of URLs', token(`Basic ${Buffer.from('johndoe:\u00ff\u00fe>?').toString('base64url')}`), 'not_base64'],
  ['base64 with a space', token('Basic am9obmRv ZTpqb2huLWtleQ=='), 'not_base64'],
  ['base64 with something behind', token('Basic am9obmRvZTpqb2huLWtleQ==, x'), 'not_base64'],
  ['Latin-1', basic(Buffer.from('josé:contraseña', 'latin1')), 'not_utf8'],
  ['UTF-8 that is cut', basic(Buffer.from('johndoe:ü').subarray(0, 9)), 'not_utf8'],
  ['overlong UTF-8', basic(Buffer.from([...Buffer.from('johndoe:john-'), 0xc1, 0xab])), 'not_utf8'],
  ['a surrogate', basic(Buffer.from([...Buffer.from('johndoe:'), 0xed, 0xa0, 0x80])), 'not_utf8'],
  ['NUL', basic('johndoe\0:john-key'), 'control_character'],
  ['a line break', basic('johndoe:john-key\r\nX-Admin: 1'), 'control_character'],
  [
    'two fields',
    { Authorization: ['Basic am9obmRvZTpqb2huLWtleQ==', 'Basic am9obmRvZTpqb2huLWtleQ=='] },
    'authorization_repeated',
  ],
];

it('who is refused, and what the log says', async (t) => {
  const lab = await openLab(t, guarded({}));
  for (const [title, headers, reason] of REFUSED) {
    await t.test(title, async () => {
      // node:http sends one Authorization at most.
      const lines = Object.entries(headers).flatMap(([name, value]) => [value].flat().map((one) => `${name}: ${one}`));
      const answer = await lab.raw(['GET / HTTP/1.1', 'Host: a', 'Connection: close', ...lines, '', ''].join('\r\n'));
      const isMissing = reason === 'nothing_presented' || reason === 'other_scheme';
      const message = isMissing ? 'Missing authorization in request' : 'Invalid user authorization';
      assert.match(answer, /^HTTP\/1\.1 401 /);
      assert.match(answer, /\r\nWWW-Authenticate: Basic realm="basic", charset="UTF-8"\r\n/);
      assert.ok(answer.endsWith(`\r\n\r\n{"message":"${message}"}\n`), answer);
      assert.equal(lab.hostLog.at(-1)?.detail['reason'], reason);
      assert.doesNotMatch(JSON.stringify(lab.hostLog), /john-key|contrase|invalid-password/);
      assert.equal(lab.seen.length, 0);
    });
  }
});

it('what is no base64 is refused however it is broken', async (t) => {
  const lab = await openLab(t, guarded({}));
  const right = 'am9obmRvZTpqb2huLWtleQ==';
  for (let i = 0; i < right.length; i++) {
    for (const other of ['', '\u00e4', '-', '=', '%', right[i]?.toUpperCase() === right[i] ? 'a' : 'A']) {
      const broken = right.slice(0, i) + other + right.slice(i + 1);
      if (broken === right) continue;
      assert.equal((await lab.request('/', { headers: token(`Basic ${broken}`) })).status, 401, broken);
    }
  }
});

it('credentials are hidden where that is asked for', async (t) => {
  const lab = await openLab(t, guarded({ hide_credentials: true, anonymous_consumer: 'anonymous' }));
  for (const headers of [basic('johndoe:john-key'), basic('johndoe:wrong'), token('Bearer x')]) {
    assert.equal((await lab.request('/', { headers })).status, 200);
    assert.equal(new Map(lab.lastSeen.headers).has('Authorization'), false);
  }
});

it('a password that is changed lets nobody in by the old one', async (t) => {
  const lab = await openLab(t, guarded({}));
  const statusOf = async (text: string): Promise<number> => (await lab.request('/', { headers: basic(text) })).status;
  assert.equal(await statusOf('johndoe:john-key'), 200);
  lab.reload(guarded({}).replace('john-key', 'new-key'));
  assert.deepEqual([await statusOf('johndoe:john-key'), await statusOf('johndoe:new-key')], [401, 200]);
});

it('a name that was tried thirty times from an address is not looked at from there any more', async (t) => {
  const lab = await openLab(t, guarded({}).replace(NO_BOUND, ''));
  const ask = async (text: string, from: string): Promise<number> =>
    (await lab.request('/', { headers: basic(text), from })).status;
  for (let i = 0; i < 31; i++) await ask(`johndoe:guess${i}`, '127.0.0.2');
  assert.equal(await ask('johndoe:john-key', '127.0.0.2'), 429);
  assert.equal(await ask('josé:contraseña€', '127.0.0.2'), 200);
  assert.equal(await ask('johndoe:john-key', '127.0.0.3'), 200);
});

describe('wrong configurations', () => {
  const on = (attributes: object): string =>
    JSON.stringify({ consumers: [{ username: 'a', plugins: { 'basic-auth': attributes } }] });
  const WRONG: readonly (readonly [text: string, problem: RegExp])[] = [
    [on({ username: 'a' }), /basic-auth\.password: missing attribute/],
    [on({ password: 'hush' }), /basic-auth\.username: missing attribute/],
    [on({ username: 'a:b', password: 'hush' }), /basic-auth\.username: .*colon/],
    [on({ username: 'a', password: 'hush\n' }), /basic-auth\.password: .*control character/],
    [on({ username: 'a', password: '' }), /basic-auth\.password: must not be empty/],
    [guarded({ realm: 'a"' }), /basic-auth\.realm: .*without quotes/],
    [
      JSON.stringify({
        consumers: ['é', 'é'.normalize('NFD')].map((username, i) => ({
          username: `u${i}`,
          plugins: { 'basic-auth': { username, password: 'x' } },
        })),
      }),
      /"u1" identifies itself to "basic-auth" as the consumer "u0" does/,
    ],
  ];
  for (const [text, problem] of WRONG) {
    it(String(problem), () => {
      const problems = problemsOf(text).join('\n');
      assert.match(problems, problem);
      assert.doesNotMatch(problems, /hush/);
    });
  }
});
