/**
 * What of a request in HTTP/2 reaches an upstream that speaks HTTP/1.1, to the byte: nothing of one that is refused, and nothing of anybody's choosing
 * between two requests (RFC 9113 §8.2, §8.3, §10.3).
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as h2 from '../../src/http2/protocol.ts';
import { inLab, type Lab } from '../traps/lab.ts';
import { answering, ok, type Script } from '../traps/scripted-upstream.ts';
import { blockOf, type Fields, frame, FrameClient, GET, POST } from './frame-client.ts';

const HTTP2 = { http: [{ address: '127.0.0.1', port: 0, http2: true }] };

/** Whatever an upstream got, in the order in which it came, on whichever connection. */
class Seen {
  text = '';
  readonly script: Script = (connection, index) => {
    connection.socket.prependListener('data', (bytes: Buffer) => {
      this.text += bytes.toString('latin1');
    });
    return answering(ok('hello'))(connection, index);
  };
}

function recorded(body: (client: FrameClient, record: Seen, lab: Lab) => Promise<void>): () => Promise<void> {
  const record = new Seen();
  return inLab({ upstreams: [record.script], settings: HTTP2 }, async (lab) => {
    record.text = '';
    const client = await FrameClient.open(lab.port);
    try {
      await body(client, record, lab);
    } finally {
      client.end();
    }
  });
}

/** What ordinary requests look like to the upstream, one after the other, is all that it may ever see. */
async function goodOne(client: FrameClient, stream: number): Promise<void> {
  client.request(stream);
  await client.until((each) => each.isEnded(stream), `the answer to a good request on stream ${stream}`);
}

/** The usual pseudo fields with others in the place of some, and further fields. */
function fields(changed: Readonly<Changed>, ...more: Fields): Fields {
  const pseudo = GET.map(([name, value]) => [name, changed[name] ?? value] as const);
  return [...pseudo, ...more];
}
type Changed = { readonly [name: string]: string };

/** How a request can be refused: by RST_STREAM with PROTOCOL_ERROR, which an answer may precede, or by an answer alone. */
type Refusal = 'malformed' | 400 | 414 | 417 | 431 | 501;

const SMUGGLED = 'GET /evil HTTP/1.1\r\nHost: a.test\r\n\r\n';

