import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { faultName, INCOMPLETE, type RequestFault } from './faults.ts';
import { parsed } from './fields.ts';
import { parseRequestHead } from './request-head.ts';

const LIMITS = { line_bytes: 8_192, head_bytes: 32_768, fields: 100 };

/** Parses a head that stands in the middle of other bytes. @returns the offset after it, a fault, or 'incomplete' */
function parse(text: string, limits = LIMITS): number | RequestFault | 'incomplete' {
  const before = 5;
  const bytes = Buffer.from(`GET /${text}\r\n\r\n`, 'latin1');
  const result = parseRequestHead(bytes, before, before + text.length, limits);
  if (result === INCOMPLETE) return 'incomplete';
  return result < 0 ? faultName(result) : result - before;
}

const get = (...fields: string[]): string => ['GET / HTTP/1.1', 'Host: a', ...fields, '', ''].join('\r\n');

describe('what is found in a request head', () => {
  interface Found {
    readonly method: string;
    readonly target: string;
    readonly minorVersion: number;
    readonly contentLength: number;
    readonly chunked: boolean;
    readonly connectionClose: boolean;
    readonly connectionKeepAlive: boolean;
    readonly expectContinue: boolean;
    readonly upgrade: boolean;
    readonly acceptsTrailers: boolean;
    readonly host: number;
    readonly count: number;
  }
  const PLAIN_GET: Found = {
    method: 'GET',
    target: '/',
    minorVersion: 1,
    contentLength: -1,
    chunked: false,
    connectionClose: false,
    connectionKeepAlive: false,
    expectContinue: false,
    upgrade: false,
    acceptsTrailers: false,
    host: 0,
    count: 1,
  };
  const cases: readonly (readonly [name: string, text: string, found: Partial<Found>])[] = [
    ['no more than a Host', get(), {}],
    ['method and target', 'M-SEARCH /a?b=%20 HTTP/1.1\r\nHost: a\r\n\r\n', { method: 'M-SEARCH', target: '/a?b=%20' }],
    ['the place of Host', 'GET / HTTP/1.1\r\nX: y\r\nhost: a\r\n\r\n', { host: 1, count: 2 }],
    ['HTTP/1.0', 'GET / HTTP/1.0\r\n\r\n', { minorVersion: 0, host: -1, count: 0 }],
    ['a length', get('Content-Length: 0012'), { contentLength: 12, count: 2 }],
    ['the largest length', get('Content-Length: 999999999999999'), { contentLength: 999_999_999_999_999, count: 2 }],
    ['the chunked coding', get('Transfer-Encoding: Chunked'), { chunked: true, count: 2 }],
    ['close', get('Connection: close'), { connectionClose: true, count: 2 }],
    ['close in a list', get('Connection: x,\tCLOSE ,y'), { connectionClose: true, count: 2 }],
    [
      'keep-alive and close in two fields',
      get('Connection: keep-alive', 'Connection: close'),
      { connectionClose: true, connectionKeepAlive: true, count: 3 },
    ],
    ['no close in another word', get('Connection: closed, xclose, close\xa0'), { count: 2 }],
    ['an expectation', get('Expect: 100-Continue'), { expectContinue: true, count: 2 }],
    ['no expectation in HTTP/1.0', 'GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n', { minorVersion: 0, host: -1 }],
    ['an upgrade', get('Upgrade: websocket'), { upgrade: true, count: 2 }],
    ['that trailers are taken', get('TE: gzip;q=0.5, Trailers'), { acceptsTrailers: true, count: 2 }],
    ['that trailers are not taken', get('TE: trailers2, xtrailers'), { count: 2 }],
  ];
  for (const [name, text, found] of cases) {
    it(name, () => {
      assert.equal(parse(text), text.length);
      const { methodEnd, targetStart, targetEnd } = parsed;
      assert.partialDeepStrictEqual(
        { ...parsed, method: text.slice(0, methodEnd), target: text.slice(targetStart, targetEnd) },
        { ...PLAIN_GET, ...found },
      );
    });
  }
});

