import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { INCOMPLETE } from './faults.ts';
import { parsed } from './fields.ts';
import { parseResponseHead } from './response-head.ts';

const LIMITS = { line_bytes: 64, head_bytes: 256, fields: 4 };

/** @returns the offset after the head, 'refused' or 'incomplete' */
function parse(text: string, limits = LIMITS): number | 'refused' | 'incomplete' {
  const before = 3;
  const bytes = Buffer.from(`\r\nX${text}\r\n\r\n`, 'latin1');
  const result = parseResponseHead(bytes, before, before + text.length, limits);
  if (result === INCOMPLETE) return 'incomplete';
  return result < 0 ? 'refused' : result - before;
}

describe('what is found in a response head', () => {
  const cases: readonly (readonly [name: string, text: string, found: Partial<typeof parsed>, reason: string])[] = [
    ['status and reason', 'HTTP/1.1 404 Not Found\r\n\r\n', { status: 404, minorVersion: 1, count: 0 }, 'Not Found'],
    ['an empty reason', 'HTTP/1.1 200 \r\n\r\n', { status: 200 }, ''],
    ['no reason and no space', 'HTTP/1.1 200\r\n\r\n', { status: 200 }, ''],
    ['a reason beyond ASCII', 'HTTP/1.1 200 \xe9\t!\r\n\r\n', { status: 200 }, '\xe9\t!'],
    ['the highest status', 'HTTP/1.1 599 x\r\n\r\n', { status: 599 }, 'x'],
    [
      'HTTP/1.0',
      'HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n\r\n',
      { minorVersion: 0, connectionKeepAlive: true, count: 1 },
      'OK',
    ],
    [
      'framing',
      'HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\n',
      { contentLength: 7, connectionClose: true, chunked: false },
      'OK',
    ],
    ['a coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', { contentLength: -1, chunked: true }, 'OK'],
  ];
  for (const [name, text, found, reason] of cases) {
    it(name, () => {
      assert.equal(parse(text), text.length);
      assert.partialDeepStrictEqual({ ...parsed }, found);
      assert.equal(text.slice(13, parsed.targetEnd), reason);
    });
  }
});

describe('a response head is refused by the rule of', () => {
  const cases: readonly (readonly [rule: string, text: string])[] = [
    ['RFC 9112 §4, it begins with the version', ' HTTP/1.1 200 OK\r\n\r\n'],
    ['RFC 9112 §4, no empty line comes before it', '\r\nHTTP/1.1 200 OK\r\n\r\n'],
    ['RFC 9112 §2.3, the version is HTTP/1.0 or HTTP/1.1', 'HTTP/1.2 200 OK\r\n\r\n'],
    ['RFC 9112 §2.3, the major version is 1', 'HTTP/2.0 200 OK\r\n\r\n'],
    ['RFC 9112 §4, one space before the status', 'HTTP/1.1  200 OK\r\n\r\n'],
    ['RFC 9112 §4, a status of three digits', 'HTTP/1.1 20 OK\r\n\r\n'],
    ['RFC 9112 §4, a status of no more digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
    ['RFC 9110 §15, a status of a class that exists', 'HTTP/1.1 600 OK\r\n\r\n'],
    ['RFC 9110 §15, a status that is not below 100', 'HTTP/1.1 099 OK\r\n\r\n'],
    ['RFC 9112 §4, a space after the status', 'HTTP/1.1 200\tOK\r\n\r\n'],
    ['RFC 9112 §4, a reason without control characters', 'HTTP/1.1 200 O\0K\r\n\r\n'],
    ['RFC 9112 §2.2, no bare LF', 'HTTP/1.1 200 OK\nX: y\r\n\r\n'],
    ['RFC 9112 §2.2, no bare CR', 'HTTP/1.1 200 O\rK\r\n\r\n'],
    ['RFC 9112 §5.2, no folded lines', 'HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n'],
    ['RFC 9112 §5.1, no space before the colon', 'HTTP/1.1 200 OK\r\nX : y\r\n\r\n'],
    [
      'RFC 9112 §6.3, no length beside a coding',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    ],
    ['RFC 9112 §6.3, no two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n'],
    ['RFC 9110 §8.6, no malformed length', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n'],
    ['RFC 9112 §6.1, no coding that is not implemented', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n'],
    ['its bounds, a reason that is too long', `HTTP/1.1 200 ${'x'.repeat(52)}\r\n\r\n`],
    ['its bounds, a line that is too long', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(62)}\r\n\r\n`],
    ['its bounds, too many fields', `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(5)}\r\n`],
    ['its bounds, a head that is too large', `HTTP/1.1 200 OK\r\n${`X: ${'y'.repeat(58)}\r\n`.repeat(4)}\r\n`],
  ];
  for (const [rule, text] of cases) it(rule, () => assert.equal(parse(text), 'refused'));
});

it('a response head that is not complete is told as that at every length', () => {
  const whole = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX: y\r\n\r\n';
  for (let length = 0; length < whole.length; length++)
    assert.equal(parse(whole.slice(0, length)), 'incomplete', `${length} bytes`);
  assert.equal(parse(whole), whole.length);
});
