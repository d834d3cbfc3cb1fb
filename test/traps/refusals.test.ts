import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onlyHttp1 } from '../client/speaking.ts';
import { ERRORS, type ErrorCode } from '../../src/sdk/errors.ts';
import { valueOf } from './message.ts';
import { inLab } from './lab.ts';
import { answering, manual, ok } from './scripted-upstream.ts';

const HOST = 'Host: a\r\n';
const post = (fields: string, body = ''): string => `POST / HTTP/1.1\r\n${HOST}${fields}\r\n${body}`;
const get = (fields: string): string => `GET / HTTP/1.1\r\n${fields}\r\n`;
const line = (text: string): string => `${text}\r\n${HOST}\r\n`;
const CHUNKS = '5\r\nhello\r\n0\r\n\r\n';

const REQUESTS: readonly (readonly [name: string, code: ErrorCode, request: string])[] = [
  [
    'Content-Length with Transfer-Encoding',
    'ambiguous_framing',
    post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', CHUNKS),
  ],
  [
    'Transfer-Encoding with Content-Length',
    'ambiguous_framing',
    post('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', CHUNKS),
  ],
  ['differing Content-Lengths', 'ambiguous_framing', post('Content-Length: 5\r\nContent-Length: 6\r\n', 'hello')],
  ['a repeated Content-Length', 'ambiguous_framing', post('Content-Length: 5\r\nContent-Length: 5\r\n', 'hello')],
  ['a list as Content-Length', 'bad_content_length', post('Content-Length: 5, 5\r\n', 'hello')],
  ['a signed Content-Length', 'bad_content_length', post('Content-Length: +5\r\n', 'hello')],
  ['a negative Content-Length', 'bad_content_length', post('Content-Length: -5\r\n', 'hello')],
  ['a hexadecimal Content-Length', 'bad_content_length', post('Content-Length: 0x5\r\n', 'hello')],
  ['an empty Content-Length', 'bad_content_length', post('Content-Length:\r\n', 'hello')],
  ['a Content-Length beyond all numbers', 'bad_content_length', post('Content-Length: 99999999999999999999\r\n')],
  ['another transfer coding', 'ambiguous_framing', post('Transfer-Encoding: gzip\r\n', CHUNKS)],
  ['a transfer coding before chunked', 'transfer_coding', post('Transfer-Encoding: gzip, chunked\r\n', CHUNKS)],
  ['chunked that is not last', 'ambiguous_framing', post('Transfer-Encoding: chunked, gzip\r\n', CHUNKS)],
  ['chunked twice', 'ambiguous_framing', post('Transfer-Encoding: chunked, chunked\r\n', CHUNKS)],
  [
    'chunked in two fields',
    'ambiguous_framing',
    post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', CHUNKS),
  ],
  ['chunked with a suffix', 'ambiguous_framing', post('Transfer-Encoding: xchunked\r\n', CHUNKS)],
  ['chunked with a parameter', 'ambiguous_framing', post('Transfer-Encoding: chunked;q=1\r\n', CHUNKS)],
  ['chunked in quotes', 'ambiguous_framing', post('Transfer-Encoding: "chunked"\r\n', CHUNKS)],
  ['an empty Transfer-Encoding', 'ambiguous_framing', post('Transfer-Encoding:\r\n', CHUNKS)],
  ['chunked in HTTP/1.0', 'ambiguous_framing', post('Transfer-Encoding: chunked\r\n', CHUNKS).replace('1.1', '1.0')],
  ['obs-fold', 'bad_header', get(`${HOST}X-Folded: a\r\n b\r\n`)],
  ['obs-fold by a tab', 'bad_header', get(`${HOST}X-Folded: a\r\n\tb\r\n`)],
  ['space before the first field', 'bad_header', get(` X: y\r\n${HOST}`)],
  ['space before the colon', 'bad_header', get(`${HOST}X-Spaced : a\r\n`)],
  ['tab before the colon', 'bad_header', get(`${HOST}X-Spaced\t: a\r\n`)],
  ['space before the colon of Content-Length', 'bad_header', post('Content-Length : 5\r\n', 'hello')],
  ['a field without colon', 'bad_header', get(`${HOST}nothing\r\n`)],
  ['a field without name', 'bad_header', get(`${HOST}: value\r\n`)],
  ['a bare CR in a value', 'bad_header', get(`${HOST}X: a\rb\r\n`)],
  ['a bare LF in a value', 'bad_header', get(`${HOST}X: a\nY: b\r\n`)],
  ['a bare LF as line end', 'bad_header', `GET / HTTP/1.1\r\nHost: a\n\r\n`],
  ['a bare LF as the end of the head', 'bad_header', `GET / HTTP/1.1\r\nHost: a\r\n\n`],
  ['a bare CR as line end', 'bad_header', get(`Host: a\rX: y\r\n`)],
  ['NUL in a value', 'bad_header', get(`${HOST}X: a\0b\r\n`)],
  ['NUL in a name', 'bad_header', get(`${HOST}X\0Y: a\r\n`)],
  ['a control character in a value', 'bad_header', get(`${HOST}X: a\x01b\r\n`)],
  ['DEL in a value', 'bad_header', get(`${HOST}X: a\x7fb\r\n`)],
  ['parentheses in a name', 'bad_header', get(`${HOST}X(Y): a\r\n`)],
  ['a name beyond ASCII', 'bad_header', get(`${HOST}X\xe9: a\r\n`)],
  ['a method in brackets', 'bad_request_line', line('G[T] / HTTP/1.1')],
  ['no method', 'bad_request_line', line(' / HTTP/1.1')],
  ['a method of any length', 'method_not_implemented', line(`${'M'.repeat(40)} / HTTP/1.1`)],
  ['no target', 'bad_request_line', line('GET  HTTP/1.1')],
  ['neither target nor version', 'bad_request_line', line('GET')],
  ['HTTP/0.9', 'bad_target', 'GET /\r\n'],
  ['a space in the target', 'bad_request_line', line('GET /a b HTTP/1.1')],
  ['a tab in the target', 'bad_target', line('GET /a\tb HTTP/1.1')],
  ['bytes beyond ASCII in the target', 'bad_target', line('GET /\xe9 HTTP/1.1')],
  ['NUL in the target', 'bad_target', line('GET /\0 HTTP/1.1')],
  ['a target without slash', 'bad_target', line('GET x HTTP/1.1')],
  ['a fragment in the target', 'bad_target', line('GET /a#b HTTP/1.1')],
  ['a target of https without TLS', 'misdirected', line('GET https://a/ HTTP/1.1')],
  ['a target of HTTPS without TLS', 'misdirected', line('GET HTTPS://a/ HTTP/1.1')],
  ['an asterisk without OPTIONS', 'bad_target', line('GET * HTTP/1.1')],
  ['two spaces before the version', 'bad_request_line', line('GET /  HTTP/1.1')],
  ['a lower-case version', 'bad_request_line', line('GET / http/1.1')],
  ['a version of two digits', 'bad_request_line', line('GET / HTTP/1.10')],
  ['something behind the version', 'bad_request_line', line('GET / HTTP/1.1 ')],
  ['HTTP/1.2', 'http_version', line('GET / HTTP/1.2')],
  ['HTTP/2.0', 'http_version', line('GET / HTTP/2.0')],
  ['the preface of HTTP/2', 'http_version', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['a TLS hello', 'bad_request_line', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['no Host', 'bad_host', get('')],
  ['two Hosts', 'bad_host', get('Host: a\r\nHost: b\r\n')],
  ['the same Host twice', 'bad_host', get('Host: a\r\nHost: a\r\n')],
  ['an empty Host', 'bad_host', get('Host:\r\n')],
  ['a Host with user information', 'bad_host', get('Host: user@a\r\n')],
  ['a Host with a path', 'bad_host', get('Host: a/b\r\n')],
  ['a Host with a space', 'bad_host', get('Host: a b\r\n')],
  ['a list of Hosts', 'bad_host', get('Host: a, b\r\n')],
  ['a Host with a port that is none', 'bad_host', get('Host: a:http\r\n')],
  ['a Host with a port above 65535', 'bad_host', get('Host: a:65536\r\n')],
  ['a Host with half an IPv6 address', 'bad_host', get('Host: [::1\r\n')],
  ['a Host with no IPv6 address in brackets', 'bad_host', get('Host: [a]\r\n')],
  ['another expectation', 'expectation_failed', post('Content-Length: 5\r\nExpect: 200-ok\r\n')],
  ['two expectations', 'expectation_failed', post('Content-Length: 5\r\nExpect: 100-continue, x\r\n')],
  ['a POST of HTTP/1.0 without length', 'length_required', 'POST / HTTP/1.0\r\n\r\n'],
  ['a chunk size that is none', 'bad_chunk', post('Transfer-Encoding: chunked\r\n', 'x\r\n')],
  ['a chunk size with a sign', 'bad_chunk', post('Transfer-Encoding: chunked\r\n', '+5\r\nhello\r\n')],
  ['a chunk size with 0x', 'bad_chunk', post('Transfer-Encoding: chunked\r\n', '0x5\r\nhello\r\n')],
  ['a chunk size with a space', 'bad_chunk', post('Transfer-Encoding: chunked\r\n', '5 \r\nhello\r\n')],
  ['a chunk size beyond all numbers', 'bad_chunk', post('Transfer-Encoding: chunked\r\n', 'fffffffffffffffff\r\n')],
  ['no chunk size', 'bad_chunk', post('Transfer-Encoding: chunked\r\n', '\r\nhello\r\n')],
  ['a bare LF behind a chunk size', 'bad_chunk', post('Transfer-Encoding: chunked\r\n', '5\nhello\r\n')],
  ['a chunk longer than its size', 'bad_chunk', post('Transfer-Encoding: chunked\r\n', '4\r\nhello\r\n')],
  ['a bare LF behind a chunk', 'bad_chunk', post('Transfer-Encoding: chunked\r\n', '5\r\nhello\n')],
  ['a control character in a chunk extension', 'bad_chunk', post('Transfer-Encoding: chunked\r\n', '5;a\x01\r\n')],
  ['a chunk extension without bound', 'bad_chunk', post('Transfer-Encoding: chunked\r\n', `5;${'e'.repeat(300)}`)],
  ['trailers without bound', 'bad_chunk', post('Transfer-Encoding: chunked\r\n', `0\r\nX: ${'t'.repeat(9_000)}`)],
  ['a malformed trailer', 'bad_chunk', post('Transfer-Encoding: chunked\r\n', '0\r\nX Y: z\r\n\r\n')],
];

for (const [name, code, request] of REQUESTS) {
  test(
    `a request with ${name} is refused with ${ERRORS[code].status} ${code} and a closed connection`,
    onlyHttp1('what can be wrong with a request of HTTP/2: test/http2/protocol.test.ts'),
    inLab({ upstreams: [answering(ok('let through'))] }, async (lab) => {
      const client = await lab.connect();
      client.write(request);
      const answer = await client.receive('response');
      assert.equal(`${answer.status} ${valueOf(answer, 'X-Gatewright-Error')}`, `${ERRORS[code].status} ${code}`);
      // What follows in the connection is of unknown meaning: it is never answered.
      client.write('GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n');
      assert.equal(valueOf(answer, 'Connection'), 'close');
      assert.notEqual(await client.whenOver(), 'open');
      assert.equal(client.text, '');
      for (const upstream of lab.node.connections) {
        assert.doesNotMatch(upstream.text, /smuggled/);
        assert.ok(code === 'bad_chunk', 'nothing of a refused head reaches the upstream');
      }
    }),
  );
}

const response = (fields: string, body = ''): string => `HTTP/1.1 200 OK\r\n${fields}\r\n${body}`;

const RESPONSES: readonly (readonly [name: string, response: string])[] = [
  ['Content-Length with Transfer-Encoding', response('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', CHUNKS)],
  ['differing Content-Lengths', response('Content-Length: 5\r\nContent-Length: 6\r\n', 'hello')],
  ['a repeated Content-Length', response('Content-Length: 5\r\nContent-Length: 5\r\n', 'hello')],
  ['a malformed Content-Length', response('Content-Length: 5x\r\n', 'hello')],
  ['a negative Content-Length', response('Content-Length: -1\r\n', 'hello')],
  ['another transfer coding', response('Transfer-Encoding: gzip\r\n', 'hello')],
  ['a transfer coding before chunked', response('Transfer-Encoding: gzip, chunked\r\n', CHUNKS)],
  ['chunked that is not last', response('Transfer-Encoding: chunked, identity\r\n', CHUNKS)],
  ['chunked in HTTP/1.0', response('Transfer-Encoding: chunked\r\n', CHUNKS).replace('1.1', '1.0')],
  ['obs-fold', response('X: a\r\n b\r\nContent-Length: 0\r\n')],
  ['space before the colon', response('Content-Length : 0\r\n')],
  ['a bare LF as line end', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n'],
  ['a bare CR in a value', response('X: a\rb\r\nContent-Length: 0\r\n')],
  ['NUL in a value', response('X: a\0b\r\nContent-Length: 0\r\n')],
  ['an invalid name', response('X(Y): a\r\nContent-Length: 0\r\n')],
  ['NUL in the reason phrase', 'HTTP/1.1 200 O\0K\r\nContent-Length: 0\r\n\r\n'],
  ['a status of two digits', 'HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n'],
  ['a status of four digits', 'HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n'],
  ['a status below 100', 'HTTP/1.1 099 No\r\nContent-Length: 0\r\n\r\n'],
  ['a status above 599', 'HTTP/1.1 600 No\r\nContent-Length: 0\r\n\r\n'],
  ['a version that nobody speaks', 'HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ['no status line', 'Content-Length: 0\r\n\r\n'],
  ['the banner of another protocol', 'SSH-2.0-OpenSSH_9.2\r\n'],
  [
    'a switch of protocols that nobody asked for',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n',
  ],
  ['a head without bound', `HTTP/1.1 200 OK\r\n${`X-Long: ${'v'.repeat(1_000)}\r\n`.repeat(140)}`],
  ['fields without number', `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(600)}`],
  ['a line without bound', `HTTP/1.1 200 OK\r\nX: ${'v'.repeat(70_000)}`],
  ['a malformed chunk right behind its head', response('Transfer-Encoding: chunked\r\n', 'nonsense\r\n')],
];

for (const [name, answer] of RESPONSES) {
  test(
    `a response with ${name} becomes 502 upstream_malformed, its connection is never used again, the client's is`,
    inLab({ upstreams: [answering(answer)] }, async (lab) => {
      const client = await lab.connect();
      for (let k = 0; k < 2; k++) {
        client.write(get(HOST));
        const seen = await client.receive('response');
        assert.equal(`${seen.status} ${valueOf(seen, 'X-Gatewright-Error')}`, '502 upstream_malformed');
        assert.equal(valueOf(seen, 'Connection'), undefined);
        await (await lab.node.connection(k)).whenOver();
      }
      assert.equal(lab.node.connections.length, 2);
      assert.equal(lab.worker.counts.idleUpstreams, 0);
    }),
  );
}

test(
  'a malformed chunk in mid-response aborts the connection of the client: it is no clean end',
  inLab({ upstreams: [manual] }, async (lab) => {
    const client = await lab.connect();
    client.write(get(HOST));
    const upstream = await lab.node.connection(0);
    await upstream.receive('request');
    upstream.write(response('Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n'));
    await client.take('hello\r\n');
    upstream.write('nonsense\r\n0\r\n\r\n');
    assert.equal(await client.whenOver(), 'reset');
    assert.equal(client.text, '');
    const [logged] = await lab.logged(1);
    assert.equal(logged?.errorCode, 'upstream_malformed');
    await upstream.whenOver();
  }),
);

for (const method of ['CONNECT', 'TRACE']) {
  test(
    `${method} is refused with 501, and nothing that follows is taken for a request`,
    onlyHttp1('what follows is another stream'),
    inLab({ upstreams: [answering(ok('let through'))] }, async (lab) => {
      for (const target of ['a:443', '/', 'http://a/']) {
        const client = await lab.connect();
        client.write(`${method} ${target} HTTP/1.1\r\nHost: a\r\n\r\nGET /tunnelled HTTP/1.1\r\nHost: a\r\n\r\n`);
        const answer = await client.receive('response');
        assert.equal(`${answer.status} ${valueOf(answer, 'X-Gatewright-Error')}`, '501 method_not_implemented');
        await client.whenOver();
        assert.equal(client.text, '');
      }
      assert.equal(lab.node.connections.length, 0);
    }),
  );
}
