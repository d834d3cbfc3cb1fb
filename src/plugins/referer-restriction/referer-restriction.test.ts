import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openLab, problemsOf, routeWith } from '../../../test/plugins/lab.ts';
import refererRestriction from './referer-restriction.ts';

const OURS = { bypass_missing: true, whitelist: ['xx.com', '*.xx.com'] };

const CASES: [attributes: object, referer: string | string[] | undefined, status: number][] = [
  [OURS, 'http://xx.com/x', 200],
  [OURS, 'https://WWW.xx.com:8443/x?y', 200],
  [OURS, 'http://yy.com/x', 403],
  [OURS, 'http://evilxx.com/x', 403],
  [OURS, 'http://xx.com@yy.com/', 403],
  [OURS, 'http://yy.com/?http://xx.com/', 403],
  [OURS, undefined, 200],
  [OURS, 'not a page', 200],
  [OURS, '', 200],
  [OURS, ['http://xx.com/', 'http://xx.com/'], 200],
  [{ whitelist: ['xx.com'] }, undefined, 403],
  [{ whitelist: ['xx.com'] }, 'about:blank', 403],
  [{ whitelist: ['xx.com'] }, ['http://xx.com/', 'http://yy.com/'], 403],
  [{ whitelist: ['*xx.com'] }, 'http://evilxx.com/', 200],
  [{ whitelist: ['[::1]'] }, 'http://[::1]:80/', 200],
  [{ blacklist: ['*.example.net'] }, 'https://a.example.net/', 403],
  [{ blacklist: ['*.example.net'] }, 'https://example.net/', 200],
  [{ blacklist: ['*.example.net'] }, undefined, 403],
  [{ blacklist: ['*.example.net'], bypass_missing: true }, undefined, 200],
];

for (const [attributes, referer, status] of CASES) {
  it(`${JSON.stringify(attributes)} answers ${JSON.stringify(referer)} with ${status}`, async (t) => {
    const lab = await openLab(t, routeWith({ 'referer-restriction': attributes }));
    // Node's client sends a Referer once only.
    const lines = referer === undefined ? [] : [referer].flat().map((value) => `Referer: ${value}\r\n`);
    const answer = await lab.raw(`GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${lines.join('')}\r\n`);
    assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `));
    if (status === 403) assert.ok(answer.endsWith('{"message":"Your referer host is not allowed"}\n'), answer);
  });
}

const FAULTY: [attributes: object, expected: RegExp][] = [
  [{}, /write either "whitelist" or "blacklist"/],
  [{ whitelist: ['a.com'], blacklist: ['b.com'] }, /exactly one of them/],
  [{ whitelist: ['http://a.com/'] }, /whitelist\[0\].*is no host name/],
  [{ blacklist: ['a*.com'] }, /blacklist\[0\].*is no host name/],
  [{ whitelist: [] }, /the list must not be empty/],
];
for (const [attributes, expected] of FAULTY) {
  it(`${JSON.stringify(attributes)} is refused`, () => {
    assert.match(problemsOf(routeWith({ 'referer-restriction': attributes })).join(), expected);
  });
}

it('every example is a right configuration', () => {
  for (const { config } of refererRestriction.examples ?? [])
    assert.deepEqual(problemsOf(routeWith({ 'referer-restriction': config })), []);
});
