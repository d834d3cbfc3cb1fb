/** Messages made from the grammar, right ones and nearly right ones: bodies fit their framing more often than mutation leaves it so. */
import type { Random } from './random.ts';

function one(random: Random, ...from: readonly string[]): string {
  return from[Math.floor(random() * from.length)] ?? '';
}

const below = (random: Random, bound: number): number => Math.floor(random() * bound);

const FIELDS = [
  'Accept: */*',
  'Cookie: a=1',
  'X: y',
  'X:',
  'X: \t z \t',
  'Connection: keep-alive',
  'Connection: x',
  'Connection: close',
  'Connection: X, Cookie',
  'Keep-Alive: 5',
  'TE: trailers',
  'Trailer: X',
  'Upgrade: h2c',
  'Expect: 100-continue',
  'Via: 1.0 b',
  'X-Forwarded-For: 1',
  'Forwarded: for=1',
  'Proxy: x',
  'Date: now',
  'Server: s',
  'Content-Type: text/plain',
  'Content-Encoding: gzip',
  'Set-Cookie: a=b',
  'Transfer_Encoding: chunked',
  'X-Real-IP: 1',
  'Proxy-Connection: keep-alive',
  'Authorization: x',
];

function fields(random: Random): string {
  let lines = '';
  for (let k = below(random, 5); k > 0; k--) lines += `${one(random, ...FIELDS)}\r\n`;
  return lines;
}

/** Data that looks like protocol. */
function data(random: Random): string {
  return one(
    random,
    '',
    'a',
    'hello',
    '0\r\n\r\n',
    'GET /x HTTP/1.1\r\nHost: a\r\n\r\n',
    'HTTP/1.1 200 OK\r\n\r\n',
    '\r\n',
    '\0\xff',
    'x'.repeat(below(random, 3000)),
  );
}

function chunks(random: Random): string {
  let text = '';
  for (let k = below(random, 4); k > 0; k--) {
    const content = data(random);
    if (content === '') continue;
    const digits = one(
      random,
      content.length.toString(16),
      content.length.toString(16).toUpperCase(),
      `0${content.length.toString(16)}`,
    );
    text += `${digits}${one(random, '', '', '', ';a', ';a=b', ';a="b"', '; a', ' ', ';')}\r\n${content}\r\n`;
  }
  return `${text}${one(random, '0', '0', '00', '0;x')}\r\n${one(random, '', '', '', 'X: y\r\n', 'X:\r\nY: z\r\n', 'Content-Length: 1\r\n')}\r\n`;
}

function framedBody(random: Random, isRequest: boolean): string {
  const content = data(random);
  switch (below(random, 10)) {
    case 0:
    case 1:
    case 2:
      return `${fields(random)}Content-Length: ${content.length}\r\n\r\n${content}`;
    case 3:
    case 4:
    case 5:
      return `${one(random, 'Transfer-Encoding: chunked', 'transfer-encoding:CHUNKED')}\r\n${fields(random)}\r\n${chunks(random)}`;
    case 6:
      // Wrong by a little, both ways.
      return `Content-Length: ${Math.max(0, content.length + below(random, 5) - 2)}\r\n${fields(random)}\r\n${content}`;
    case 7:
      return `Content-Length: ${content.length}\r\nTransfer-Encoding: ${one(random, 'chunked', 'identity', 'xchunked')}\r\n\r\n${chunks(random)}`;
    default:
      return `${fields(random)}\r\n${isRequest ? '' : content}`;
  }
}

/** One to four requests on one connection. */
export function generateRequests(random: Random): string {
  let text = '';
  for (let k = 1 + below(random, 4); k > 0; k--) {
    const method = one(random, 'GET', 'GET', 'POST', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'DELETE', 'PURGE', 'get');
    const target = one(random, '/', '/a?b', '/%41', '//x', '/a/../b', 'http://b/x', '*', '/a%2fb', '/\\', 'b:80', '/#');
    const version = one(random, '1', '1', '1', '1', '1', '0');
    const host = one(
      random,
      'Host: a\r\n',
      'Host: a\r\n',
      'Host: a\r\n',
      'host:a:80\r\n',
      'Host: [::1]\r\n',
      '',
      'Host:\r\n',
    );
    text += `${one(random, '', '', '', '\r\n')}${method} ${target} HTTP/1.${version}\r\n${host}${framedBody(random, true)}`;
  }
  return text;
}

/** Perhaps interim responses, a final one, perhaps more than that. */
export function generateResponse(random: Random): string {
  let text = '';
  for (let k = below(random, 3); k > 0; k--)
    text += one(random, '', 'HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n');
  const status = one(random, '200', '200', '200', '204', '304', '404', '500', '599', '101', '205');
  const reason = one(random, ' OK', ' ', '', ' a b\xe9');
  text += `HTTP/1.${one(random, '1', '1', '1', '0')} ${status}${reason}\r\n${framedBody(random, false)}`;
  return text + one(random, '', '', '', '', 'HTTP/1.1 200 OK\r\n\r\n', 'x');
}
