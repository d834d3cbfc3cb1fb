import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { requireProgram } from '../../test/require-program.ts';
import type { Kind } from '../model/object-set.ts';
import { type PluginSchemas, Secrets } from '../model/secrets.ts';
import { ApisixCipher } from './apisix-cipher.ts';
import { APISIX_ENCRYPT_FIELDS, APISIX_PLUGINS } from './apisix-encrypt-fields.ts';
import type { ObjectValue } from './store.ts';

const HIDDEN = {
  type: 'object',
  properties: { token: { type: 'string', secret: true }, name: { type: 'string' } },
} as const;
const OURS: Readonly<Record<string, PluginSchemas>> = {
  'our-own': { schema: HIDDEN, metadataSchema: HIDDEN },
  // Secret here, but APISIX leaves it plain.
  'forward-auth': { schema: HIDDEN },
};
const pluginNamed = (name: string): PluginSchemas | undefined => (Object.hasOwn(OURS, name) ? OURS[name] : undefined);

const cipherWith = (...keyring: [string, ...string[]]): ApisixCipher =>
  new ApisixCipher({ keyring, secrets: new Secrets(pluginNamed), isKnown: (name) => pluginNamed(name) !== undefined });

const SHORT = '0123456789abcdef';
const LONG = 'abcdefghijklmnopqrstuvwxyz012345';
const ref = (kind: Kind) => ({ kind, id: '1' });
const keyOf = (value: ObjectValue): unknown =>
  (value['plugins'] as Record<string, Record<string, unknown>>)['key-auth']?.['key'];
const withKey = (key: string): ObjectValue => ({ username: 'jack', plugins: { 'key-auth': { key } } });

void test('what is encrypted is what openssl makes of it with the same key, and the reverse', (t) => {
  const openssl = requireProgram(t, 'openssl');
  if (openssl === undefined) return;
  for (const [key, algorithm] of [
    [SHORT, '-aes-128-cbc'],
    [LONG, '-aes-256-cbc'],
  ] as const) {
    const hex = Buffer.from(key).toString('hex');
    const text = 'ein Schlüssel';
    const flags = ['enc', algorithm, '-K', hex, '-iv', hex.slice(0, 32), '-base64', '-A'];
    const theirs = execFileSync(openssl, flags, { input: text }).toString();
    const cipher = cipherWith(key);
    assert.equal(keyOf(cipher.seal(ref('consumers'), withKey(text))), theirs);
    assert.equal(keyOf(cipher.open(ref('consumers'), withKey(theirs))), text);
  }
});

void test('keys are tried in their order, the first one seals, and what none opens is plain', () => {
  const old = cipherWith(SHORT).seal(ref('consumers'), withKey('of old'));
  const both = cipherWith(LONG, SHORT);
  assert.equal(keyOf(both.open(ref('consumers'), old)), 'of old');
  const fresh = both.seal(ref('consumers'), withKey('of old'));
  assert.equal(keyOf(cipherWith(LONG).open(ref('consumers'), fresh)), 'of old');
  assert.notEqual(keyOf(fresh), keyOf(old));
  for (const plain of ['auth-one', 'a'.repeat(64), 'YWJj', '', 'QUJDREVGR0hJSktMTU5PUA==']) {
    assert.equal(keyOf(both.open(ref('consumers'), withKey(plain))), plain, plain);
  }
  assert.throws(() => cipherWith('neither 16 nor 32'), RangeError);
});

void test('exactly what APISIX encrypts is encrypted, and secrets of plugins that it does not have', () => {
  const cipher = cipherWith(SHORT);
  const cases: readonly [Kind, ObjectValue, readonly string[]][] = [
    ['ssls', { cert: 'c', key: 'k', keys: ['k1', 'k2'], certs: ['x'] }, ['k', 'k1', 'k2']],
    ['secrets', { id: 'vault/1', token: 'plain in APISIX' }, []],
    ['upstreams', { tls: { client_key: 'plain in APISIX' } }, []],
    ['routes', { plugins: { 'forward-auth': { token: 'plain in APISIX' } } }, []],
    ['routes', { plugins: { 'our-own': { token: 't', name: 'n' }, cors: { allow_origins: '*' } } }, ['t']],
    ['routes', { plugins: { 'somebody-elses': { token: 'not ours to judge' } } }, []],
    ['plugin_metadata', { id: 'our-own', token: 't', name: 'n' }, ['t']],
    ['plugin_metadata', { id: 'error-log-logger', clickhouse: { user: 'u', password: 'p' } }, ['p']],
    [
      'routes',
      { plugins: { 'elasticsearch-logger': { auth: { username: 'u', password: 'p' }, headers: { A: 'h' } } } },
      ['p', 'h'],
    ],
    [
      'routes',
      { plugins: { 'ai-proxy-multi': { instances: [{ auth: { aws: { secret_access_key: 'a' } } }, { name: 'x' }] } } },
      ['a'],
    ],
    ['routes', { plugins: { 'feishu-auth': { secret_fallbacks: ['one', 'two'], app_id: 'i' } } }, ['one', 'two']],
    ['consumers', { plugins: { 'jwt-auth': { key: 'public', secret: 's' } } }, ['s']],
    ['consumers', { plugins: { 'key-auth': { key: 7 }, 'basic-auth': null, 'hmac-auth': [] } }, []],
  ];
  for (const [kind, value, texts] of cases) {
    const sealed = cipher.seal(ref(kind), value);
    let expected = JSON.stringify(value);
    for (const text of texts) {
      const encrypted = String(keyOf(cipher.seal(ref('consumers'), withKey(text))));
      expected = expected.replace(`"${text}"`, `"${encrypted}"`);
    }
    assert.equal(JSON.stringify(sealed), expected);
    assert.deepEqual(cipher.open(ref(kind), sealed), value);
  }
});

void test('every plugin with encrypted attributes is one of the documented plugins', () => {
  for (const name of Object.keys(APISIX_ENCRYPT_FIELDS)) assert.ok(APISIX_PLUGINS.has(name), name);
});