const REFUSED: readonly (readonly [what: string, fields: Fields, refusal: Refusal])[] = [
  ...[
    ['CR and LF', '\r\n'],
    ['CR', '\r'],
    ['LF', '\n'],
    ['NUL', '\0'],
    ['a control character', '\x01'],
    ['DEL', '\x7f'],
  ].flatMap(([what = '', text = '']): (readonly [string, Fields, Refusal])[] => [
    [`${what} in a value`, fields({}, ['a', `b${text}x-admin: 1`]), 'malformed'],
    [`${what} at the end of a value`, fields({}, ['a', `b${text}`]), 'malformed'],
    [`${what} in a name`, fields({}, [`a${text}b`, 'c']), 'malformed'],
    [`${what} in a cookie`, fields({}, ['cookie', `a=1${text}x: y`]), 'malformed'],
    [`${what} in the method`, fields({ ':method': `GET${text}X` }), 'malformed'],
    [`${what} in the path`, fields({ ':path': `/${text}x` }), 'malformed'],
    [`${what} in the authority`, fields({ ':authority': `a.test${text}x: y` }), 'malformed'],
    [`${what} in the scheme`, fields({ ':scheme': `http${text}` }), 'malformed'],
    [`${what} in Host`, [...GET.slice(0, 3), ['host', `a.test${text}x`]], 'malformed'],
    [`${what} in Content-Length`, [...POST, ['content-length', `1${text}`]], 'malformed'],
  ]),
  ['a whole request in a value', fields({}, ['a', `b\r\n\r\n${SMUGGLED}`]), 'malformed'],
  ['a whole request in the path', fields({ ':path': `/ HTTP/1.1\r\nHost: a\r\n\r\n${SMUGGLED}` }), 'malformed'],
  ['a whole request in the method', fields({ ':method': `GET / HTTP/1.1\r\n\r\n${SMUGGLED}` }), 'malformed'],
  ['a whole request in a name', fields({}, [`a: b\r\n\r\n${SMUGGLED}`, 'c']), 'malformed'],
  ['a colon in a name', fields({}, ['transfer-encoding: chunked\r\nx', 'c']), 'malformed'],
  ['a colon at the end of a name', fields({}, ['transfer-encoding:', 'chunked']), 'malformed'],
  ['a space at the end of a name', fields({}, ['transfer-encoding ', 'chunked']), 'malformed'],
  ['a tab in a name', fields({}, ['a\tb', 'c']), 'malformed'],
  ['no name at all', fields({}, ['', 'c']), 'malformed'],
  ['a name in upper case', fields({}, ['Transfer-Encoding', 'chunked']), 'malformed'],
  ['a letter in upper case within a name', fields({}, ['content-Length', '5']), 'malformed'],
  ['a name beyond ASCII', fields({}, ['\xe4', 'c']), 'malformed'],
  ['a space before a value', fields({}, ['a', ' b']), 'malformed'],
  ['a space behind a value', fields({}, ['a', 'b ']), 'malformed'],
  ['a tab before a value', fields({}, ['a', '\tb']), 'malformed'],
  ['a space in the method', fields({ ':method': 'GET /x HTTP/1.1' }), 'malformed'],
  ['no method', fields({ ':method': '' }), 'malformed'],
  ['a method that is no token', fields({ ':method': 'GE(T' }), 'malformed'],
  ['a space in the path', fields({ ':path': '/a b' }), 400],
  ['a version in the path', fields({ ':path': '/a HTTP/1.1' }), 400],
  ['a tab in the path', fields({ ':path': '/a\tb' }), 400],
  ['bytes beyond ASCII in the path', fields({ ':path': '/\xe4' }), 400],
  ['a fragment in the path', fields({ ':path': '/a#b' }), 400],
  ['no path', fields({ ':path': '' }), 'malformed'],
  ['a path that does not begin with a slash', fields({ ':path': 'a' }), 400],
  ['a path that is an address', fields({ ':path': 'http://b.test/admin' }), 400],
  ['a path that is an address of its own host', fields({ ':path': 'http://a.test/' }), 400],
  ['an asterisk as path of a GET', fields({ ':path': '*' }), 400],
  ['an asterisk before a path', fields({ ':method': 'OPTIONS', ':path': '*/a' }), 400],
  ['a query without path', fields({ ':path': '?a' }), 400],
  ['a scheme that nobody serves', fields({ ':scheme': 'ftp' }), 'malformed'],
  ['a scheme with an address', fields({ ':scheme': 'http://a.test/' }), 'malformed'],
  ['no scheme', fields({ ':scheme': '' }), 'malformed'],
  ['userinfo in the authority', fields({ ':authority': 'user:secret@a.test' }), 400],
  ['a path in the authority', fields({ ':authority': 'a.test/admin' }), 400],
  ['a space in the authority', fields({ ':authority': 'a.test b.test' }), 400],
  ['a port that is none', fields({ ':authority': 'a.test:80x' }), 400],
  ['an authority that is empty', fields({ ':authority': '' }), 400],
  ['Host and an authority that differ', fields({}, ['host', 'b.test']), 'malformed'],
  ['Host twice', fields({}, ['host', 'a.test'], ['host', 'a.test']), 'malformed'],
  ['every pseudo field twice', [...GET, ...GET], 'malformed'],
  ...GET.map((field): readonly [string, Fields, Refusal] => [`${field[0]} twice`, [...GET, field], 'malformed']),
  ...GET.map((field): readonly [string, Fields, Refusal] => [
    `${field[0]} behind a field`,
    [...GET.filter((each) => each !== field), ['a', 'b'], field],
    'malformed',
  ]),
  ...GET.slice(0, 3).map((field): readonly [string, Fields, Refusal] => [
    `no ${field[0]}`,
    GET.filter((each) => each !== field),
    'malformed',
  ]),
  ['a pseudo field of responses', fields({}, [':status', '200']), 'malformed'],
  ['a pseudo field that nobody knows', [[':evil', '1'], ...GET], 'malformed'],
  ['a pseudo field in upper case', [[':Path', '/'], ...GET], 'malformed'],
  ['a pseudo field without name', [[':', '/'], ...GET], 'malformed'],
  ['a tunnel of another protocol', [[':method', 'CONNECT'], [':protocol', 'h2c'], ...GET.slice(1)], 501],
  ['a tunnel with a path', [[':method', 'CONNECT'], ...GET.slice(1)], 'malformed'],
  ['a tunnel', [[':method', 'CONNECT'], GET[3]!], 501],
  ['Transfer-Encoding', fields({ ':method': 'POST' }, ['transfer-encoding', 'chunked']), 'malformed'],
  ['Transfer-Encoding that means nothing', fields({}, ['transfer-encoding', 'identity']), 'malformed'],
  ['Connection', fields({}, ['connection', 'close']), 'malformed'],
  ['Connection that names a field', fields({}, ['x-a', '1'], ['connection', 'x-a']), 'malformed'],
  ['Keep-Alive', fields({}, ['keep-alive', 'timeout=5']), 'malformed'],
  ['Proxy-Connection', fields({}, ['proxy-connection', 'keep-alive']), 'malformed'],
  ['Upgrade', fields({}, ['upgrade', 'websocket']), 'malformed'],
  ['TE that names a coding', fields({}, ['te', 'gzip']), 'malformed'],
  ['TE that names a coding, too', fields({}, ['te', 'trailers, gzip']), 'malformed'],
  ['two lengths that differ', [...POST, ['content-length', '3'], ['content-length', '4']], 'malformed'],
  ['a length twice', [...POST, ['content-length', '3'], ['content-length', '3']], 'malformed'],
  ['a list of lengths', [...POST, ['content-length', '3, 3']], 400],
  ['a length with a sign', [...POST, ['content-length', '+3']], 400],
  ['a negative length', [...POST, ['content-length', '-3']], 400],
  ['a length in hexadecimal', [...POST, ['content-length', '0x3']], 400],
  ['a length with a point', [...POST, ['content-length', '3.0']], 400],
  ['an empty length', [...POST, ['content-length', '']], 400],
  ['a length beyond all numbers', [...POST, ['content-length', '99999999999999999999']], 400],
  ['a length and no body', [...GET, ['content-length', '3']], 'malformed'],
  ['an expectation that nobody knows', fields({}, ['expect', '100-continue, x']), 417],
  ['a path beyond its bound', fields({ ':path': `/${'a'.repeat(10_000)}` }), 414],
  ['more fields than their bound', fields({}, ...Array.from({ length: 200 }, (_, i) => [`x-${i}`, ''] as const)), 431],
];

