import assert from 'node:assert/strict';
import tls from 'node:tls';
import { after, describe, it, type TestContext } from 'node:test';
import { BASE, sharedSlapd, type Slapd } from '../../../test/ldap/slapd.ts';
import { openLab, problemsOf, routeWith, type Answer, type Lab } from '../../../test/plugins/lab.ts';
import { Certificates } from '../../../test/tls/certificates.ts';
import ldapAuth from './ldap-auth.ts';

type Attributes = Readonly<Record<string, unknown>>;

const CONSUMERS = `consumers: ${JSON.stringify([
  { username: 'foo', plugins: { 'ldap-auth': { user_dn: `cn=user01,${BASE}` } } },
  { username: 'comma', plugins: { 'ldap-auth': { user_dn: `CN=comma\\2cuser, ${BASE}` } } },
  { username: 'star' },
  { id: 'star/credentials/ldap', plugins: { 'ldap-auth': { user_dn: `cn=star*(user),${BASE}` } } },
  { username: 'green', plugins: { 'ldap-auth': { user_dn: `cn=Grün,${BASE}` } } },
  { username: 'bare', plugins: { 'ldap-auth': { user_dn: `cn=nopass,${BASE}` } } },
])}\n`;
const guarded = (attributes: Attributes): string => CONSUMERS + routeWith({ 'ldap-auth': attributes });
const MISSING = '{"message":"Missing authorization in request"}\n';
const INVALID = '{"message":"Invalid user authorization"}\n';

const as = (lab: Lab, credentials: string, scheme = 'Basic'): Promise<Answer> =>
  lab.request('/hello', {
    headers: {
      Authorization: `${scheme} ${Buffer.from(credentials).toString('base64')}`,
      'X-Consumer-Username': 'root',
    },
  });
const told = (lab: Lab, name: string): string[] =>
  lab.lastSeen.headers.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value);

describe('ldap-auth with a real directory', () => {
  const certificates = new Certificates();
  const directory = sharedSlapd(() => {
    const authority = certificates.selfSigned('Test CA');
    tls.setDefaultCACertificates([...tls.getCACertificates('default'), authority.cert]);
    return { pair: authority.issue('localhost') };
  });
  after(() => certificates.remove());
  const open = (t: TestContext, slapd: Slapd, more: Attributes = {}): Promise<Lab> =>
    openLab(t, guarded({ base_dn: BASE, ldap_uri: `127.0.0.1:${slapd.port}`, uid: 'cn', ...more }));

  it('the documented examples', async (t) => {
    const slapd = await directory(t);
    if (slapd === undefined) return;
    const lab = await open(t, slapd);
    assert.equal((await as(lab, 'user01:password1')).status, 200);
    assert.deepEqual(told(lab, 'x-consumer-username'), ['foo']);
    const missing = await lab.request('/hello');
    assert.deepEqual([missing.status, missing.text], [401, MISSING]);
    assert.equal(missing.headers['www-authenticate'], 'Basic realm="ldap", charset="UTF-8"');
    for (const credentials of ['user:password1', 'user01:passwordfalse']) {
      const refused = await as(lab, credentials);
      assert.deepEqual([refused.status, refused.text], [401, INVALID]);
    }
    assert.deepEqual(
      lab.log.map(({ status, errorCode }) => [status, errorCode]),
      [
        [200, ''],
        [401, 'credentials_missing'],
        [401, 'credentials_invalid'],
        [401, 'credentials_invalid'],
      ],
    );
  });

  it('whatever a name holds, it is one name', async (t) => {
    const slapd = await directory(t);
    if (slapd === undefined) return;
    const lab = await open(t, slapd);
    for (const [credentials, username] of [
      ['comma,user:comma:pass', 'comma'],
      ['star*(user):starpass', 'star'],
      ['Grün:pässword', 'green'],
      ['Gru\u0308n:pässword', 'green'],
    ] as const) {
      assert.equal((await as(lab, credentials)).status, 200, credentials);
      assert.deepEqual(told(lab, 'x-consumer-username'), [username]);
    }
    const already = lab.seen.length;
    for (const credentials of [
      'user01:',
      ':password1',
      'user01',
      '*:password1',
      'user0*:password1',
      'user01,ou=users,dc=example,dc=org:password1',
      'user01+cn=user02:password1',
      'user01\\:password1',
      ' user01:password1',
      'user01 :password1',
      '#user01:password1',
      'user01\0:password1',
      'user01\r\nX-Admin: 1:password1',
      'nopass:',
      'nopass:x',
      // Known to the directory, but no consumer stands for it.
      'user02:password2',
      // The directory takes it for user01; whether case matters, the gateway does not know.
      'USER01:password1',
      `${'x'.repeat(5_000)}:x`,
      `user01:${'x'.repeat(5_000)}`,
    ]) {
      const { status } = await as(lab, credentials);
      assert.ok(status === 401 || status === 429, `${credentials.slice(0, 50)}: ${status}`);
    }
    assert.equal((await as(lab, 'user01:password1', 'Bearer')).status, 401);
    assert.equal(lab.seen.length, already);
  });

  it('another attribute can hold the names, and the credentials can be hidden', async (t) => {
    const slapd = await directory(t);
    if (slapd === undefined) return;
    const lab = await open(t, slapd, { uid: 'uid' });
    assert.equal((await as(lab, 'u01:password1')).status, 401, 'no DN in this directory');
    const hiding = await open(t, slapd, { hide_credentials: true });
    await as(hiding, 'user01:password1');
    assert.deepEqual(told(hiding, 'authorization'), []);
    const showing = await open(t, slapd);
    await as(showing, 'user01:password1');
    assert.equal(told(showing, 'authorization').length, 1);
  });

  it('who guesses is slowed down, so that the directory is not asked about it', async (t) => {
    const slapd = await directory(t);
    if (slapd === undefined) return;
    const lab = await open(t, slapd);
    const statuses = new Set<number>();
    for (let i = 0; i < 40; i++) statuses.add((await as(lab, `user01:guess${i}`)).status);
    assert.deepEqual([...statuses], [401, 429]);
    assert.equal((await as(lab, 'user01:password1')).status, 429);
  });

  it('the certificate of the directory is verified where that is asked for', async (t) => {
    const slapd = await directory(t);
    if (slapd === undefined) return;
    const ldap_uri = `localhost:${slapd.securePort}`;
    const statusWith = async (more: Attributes): Promise<number> =>
      (await as(await open(t, slapd, { use_tls: true, ...more }), 'user01:password1')).status;
    assert.equal(await statusWith({ ldap_uri, tls_verify: true }), 200);
    assert.equal(await statusWith({ ldap_uri: `127.0.0.1:${slapd.securePort}`, tls_verify: true }), 500);
    assert.equal(await statusWith({ ldap_uri: `127.0.0.1:${slapd.securePort}` }), 200);
  });
});

