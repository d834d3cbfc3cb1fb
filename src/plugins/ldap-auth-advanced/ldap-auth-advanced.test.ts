import assert from 'node:assert/strict';
import tls from 'node:tls';
import { after, describe, it, type TestContext } from 'node:test';
import { ADMIN, BASE, sharedSlapd, type Slapd } from '../../../test/ldap/slapd.ts';
import { openLab, problemsOf, routeWith, type Ask, type Lab } from '../../../test/plugins/lab.ts';
import { Certificates } from '../../../test/tls/certificates.ts';
import ldapAuthAdvanced from './ldap-auth-advanced.ts';

type Attributes = Readonly<Record<string, unknown>>;

const CONSUMERS = `consumers: ${JSON.stringify([
  { username: 'jane', plugins: { 'ldap-auth-advanced': { user_dn: `cn=Jane Doe,${BASE}` } } },
  { username: 'comma', plugins: { 'ldap-auth-advanced': { user_dn: `cn=comma\\,user,${BASE}` } } },
])}\n`;
const guarded = (attributes: Attributes): string => CONSUMERS + routeWith({ 'ldap-auth-advanced': attributes });
const REQUIRED = '{"message":"Authorization required"}\n';

const basic = (credentials: string, scheme = 'ldap'): string =>
  `${scheme} ${Buffer.from(credentials).toString('base64')}`;
const as = async (lab: Lab, credentials: string, more: Ask['headers'] = {}): Promise<number> =>
  (await lab.request('/anything', { headers: { Authorization: basic(credentials), ...more } })).status;
const told = (lab: Lab, name: string): string[] =>
  lab.lastSeen.headers.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value);