describe('nothing reaches the upstream of a request with', () => {
  for (const [what, refused, refusal] of REFUSED) {
    test(
      what.replaceAll(/\s+/g, ' '),
      recorded(async (client, record) => {
        await goodOne(client, 1);
        const good = record.text;
        assert.match(good, /^GET \/ HTTP\/1\.1\r\n[^]+\r\n\r\n$/);
        client.request(3, refused);
        if (refusal === 'malformed') assert.equal(await client.resetCode(3), h2.PROTOCOL_ERROR);
        else await client.frame(h2.HEADERS, 3);
        await goodOne(client, 5);
        assert.equal(record.text, good + good);
        // The table of the compression is read in the order of the blocks.
        if (refusal !== 'malformed') {
          await client.status(1);
          assert.equal(await client.status(3), refusal);
        }
      }),
    );
  }

  const BODIES: readonly (readonly [what: string, length: string, ...pieces: string[]])[] = [
    ['less content than its length', '5', 'abc'],
    ['more content than its length', '2', 'abc'],
    ['more content than its length, which is 0', '0', SMUGGLED],
    ['more content in a second piece', '3', 'abc', SMUGGLED],
    ['no content and a length', '5', ''],
  ];
  for (const [what, length, ...pieces] of BODIES) {
    test(
      what,
      recorded(async (client, record) => {
        await goodOne(client, 1);
        const good = record.text;
        client.write(
          frame(h2.HEADERS, h2.END_HEADERS, 3, blockOf([...POST, ['content-length', length]])),
          ...pieces.map((piece, i) =>
            frame(h2.DATA, i === pieces.length - 1 ? h2.END_STREAM : 0, 3, Buffer.from(piece)),
          ),
        );
        assert.equal(await client.resetCode(3), h2.PROTOCOL_ERROR);
        await goodOne(client, 5);
        assert.equal(record.text, good + good);
      }),
    );
  }
});

