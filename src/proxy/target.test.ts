import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parsed } from '../http1/fields.ts';
import { parseRequestHead } from '../http1/request-head.ts';
import { parseTarget, plainTarget } from './target.ts';

const LIMITS = { line_bytes: 8192, head_bytes: 32_768, fields: 100 };

test('a target that the parser calls plain is read as it would be with a closer look', () => {
  const piece = fc.constantFrom(
    '/',
    '/',
    'a',
    'B',
    '.',
    '..',
    '%41',
    '%2f',
    '~',
    '?',
    '=',
    '&',
    ':',
    ';',
    '-',
    '_',
    '[',
    '|',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const target = `/${pieces.join('')}`;
      const head = Buffer.from(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
      assert.ok(parseRequestHead(head, 0, head.length, LIMITS) > 0, target);
      if (!parsed.isPlainTarget) return;
      for (const mergeSlashes of [true, false]) {
        assert.deepEqual(plainTarget(target), parseTarget(target, 'GET', mergeSlashes), target);
      }
    }),
    { numRuns: 5000, seed: 7 },
  );
});

test('the usual targets are plain', () => {
  for (const target of ['/', '/api/v1/items/42?page=2', '/a-b_c~d']) {
    const head = Buffer.from(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
    assert.ok(parseRequestHead(head, 0, head.length, LIMITS) > 0);
    assert.equal(parsed.isPlainTarget, true, target);
  }
});

test('the absolute form gives an authority, the asterisk goes with OPTIONS only', () => {
  assert.deepEqual(parseTarget('HTTP://Example.com:81/a?b', 'GET', true), {
    path: '/a',
    query: '?b',
    authority: 'Example.com:81',
  });
  assert.deepEqual(parseTarget('http://example.com', 'GET', true), { path: '/', query: '', authority: 'example.com' });
  assert.deepEqual(parseTarget('http://example.com?q', 'GET', true), {
    path: '/',
    query: '?q',
    authority: 'example.com',
  });
  assert.equal(parseTarget('*', 'OPTIONS', true)?.path, '*');
  for (const [target, method] of [
    ['*', 'GET'],
    ['ftp://example.com/', 'GET'],
    ['http:///a', 'GET'],
    ['example.com:80', 'GET'],
    ['/a#b', 'GET'],
    ['a', 'GET'],
  ] as const) {
    assert.equal(parseTarget(target, method, true), null, target);
  }
});