describe('a request head is refused by the rule of', () => {
  const cases: readonly (readonly [rule: string, text: string, fault: RequestFault])[] = [
    ['RFC 9112 §3, method: a token', 'G@T / HTTP/1.1\r\n', 'bad_request_line'],
    ['RFC 9112 §3, method: not empty', ' / HTTP/1.1\r\n', 'bad_request_line'],
    [
      'RFC 9112 §3, method: not longer than any that is known',
      `${'A'.repeat(33)} / HTTP/1.1\r\n`,
      'method_not_implemented',
    ],
    ['RFC 9112 §3, one space and no other', 'GET  / HTTP/1.1\r\n', 'bad_request_line'],
    ['RFC 9112 §3, no tab for a space', 'GET\t/ HTTP/1.1\r\n', 'bad_request_line'],
    ['RFC 9112 §3, no space at the end', 'GET / HTTP/1.1 \r\n', 'bad_request_line'],
    ['RFC 9112 §3.2, target: no control characters', 'GET /\x07 HTTP/1.1\r\n', 'bad_target'],
    ['RFC 9112 §3.2, target: ASCII', 'GET /\xe9 HTTP/1.1\r\n', 'bad_target'],
    ['RFC 9112 §3, target: bounded', `GET /${'a'.repeat(8_192)} HTTP/1.1\r\n`, 'target_too_long'],
    ['RFC 9112 §2.3, version: HTTP in capitals', 'GET / http/1.1\r\n', 'bad_request_line'],
    ['RFC 9112 §2.3, version: digit, dot, digit', 'GET / HTTP/1.1.1\r\n', 'bad_request_line'],
    ['RFC 9110 §2.5, version: one that we speak', 'GET / HTTP/1.2\r\n', 'http_version'],
    ['RFC 9110 §2.5, version: no other major one', 'GET / HTTP/2.0\r\n', 'http_version'],
    ['RFC 9112 §2.2, no bare LF', 'GET / HTTP/1.1\nHost: a\r\n\r\n', 'bad_request_line'],
    ['RFC 9112 §2.2, no bare CR', 'GET / HTTP/1.1\rHost: a\r\n\r\n', 'bad_request_line'],
    ['RFC 9112 §2.2, no space before the first field', 'GET / HTTP/1.1\r\n Host: a\r\n\r\n', 'bad_header'],
    ['RFC 9112 §5.1, no space before the colon', get('X : y'), 'bad_header'],
    ['RFC 9112 §5.2, no folded lines', get('X: y', ' z'), 'bad_header'],
    ['RFC 9110 §5.1, names are tokens', get('X(y): z'), 'bad_header'],
    ['RFC 9110 §5.1, names are not empty', get(': z'), 'bad_header'],
    ['RFC 9110 §5.5, values hold no NUL', get('X: a\0b'), 'bad_header'],
    ['RFC 9110 §5.5, values hold no bare CR', get('X: a\rb'), 'bad_header'],
    ['RFC 9110 §5.5, values hold no bare LF', get('X: a\nb'), 'bad_header'],
    ['RFC 9110 §5.5, values hold no control characters', get('X: a\x0bb'), 'bad_header'],
    ['RFC 6585 §5, lines are bounded', get(`X: ${'y'.repeat(8_190)}`), 'header_too_large'],
    ['RFC 6585 §5, names are bounded', get('x'.repeat(8_193)), 'header_too_large'],
    ['RFC 6585 §5, the number of fields is bounded', get(...Array<string>(100).fill('X: y')), 'header_too_large'],
    ['RFC 6585 §5, the head is bounded', get(...Array<string>(9).fill(`X: ${'y'.repeat(4_000)}`)), 'header_too_large'],
    ['RFC 9112 §3.2, there is a Host', 'GET / HTTP/1.1\r\n\r\n', 'bad_host'],
    ['RFC 9112 §3.2, there is one Host', get('Host: a'), 'bad_host'],
    ['RFC 9112 §3.2, there is one Host in HTTP/1.0 too', 'GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n', 'bad_host'],
    ['RFC 9110 §8.6, a length is digits', get('Content-Length: 1a'), 'bad_content_length'],
    ['RFC 9110 §8.6, a length has no sign', get('Content-Length: +1'), 'bad_content_length'],
    ['RFC 9110 §8.6, a length is not empty', get('Content-Length: '), 'bad_content_length'],
    [
      'RFC 9110 §8.6, a length is a number that can be counted',
      get('Content-Length: 1000000000000000'),
      'bad_content_length',
    ],
    ['RFC 9110 §8.6, a length is no list', get('Content-Length: 1, 1'), 'bad_content_length'],
    ['RFC 9112 §6.3, there is one length', get('Content-Length: 1', 'Content-Length: 1'), 'ambiguous_framing'],
    [
      'RFC 9112 §6.3, no length beside a coding',
      get('Content-Length: 1', 'Transfer-Encoding: chunked'),
      'ambiguous_framing',
    ],
    [
      'RFC 9112 §6.3, no coding beside a length',
      get('Transfer-Encoding: chunked', 'Content-Length: 1'),
      'ambiguous_framing',
    ],
    ['RFC 9112 §6.1, chunked once', get('Transfer-Encoding: chunked, chunked'), 'ambiguous_framing'],
    [
      'RFC 9112 §6.1, chunked in one field',
      get('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'),
      'ambiguous_framing',
    ],
    ['RFC 9112 §6.1, chunked last', get('Transfer-Encoding: chunked, gzip'), 'ambiguous_framing'],
    ['RFC 9112 §6.1, chunked at all', get('Transfer-Encoding: identity'), 'ambiguous_framing'],
    ['RFC 9112 §6.1, no coding that is not implemented', get('Transfer-Encoding: gzip, chunked'), 'transfer_coding'],
    [
      'RFC 9112 §6.1, no coding in HTTP/1.0',
      'GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n',
      'ambiguous_framing',
    ],
    ['caution, no tab beside chunked', get('Transfer-Encoding: chunked\t'), 'ambiguous_framing'],
    ['caution, no tab before chunked', get('Transfer-Encoding:\tchunked'), 'ambiguous_framing'],
    ['RFC 9110 §10.1.1, no other expectation', get('Expect: 200-ok'), 'expectation_failed'],
    ['RFC 9110 §10.1.1, no second expectation', get('Expect: 100-continue', 'Expect: x'), 'expectation_failed'],
    ['RFC 1945 §8.3, a POST of HTTP/1.0 has a length', 'POST / HTTP/1.0\r\n\r\n', 'length_required'],
  ];
  for (const [rule, text, fault] of cases) it(rule, () => assert.equal(parse(text), fault));
});

describe('a head that is not complete', () => {
  it('is told as that at every length, and never as a fault', () => {
    const whole = get('X: y', 'Transfer-Encoding: chunked', 'Connection: x');
    for (let length = 0; length < whole.length; length++)
      assert.equal(parse(whole.slice(0, length)), 'incomplete', `${length} bytes`);
    assert.equal(parse(whole), whole.length);
  });

  it('is too large as soon as it has the size that no complete one may have', () => {
    const limits = { line_bytes: 100, head_bytes: 64, fields: 10 };
    const text = get('X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy');
    assert.equal(parse(text.slice(0, 63), limits), 'incomplete');
    assert.equal(parse(text.slice(0, 64), limits), 'header_too_large');
  });

  it('of exactly the bytes that are allowed is complete', () => {
    const text = get('X: y');
    assert.equal(parse(text, { line_bytes: 100, head_bytes: text.length, fields: 2 }), text.length);
    assert.equal(parse(text, { line_bytes: 100, head_bytes: text.length - 1, fields: 2 }), 'header_too_large');
  });
});

it('a fault keeps its name: the numbers of the parser are those of the table', () => {
  assert.equal(faultName(-13), 'length_required');
  assert.equal(faultName(-99), 'internal');
});