describe('what reaches the upstream, to the byte:', () => {
  /** As the upstream sees the request line and the client's own fields; what the gateway adds is compared apart. */
  const own = (text: string): string => text.replaceAll(/^(?:x-real-ip|x-forwarded-\w+|via): [^\r]*\r\n/gim, '');

  test(
    'content that looks like the end of a chunk, and a request behind it, is content',
    recorded(async (client, record) => {
      const content = `0\r\n\r\n${SMUGGLED}`;
      client.write(
        frame(h2.HEADERS, h2.END_HEADERS, 1, blockOf(POST)),
        frame(h2.DATA, h2.END_STREAM, 1, Buffer.from(content)),
      );
      await client.until((each) => each.isEnded(1), 'the answer');
      const [head = '', ...body] = record.text.split('\r\n\r\n');
      assert.match(head, /^POST \/ HTTP\/1\.1\r\n/);
      assert.equal(body.join('\r\n\r\n'), `${content.length.toString(16)}\r\n${content}\r\n0\r\n\r\n`);
    }),
  );

  test(
    'content with a length is that content, and trailers stay behind',
    recorded(async (client, record) => {
      client.write(
        frame(h2.HEADERS, h2.END_HEADERS, 1, blockOf([...POST, ['content-length', '7']])),
        frame(h2.DATA, 0, 1, Buffer.from('a\r\n0\r\n\r')),
        frame(
          h2.HEADERS,
          h2.END_HEADERS | h2.END_STREAM,
          1,
          blockOf([
            ['transfer-encodin', 'x'],
            ['content-length', '0'],
          ]),
        ),
      );
      await client.until((each) => each.isEnded(1), 'the answer');
      assert.equal(own(record.text), 'POST / HTTP/1.1\r\nhost: a.test\r\ncontent-length: 7\r\n\r\na\r\n0\r\n\r');
    }),
  );

  test(
    'a request without content has none, and a length of nothing is one',
    recorded(async (client, record) => {
      client.request(1, [...POST, ['content-length', '0']]);
      await client.until((each) => each.isEnded(1), 'the answer');
      assert.equal(own(record.text), 'POST / HTTP/1.1\r\nhost: a.test\r\ncontent-length: 0\r\n\r\n');
    }),
  );

  test(
    'Host stands for the authority, cookies are one, and fields stay in their order',
    recorded(async (client, record) => {
      client.request(1, [
        ...GET.slice(0, 3),
        ['b', '2'],
        ['host', 'a.test'],
        ['cookie', 'a=1'],
        ['te', 'trailers'],
        ['a', '1, "x: y"'],
        ['cookie', 'b=2'],
      ]);
      await client.until((each) => each.isEnded(1), 'the answer');
      const seen = own(record.text);
      assert.match(seen, /^GET \/ HTTP\/1\.1\r\n/);
      assert.deepEqual(
        seen
          .split('\r\n')
          .slice(1)
          .filter((line) => !/^te:|^connection:/i.test(line)),
        ['b: 2', 'host: a.test', 'a: 1, "x: y"', 'cookie: a=1; b=2', '', ''],
      );
    }),
  );

  test(
    'an asterisk is the target of OPTIONS',
    recorded(async (client, record) => {
      client.request(1, fields({ ':method': 'OPTIONS', ':path': '*' }));
      await client.until((each) => each.isEnded(1), 'the answer');
      assert.match(record.text, /^OPTIONS \* HTTP\/1\.1\r\n/);
    }),
  );
});
