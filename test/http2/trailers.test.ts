/** What comes behind a body reaches clients of HTTP/2, whose frames have a place for it (RFC 9113 §8.1). */
import assert from 'node:assert/strict';
import http2 from 'node:http2';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { passableTrailers } from '../../src/http1/trailers.ts';
import { inLab, type Lab } from '../traps/lab.ts';
import { answering } from '../traps/scripted-upstream.ts';

const settings = { http: [{ address: '127.0.0.1', port: 0, http2: true }] };

function chunked(body: string, trailers: string, status = '200 OK'): string {
  const chunk = body === '' ? '' : `${body.length.toString(16)}\r\n${body}\r\n`;
  return `HTTP/1.1 ${status}\r\nTransfer-Encoding: chunked\r\nTrailer: Grpc-Status\r\n\r\n${chunk}0\r\n${trailers}\r\n`;
}

interface Answer {
  readonly headers: http2.IncomingHttpHeaders;
  readonly body: string;
  readonly trailers: http2.IncomingHttpHeaders | undefined;
}

async function ask(lab: Lab, headers: http2.OutgoingHttpHeaders = {}): Promise<Answer> {
  const session = http2.connect(`http://127.0.0.1:${lab.port}`);
  try {
    const stream = session.request({ ':path': '/', ...headers });
    let head: http2.IncomingHttpHeaders = {};
    let trailers: http2.IncomingHttpHeaders | undefined;
    stream.on('response', (fields) => (head = fields));
    stream.on('trailers', (fields) => (trailers = fields));
    const body = (await buffer(stream)).toString();
    return { headers: head, body, trailers };
  } finally {
    session.destroy();
  }
}

const GRPC = 'Grpc-Status: 0\r\ngrpc-message:  fine \t\r\nX-Sum: abc\r\n';
const PASSED = { 'grpc-status': '0', 'grpc-message': 'fine', 'x-sum': 'abc' };

const CASES: readonly (readonly [what: string, body: string, trailers: string, expected: object | undefined])[] = [
  ['behind a body', 'hello', GRPC, PASSED],
  ['without a body', '', GRPC, PASSED],
  ['behind a large body', 'x'.repeat(100_000), GRPC, PASSED],
  ['that are none', 'hello', '', undefined],
  ['that stand for nothing but framing and credentials', 'hello', 'Set-Cookie: a=b\r\nConnection: x\r\n', undefined],
  ['of which some may not go on', 'hello', `Host: b.test\r\n${GRPC}X-Forwarded-For: 10.0.0.1\r\n`, PASSED],
];
for (const [what, body, trailers, expected] of CASES) {
  test(
    `trailers ${what} come as they should`,
    inLab({ upstreams: [answering(chunked(body, trailers))], settings }, async (lab) => {
      const answer = await ask(lab);
      assert.equal(answer.body, body);
      assert.equal(answer.headers.trailer, 'Grpc-Status');
      assert.equal(answer.headers['transfer-encoding'], undefined);
      // Without the symbol that Node.js adds.
      assert.deepEqual(answer.trailers && Object.fromEntries(Object.entries(answer.trailers)), expected);
    }),
  );
}

test(
  'two requests on one upstream connection do not share their trailers',
  inLab(
    {
      upstreams: [answering(({ startLine }) => chunked('hello', startLine.includes('/first') ? 'X-First: 1\r\n' : ''))],
      settings,
    },
    async (lab) => {
      assert.equal((await ask(lab, { ':path': '/first' })).trailers?.['x-first'], '1');
      assert.equal((await ask(lab, { ':path': '/second' })).trailers, undefined);
      assert.equal(lab.node.connections.length, 1);
    },
  ),
);

test(
  'an answer that never has a body has no trailers either',
  inLab({ upstreams: [answering('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')], settings }, async (lab) => {
    const answer = await ask(lab, { ':method': 'HEAD' });
    assert.deepEqual([answer.body, answer.trailers], ['', undefined]);
  }),
);

test('what frames, routes or authenticates does not pass as a trailer, in whatever case it is written', () => {
  assert.equal(passableTrailers('CONTENT-Length: 1\r\nA: b\r\nX-Real-IP: 1\r\nAuthorization: c\r\n'), 'A: b\r\n');
  assert.equal(passableTrailers(''), '');
});