describe('ldap-auth-advanced with a real directory', () => {
  const certificates = new Certificates();
  const directory = sharedSlapd(() => {
    const authority = certificates.selfSigned('Test CA');
    tls.setDefaultCACertificates([...tls.getCACertificates('default'), authority.cert]);
    return { pair: authority.issue('localhost') };
  });
  after(() => certificates.remove());
  const attributes = (slapd: Slapd, more: Attributes = {}): Attributes => ({
    ldap_uri: `127.0.0.1:${slapd.port}`,
    base_dn: BASE,
    attribute: 'uid',
    ...more,
  });
  const open = (t: TestContext, slapd: Slapd, more: Attributes = {}): Promise<Lab> =>
    openLab(t, guarded(attributes(slapd, more)));

  it('the documented example: whom the directory knows passes, nobody else', async (t) => {
    const slapd = await directory(t);
    if (slapd === undefined) return;
    const lab = await open(t, slapd, { consumer_required: false });
    assert.equal(await as(lab, 'jdoe:janesecret'), 200);
    const missing = await lab.request('/anything');
    assert.deepEqual(
      [missing.status, missing.text, missing.headers['www-authenticate']],
      [401, REQUIRED, 'ldap realm="ldap"'],
    );
    assert.equal(await as(lab, 'jdoe:wrong'), 401);
    // One whom no consumer stands for is nobody in particular to the upstream, whatever it says about itself.
    assert.equal(await as(lab, 'u02:password2', { 'X-Consumer-Username': 'root' }), 200);
    assert.deepEqual(told(lab, 'x-consumer-username'), []);
    assert.deepEqual([lab.log.at(-1)?.consumerName], ['']);
  });

  it('the documented example: a consumer stands for an entry', async (t) => {
    const slapd = await directory(t);
    if (slapd === undefined) return;
    const lab = await open(t, slapd);
    assert.equal(await as(lab, 'jdoe:janesecret'), 200);
    assert.deepEqual(told(lab, 'x-consumer-username'), ['jane']);
    assert.equal(await as(lab, 'u02:password2'), 401);
    assert.equal(await as(lab, 'comma:comma:pass'), 200);
    assert.deepEqual(told(lab, 'x-consumer-username'), ['comma'], 'the directory writes its DN in another way');
  });

  it('the documented examples: with an account, with the scheme basic, over LDAPS and StartTLS', async (t) => {
    const slapd = await directory(t);
    if (slapd === undefined) return;
    const account = { bind_dn: ADMIN.dn, ldap_password: ADMIN.password, consumer_required: false };
    assert.equal(await as(await open(t, slapd, account), 'jdoe:janesecret'), 200);
    const lab = await open(t, slapd, { header_type: 'basic' });
    assert.equal(await as(lab, '', { Authorization: basic('jdoe:janesecret', 'Basic') }), 200);
    assert.equal(await as(lab, 'jdoe:janesecret'), 401, 'the scheme ldap is another one');
    const secure = `localhost:${slapd.securePort}`;
    assert.equal(await as(await open(t, slapd, { ldap_uri: secure, use_ldaps: true }), 'jdoe:janesecret'), 200);
    const byAddress = { ldap_uri: `127.0.0.1:${slapd.securePort}`, use_ldaps: true };
    assert.equal(
      await as(await open(t, slapd, byAddress), 'jdoe:janesecret'),
      500,
      'a name that the certificate does not have',
    );
    assert.equal(await as(await open(t, slapd, { ...byAddress, ssl_verify: false }), 'jdoe:janesecret'), 200);
    const starting = { ldap_uri: `localhost:${slapd.port}`, use_starttls: true };
    assert.equal(await as(await open(t, slapd, starting), 'jdoe:janesecret'), 200);
    assert.equal(await as(await open(t, slapd, { ...starting, ...account }), 'jdoe:janesecret'), 200);
  });

  it('what is no answer about the credentials is 500', async (t) => {
    const slapd = await directory(t);
    if (slapd === undefined) return;
    for (const [title, more] of [
      ['an account that the directory refuses', { bind_dn: ADMIN.dn, ldap_password: 'wrong' }],
      ['a subtree that is not there', { base_dn: 'ou=nowhere,dc=example,dc=org' }],
      ['nobody there', { ldap_uri: '127.0.0.1:1' }],
      ['no TLS there', { ldap_uri: `127.0.0.1:${slapd.port}`, use_ldaps: true }],
    ] as const) {
      const lab = await open(t, slapd, { timeout: 20_000, ...more });
      const answer = await lab.request('/', { headers: { Authorization: basic('jdoe:janesecret') } });
      assert.deepEqual([answer.status, answer.headers['www-authenticate']], [500, undefined], title);
      assert.equal(lab.hostLog[0]?.event, 'ldap_unavailable');
      assert.doesNotMatch(JSON.stringify(lab.hostLog), /janesecret|"wrong/);
    }
  });

  it('a name that holds what filters are made of is one name, and one that several have is nobody', async (t) => {
    const slapd = await directory(t);
    if (slapd === undefined) return;
    const lab = await open(t, slapd, { consumer_required: false });
    assert.equal(await as(lab, 'star*(user):starpass'), 200);
    const already = lab.seen.length;
    for (const credentials of [
      '*:janesecret',
      'j*:janesecret',
      'jdoe)(uid=*:janesecret',
      '*)(|(uid=*:janesecret',
      'jdoe:',
      ':janesecret',
      'twin:twinpass',
      'nopass:x',
      'nobody:x',
      'jdoe\0:janesecret',
      `${'x'.repeat(5_000)}:x`,
    ]) {
      const status = await as(lab, credentials);
      // A directory says of an entry without a password that this is no way to prove it.
      const expected = credentials === 'nopass:x' ? [500, 401] : [401];
      assert.ok(expected.includes(status), `${credentials.slice(0, 40)}: ${status}`);
    }
    assert.equal(lab.seen.length, already);
  });

  it('credentials are looked for in Proxy-Authorization first, and can be hidden', async (t) => {
    const slapd = await directory(t);
    if (slapd === undefined) return;
    const lab = await open(t, slapd, { hide_credentials: true });
    const right = basic('jdoe:janesecret');
    const wrong = basic('jdoe:wrong');
    for (const [headers, status] of [
      [{ 'Proxy-Authorization': right }, 200],
      [{ 'Proxy-Authorization': right, Authorization: wrong }, 200],
      [{ 'Proxy-Authorization': wrong, Authorization: right }, 401],
      [{ 'Proxy-Authorization': 'Basic eDp5', Authorization: right }, 200],
      [{ 'Proxy-Authorization': 'Basic eDp5' }, 401],
    ] as const) {
      assert.equal((await lab.request('/', { headers })).status, status, JSON.stringify(headers));
      if (status === 200) assert.deepEqual([told(lab, 'authorization'), told(lab, 'proxy-authorization')], [[], []]);
    }
  });

  it('acl decides by what the directory said', async (t) => {
    const slapd = await directory(t);
    if (slapd === undefined) return;
    const acl = { allow_labels: { username: ['jdoe'] }, external_user_label_field: 'username' };
    const lab = await openLab(
      t,
      routeWith({ 'ldap-auth-advanced': attributes(slapd, { consumer_required: false }), acl }),
    );
    assert.deepEqual([await as(lab, 'jdoe:janesecret'), await as(lab, 'u01:password1')], [200, 403]);
  });
});

const RIGHT = { ldap_uri: 'ldap.example.org', base_dn: BASE };
const WRONG: [attributes: Attributes, expected: RegExp][] = [
  [{ base_dn: BASE }, /missing attribute "ldap_uri"/],
  [{ ...RIGHT, use_ldaps: true, use_starttls: true }, /use_starttls: cannot be combined/],
  [{ ...RIGHT, bind_dn: 'cn=a' }, /ldap_password/],
  [{ ...RIGHT, ldap_password: 'hush' }, /bind_dn/],
  [{ ...RIGHT, bind_dn: 'admin', ldap_password: 'hush' }, /bind_dn: "admin" is no DN/],
  [{ ...RIGHT, keepalive_pool_name: 'x' }, /keepalive_pool_name: .*leave it out/],
  [{ ...RIGHT, size_limit: 1 }, /size_limit/],
  [{ ...RIGHT, attribute: 'uid)(cn' }, /attribute: .*no name/],
  [{ ...RIGHT, header_type: 'Basic' }, /header_type/],
  [{ ...RIGHT, timeout: 0 }, /timeout/],
];
for (const [attributes, expected] of WRONG) {
  it(`${JSON.stringify(attributes)} is refused`, () => {
    const problems = problemsOf(guarded(attributes)).join();
    assert.match(problems, expected);
    assert.doesNotMatch(problems, /hush/);
  });
}

it('every example is a right configuration', () => {
  for (const { config } of ldapAuthAdvanced.examples ?? [])
    assert.deepEqual(problemsOf(guarded(config as Attributes)), []);
  assert.equal(ldapAuthAdvanced.priority, 2_541);
});