it('while the directory cannot be asked, nobody is let in, and nobody is told that a password is wrong', async (t) => {
  const lab = await openLab(t, guarded({ base_dn: BASE, ldap_uri: '127.0.0.1:1' }));
  for (let i = 0; i < 3; i++) {
    const { status, text, headers } = await as(lab, 'user01:password1');
    assert.deepEqual(
      [status, text, headers['x-gatewright-error'], headers['www-authenticate']],
      [500, '{"message":"the request cannot be authenticated at present"}\n', 'auth_unavailable', undefined],
    );
  }
  assert.deepEqual(
    lab.hostLog.map(({ level, event, detail }) => [level, event, detail['reason']]),
    [['error', 'ldap_unavailable', 'refused']],
    'once in ten seconds',
  );
  assert.doesNotMatch(JSON.stringify(lab.hostLog), /password1/);
  // What needs no directory is answered all the same.
  assert.equal((await lab.request('/')).status, 401);
  assert.equal((await as(lab, 'user01:')).status, 401);
});

const RIGHT = { base_dn: BASE, ldap_uri: 'ldap.example.org' };
const WRONG: [attributes: Attributes, expected: RegExp][] = [
  [{ base_dn: BASE }, /missing attribute "ldap_uri"/],
  [{ ...RIGHT, base_dn: 'users' }, /base_dn: "users" is no DN/],
  [{ ...RIGHT, ldap_uri: 'ldaps://ldap.example.org' }, /ldap_uri: .*write host or host:port/],
  [{ ...RIGHT, ldap_uri: 'ldap.example.org:0' }, /ldap_uri/],
  [{ ...RIGHT, ldap_uri: 'ldap.example.org:65536' }, /ldap_uri/],
  [{ ...RIGHT, ldap_uri: '::1' }, /ldap_uri/],
  [{ ...RIGHT, uid: 'cn=x,' }, /uid: .*no name of an attribute/],
  [{ ...RIGHT, realm: 'a"b' }, /realm/],
];
for (const [attributes, expected] of WRONG) {
  it(`${JSON.stringify(attributes)} is refused`, () => assert.match(problemsOf(guarded(attributes)).join(), expected));
}

it('a DN that is none is refused on a consumer, and two consumers with one DN are told', () => {
  const consumer = (username: string, user_dn: string): object => ({ username, plugins: { 'ldap-auth': { user_dn } } });
  const problems = (...consumers: object[]): string => problemsOf(JSON.stringify({ consumers })).join();
  assert.match(problems(consumer('a', 'user01')), /user_dn: .*is no DN/);
  assert.notEqual(problems(consumer('a', 'cn=a,dc=b'), consumer('b', 'CN=a, DC=b')), '');
  assert.equal(problems(consumer('a', 'cn=a,dc=b'), consumer('b', 'cn=A,dc=b')), '');
});

it('every example is a right configuration', () => {
  for (const { config } of ldapAuth.examples ?? []) assert.deepEqual(problemsOf(guarded(config as Attributes)), []);
  for (const ldap_uri of ['localhost', 'localhost:1389', '127.0.0.1', '[::1]', '[::1]:636'])
    assert.deepEqual(problemsOf(guarded({ ...RIGHT, ldap_uri })), []);
  assert.equal(ldapAuth.priority, 2_540);
});
