import assert from 'node:assert/strict';
import { test } from 'node:test';
import { validator } from '../model/validate.ts';
import { checkStore, STORE_SETTINGS, type StoreSettings } from './store-settings.ts';

const validate = validator(STORE_SETTINGS);
const KEY = Buffer.alloc(32, 7).toString('base64');

/** What is wrong with a value of `gateway.store`, as `path code`, and the messages. */
function problemsOf(value: object): { readonly found: string[]; readonly text: string } {
  const checked = validate(value, 'gateway.store');
  const shape = [...checked.problems, ...checked.unknown];
  const problems = shape.length > 0 ? shape : checkStore(checked.value as StoreSettings);
  return {
    found: problems.map(({ path, code }) => `${path.replace(/^gateway\.store\.?/, '')} ${code}`),
    text: JSON.stringify(problems),
  };
}

const etcd = (more: object): object => ({ type: 'etcd', encryption: 'off', ...more });
const SECURE = ['https://a.test:2379'];

void test('every store with what it needs is fine', () => {
  const good: object[] = [
    {},
    { type: 'file' },
    { type: 'embedded' },
    { type: 'embedded', path: 'x.db', key_file: 'x.key', max_bytes: 2_000_000 },
    { type: 'embedded', keys: [KEY, Buffer.alloc(32, 8).toString('base64url')] },
    etcd({}),
    etcd({ encryption: { keyring: ['0123456789abcdef', '0123456789abcdef0123456789abcdef'] } }),
    etcd({ hosts: ['http://127.0.0.1:2379', 'http://[::1]:2379'], prefix: '/apisix', user: 'u', password: 'p' }),
    etcd({ hosts: SECURE, tls: { ca: 'ca.pem', cert: 'c.pem', key: 'k.pem', sni: 'etcd', verify: false } }),
    etcd({ snapshot: false, timeout_ms: 100, health_ms: 1000 }),
    etcd({ snapshot: '/var/lib/gatewright/etcd.snapshot', prefix: '/a/b' }),
  ];
  for (const value of good) assert.deepEqual(problemsOf(value).found, [], JSON.stringify(value));
});

void test('what contradicts itself, or would be ignored, is refused with its path', () => {
  const cases: readonly [object, string[]][] = [
    [{ type: 'redis' }, ['type invalid_value']],
    [{ path: 'a.db' }, ['path conflict']],
    [{ type: 'file', hosts: ['http://a:1'], snapshot: false }, ['hosts conflict', 'snapshot conflict']],
    [{ type: 'embedded', hosts: ['http://a:1'], encryption: 'off' }, ['hosts conflict', 'encryption conflict']],
    [{ type: 'embedded', keys: [KEY], key_file: 'k' }, ['keys conflict']],
    [{ type: 'embedded', keys: ['too short'] }, ['keys[0] invalid_value']],
    [{ type: 'embedded', keys: [] }, ['keys wrong_length']],
    [{ type: 'embedded', max_bytes: 10 }, ['max_bytes out_of_range']],
    [{ type: 'etcd' }, ['encryption missing_attribute']],
    [etcd({ path: 'a.db' }), ['path conflict']],
    [etcd({ encryption: 'on' }), ['encryption wrong_type']],
    [etcd({ encryption: { keyring: ['seventeen-letters'] } }), ['encryption.keyring[0] invalid_value']],
    [etcd({ encryption: {} }), ['encryption.keyring missing_attribute']],
    [etcd({ prefix: 'apisix' }), ['prefix invalid_value']],
    [etcd({ prefix: '/apisix/' }), ['prefix invalid_value']],
    [etcd({ user: 'u' }), ['password missing_attribute']],
    [etcd({ password: 'p' }), ['user missing_attribute']],
    [etcd({ hosts: ['127.0.0.1:2379'] }), ['hosts[0] invalid_value']],
    [etcd({ hosts: ['unix:///run/etcd'] }), ['hosts[0] invalid_value']],
    [etcd({ hosts: ['http://a:1/v3'] }), ['hosts[0] invalid_value']],
    [etcd({ hosts: ['http://u:p@a:1'] }), ['hosts[0] conflict']],
    [etcd({ hosts: ['https://a:1', 'http://b:1'] }), ['hosts[1] conflict']],
    [etcd({ hosts: [] }), ['hosts wrong_length']],
    [etcd({ hosts: SECURE, tls: { cert: 'c' } }), ['tls.key missing_attribute']],
    [etcd({ hosts: SECURE, tls: { key: 'k' } }), ['tls.cert missing_attribute']],
    [etcd({ tls: { ca: 'c' } }), ['tls conflict']],
    [etcd({ timeout_ms: 1 }), ['timeout_ms out_of_range']],
  ];
  for (const [value, found] of cases) assert.deepEqual(problemsOf(value).found, found, JSON.stringify(value));
});

void test('no message tells a key or a password', () => {
  const bad = [
    etcd({ hosts: ['http://u:hush-hush@a:1'] }),
    etcd({ encryption: { keyring: ['hush-hush'] } }),
    { type: 'embedded', keys: ['hush-hush'] },
    etcd({ password: 'hush-hush' }),
  ];
  for (const value of bad) {
    const { found, text } = problemsOf(value);
    assert.ok(found.length > 0);
    assert.doesNotMatch(text, /hush-hush/);
  }
});
