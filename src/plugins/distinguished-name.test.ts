import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { canonicalDn, escapeValue } from './distinguished-name.ts';

const ESCAPED: [value: string, escaped: string][] = [
  ['user01', 'user01'],
  ['comma,user', 'comma\\,user'],
  ['a+b=c<d>e;f"g\\h', 'a\\+b\\=c\\<d\\>e\\;f\\"g\\\\h'],
  [' both ', '\\ both\\ '],
  [' ', '\\ '],
  ['#1', '\\#1'],
  ['a#b', 'a#b'],
  ['\0\n', '\\00\\0a'],
  ['grün', 'grün'],
  ['x,ou=admins', 'x\\,ou\\=admins'],
];
for (const [value, escaped] of ESCAPED) {
  it(`${JSON.stringify(value)} is written ${JSON.stringify(escaped)}`, () => assert.equal(escapeValue(value), escaped));
}

const SAME: [one: string, other: string][] = [
  ['cn=user01,ou=users', 'CN=user01, OU = users'],
  ['cn=comma\\,user,dc=org', 'cn=comma\\2Cuser,dc=org'],
  ['cn=comma\\,user,dc=org', 'cn=comma\\2cuser;dc=org'],
  ['cn=a\\=b', 'cn=a=b'],
  ['cn=a+uid=b,dc=c', 'uid=b + cn=a,dc=c'],
  ['cn=gr\\c3\\bcn', 'cn=grün'],
  ['cn=a\\ ', 'cn=a\\20'],
  ['cn=', 'cn= '],
  ['2.5.4.3=x', '2.5.4.3 = x '],
];
for (const [one, other] of SAME) {
  it(`${one} and ${other} are one`, () => {
    assert.notEqual(canonicalDn(one), null);
    assert.equal(canonicalDn(one), canonicalDn(other));
  });
}

for (const [one, other] of [
  ['cn=a,dc=b', 'cn=A,dc=b'],
  ['cn=a\\,dc=b', 'cn=a,dc=b'],
  ['cn=a\\+b', 'cn=a+cn=b'],
  ['cn=a\\ ', 'cn=a'],
  ['cn=a,dc=b', 'cn=a,dc=b,dc=c'],
] as const) {
  it(`${one} and ${other} are two`, () => assert.notEqual(canonicalDn(one), canonicalDn(other)));
}

for (const text of [
  '',
  'user01',
  'cn',
  'cn=a,',
  ',cn=a',
  'cn=a,,cn=b',
  '=a',
  'cn=a"b',
  'cn=a<',
  'cn=\\zz',
  'cn=a\\',
  'cn=\\ff',
  'c n=a',
]) {
  it(`${JSON.stringify(text)} is no DN`, () => assert.equal(canonicalDn(text), null));
}

it('whatever a value holds, it is one value and no more, and nothing else has its form', () => {
  const values = fc.string({ unit: 'grapheme', minLength: 1 }).filter((value) => !value.includes('\ufffd'));
  fc.assert(
    fc.property(values, values, (one, other) => {
      const dn = (value: string): string => `cn=${escapeValue(value)},ou=users,dc=org`;
      const canonical = canonicalDn(dn(one));
      assert.ok(canonical?.endsWith(',ou=users,dc=org'), String(canonical));
      assert.equal(canonicalDn(canonical ?? ''), canonical);
      assert.equal(canonical === canonicalDn(dn(other)), one === other);
    }),
  );
});
