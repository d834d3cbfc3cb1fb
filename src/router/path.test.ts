import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { normalizePath, normalizePattern } from './path.ts';

const MERGED: [path: string, expected: string | null, why: string][] = [
  ['', '/', 'an absolute-form target may have an empty path'],
  ['/', '/', 'the root stays'],
  ['/a/b.c/~x-_', '/a/b.c/~x-_', 'a plain path stays'],
  ["/!$&'()*+,;=:@", "/!$&'()*+,;=:@", 'raw delimiters stay'],
  ['/%61dmin', '/admin', 'unreserved characters are decoded'],
  ['/%41%5a%7e%2d%2E%5f0', '/AZ~-._0', 'in either case of the hex digits'],
  ['/a%2fb', '/a%2Fb', 'an encoded slash stays encoded, in upper case'],
  ['/a%21%3a', '/a%21%3A', 'reserved characters stay encoded'],
  ['/%e4%bd%a0', '/%E4%BD%A0', 'encoded UTF-8 stays encoded, in upper case'],
  ['/a%25%32%65', '/a%252e', 'decoding happens once'],
  ['/a|b"c\\d', '/a%7Cb%22c%5Cd', 'characters that should have been encoded are'],
  ['/a%7cb%22', '/a%7Cb%22', 'and so meet their encoded spelling'],
  ['/a/./b', '/a/b', 'a dot segment goes'],
  ['/a/../b', '/b', 'a double dot takes its parent along'],
  ['/a/%2e%2E/b', '/b', 'also when encoded'],
  ['/a/.%2e', '/', 'also half encoded, at the end'],
  ['/a/b/.', '/a/b/', 'a trailing dot leaves the slash'],
  ['/a/b/..', '/a/', 'a trailing double dot leaves the slash'],
  ['/.well-known/...', '/.well-known/...', 'names with dots are names'],
  ['//a///b//', '/a/b/', 'slashes are merged'],
  ['/a//../b', '/b', 'slashes are merged before dot segments are removed'],
  ['/%', null, 'a lone percent sign is malformed'],
  ['/%4', null, 'half an escape is malformed'],
  ['/%zz', null, 'an escape of no hex digits is malformed'],
  ['/%4g/', null, 'an escape of one hex digit is malformed'],
  ['/a%00b', null, 'NUL is refused'],
  ['/..', null, 'the root has no parent'],
  ['/../x', null, 'climbing above the root is refused'],
  ['/a/../../x', null, 'also later'],
  ['/a//../../x', null, 'an empty segment is not a level when slashes are merged'],
  ['/a/..%2fb', null, 'a dot segment before an encoded slash is refused'],
  ['/a%2f../b', null, 'a dot segment after an encoded slash is refused'],
  ['/a%2f..', null, 'also at the end'],
  ['/a/%2e%2e%5cb', null, 'a dot segment before an encoded backslash is refused'],
  ['/a/..\\b', null, 'or before a raw one'],
  ['/a/..;/b', null, 'a dot segment with path parameters is refused'],
  ['/a;x=1/b..;y', '/a;x=1/b..;y', 'other path parameters stay'],
  ['a', null, 'a path starts with a slash'],
  ['*', null, 'the asterisk form is no path'],
  ['/a b', null, 'a space is refused'],
  ['/a\tb', null, 'a control character is refused'],
  ['/a?b', null, 'the query must be off'],
  ['/a#b', null, 'a fragment is refused'],
  ['/caf\u00e9', null, 'raw bytes above ASCII are refused'],
];

for (const [path, expected, why] of MERGED) {
  test(`${JSON.stringify(path)} becomes ${JSON.stringify(expected)}: ${why}`, () => {
    assert.equal(normalizePath(path, true), expected);
  });
}

test('doubled slashes are kept where asked', () => {
  assert.equal(normalizePath('//a///b//', false), '//a///b//');
  assert.equal(normalizePath('/a//../b', false), '/a/b');
  assert.equal(normalizePath('/a//../../b', false), '/b');
  assert.equal(normalizePath('/a//../../../b', false), null);
  assert.equal(normalizePath('/.//b', false), '//b');
});

const PATTERNS: [pattern: string, expected: string | null][] = [
  ['/foo*', '/foo*'],
  ['/.*', '/.*'],
  ['/..*', '/..*'],
  ['*', '/*'],
  ['/:id/x', '/:id/x'],
  ['/%2a/%3A', '/%2A/%3A'],
  ['/caf\u00e9/\u4f60*', '/caf%C3%A9/%E4%BD%A0*'],
  ['/\u{1f600}', '/%F0%9F%98%80'],
  ['/a b?c#d', '/a%20b%3Fc%23d'],
  ['/%61//b/../*', '/a/*'],
  ['/a/../../b', null],
  ['/%zz', null],
  ['/a\0', null],
  ['/\ud800', null],
  ['foo', null],
  ['', null],
];

for (const [pattern, expected] of PATTERNS) {
  test(`the pattern ${JSON.stringify(pattern)} becomes ${JSON.stringify(expected)}`, () => {
    assert.equal(normalizePattern(pattern, true), expected);
  });
}

const piece = fc.oneof(
  fc.constantFrom(
    '/',
    '//',
    '.',
    '..',
    '/..',
    '/.',
    '%2e',
    '%2E',
    '%2f',
    '%2F',
    '%5c',
    ';',
    '%',
    '%4',
    '%00',
    '*',
    ':a',
  ),
  fc.constantFrom('a', 'b', 'Z', '%61', '%41', '%e4', '%C3%A9', '%25', '|', '\\', '~'),
  fc.integer({ min: 1, max: 255 }).map((code) => `%${code.toString(16).padStart(2, '0')}`),
);
const target = fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join('')}`);

test('normalising twice changes nothing more', () => {
  fc.assert(
    fc.property(target, fc.boolean(), (path, mergeSlashes) => {
      const once = normalizePath(path, mergeSlashes);
      if (once === null) return;
      assert.equal(normalizePath(once, mergeSlashes), once);
      assert.ok(!/\/\.\.?(\/|$)/.test(once), once);
      if (mergeSlashes) assert.ok(!once.includes('//'), once);
      assert.equal(normalizePattern(once, mergeSlashes), once);
    }),
    { numRuns: 5000 },
  );
});

test('a literal pattern and the path it was written for meet in one spelling', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 8 }), (name) => {
      // The delimiters keep their meaning, and encodeURIComponent leaves some of the others raw.
      const literal = `/x/${name.replaceAll(/[\0%/\\*:!'();=+$,&@.]/g, '')}`;
      const sent = `/x/${encodeURIComponent(literal.slice(3))}`;
      assert.equal(normalizePattern(literal, true), normalizePath(sent, true));
    }),
    { numRuns: 2000 },
  );
});

test('an escape and its character decode to the same octets as before', () => {
  fc.assert(
    fc.property(target, (path) => {
      const once = normalizePath(path, false);
      if (once === null || /\.|%2e/i.test(path)) return;
      const octets = (text: string) =>
        text.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
      assert.equal(octets(once), octets(path));
    }),
    { numRuns: 2000 },
  );
});
