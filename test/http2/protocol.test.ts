/** What clients of HTTP/2 may do, and what becomes of those that do more (RFC 9113, RFC 9218). */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as h2 from '../../src/http2/protocol.ts';
import type { RawConnection } from '../traps/raw-connection.ts';
import { answering, manual, ok, type Script } from '../traps/scripted-upstream.ts';
import { inLab, type Lab, type LabOptions } from '../traps/lab.ts';
import { blockOf, type Fields, frame, FrameClient, GET, number32, POST, Taking } from './frame-client.ts';

const HTTP2 = { http: [{ address: '127.0.0.1', port: 0, http2: true }] };

/** The body of a test with one client, on both ways of reading sockets. */
function withClient(options: LabOptions, body: (client: FrameClient, lab: Lab) => Promise<void>): () => Promise<void> {
  return inLab({ ...options, settings: { ...HTTP2, ...options.settings } }, async (lab) => {
    const client = await FrameClient.open(lab.port);
    try {
      await body(client, lab);
    } finally {
      client.end();
    }
  });
}

const answered: LabOptions = { upstreams: [answering(ok('hello'))] };
/** What an upstream got, byte by byte. */
const seen = new WeakMap<RawConnection, string>();
const recording: Script = (connection, index) => {
  connection.socket.on('data', (bytes: Buffer) => {
    seen.set(connection, (seen.get(connection) ?? '') + bytes.toString('latin1'));
  });
  return answering(ok('hello'))(connection, index);
};
const seenBy = (lab: Lab): string => lab.node.connections.map((connection) => seen.get(connection) ?? '').join('');

const silent: LabOptions = { upstreams: [manual] };

describe('a request', () => {
  test(
    'is answered on its stream, and many at once are',
    withClient(answered, async (client) => {
      for (let stream = 1; stream < 40; stream += 2) client.request(stream);
      for (let stream = 1; stream < 40; stream += 2) {
        await client.until((each) => each.isEnded(stream), `the end of stream ${stream}`);
        assert.equal(client.dataOf(stream).toString(), 'hello');
      }
    }),
  );

  const MALFORMED: readonly (readonly [what: string, fields: Fields])[] = [
    ['has no :method', GET.slice(1)],
    ['has no :scheme', [GET[0]!, ...GET.slice(2)]],
    ['has no :path', [...GET.slice(0, 2), GET[3]!]],
    ['has an empty :path', [...GET.slice(0, 2), [':path', ''], GET[3]!]],
    ['has a pseudo field twice', [...GET, [':path', '/b']]],
    ['has a pseudo field after another field', [...GET.slice(0, 3), ['accept', '*/*'], GET[3]!]],
    ['has an unknown pseudo field', [...GET, [':status', '200']]],
    ['has a field name in upper case', [...GET, ['Accept', '*/*']]],
    ['has a space in a field name', [...GET, ['a b', 'c']]],
    ['has an empty field name', [...GET, ['', 'c']]],
    ['has CR and LF in a value', [...GET, ['a', 'b\r\nx-admin: 1']]],
    ['has LF in a value', [...GET, ['a', 'b\nc']]],
    ['has NUL in a value', [...GET, ['a', 'b\0c']]],
    ['has a space before a value', [...GET, ['a', ' b']]],
    ['has a space in its method', [[':method', 'GET /x'], ...GET.slice(1)]],
    ['has Connection', [...GET, ['connection', 'x-a']]],
    ['has Transfer-Encoding', [...POST, ['transfer-encoding', 'chunked']]],
    ['has Upgrade', [...GET, ['upgrade', 'h2c']]],
    ['has Keep-Alive', [...GET, ['keep-alive', '1']]],
    ['has TE with more than trailers', [...GET, ['te', 'gzip']]],
    ['has Host and :authority that differ', [...GET, ['host', 'b.test']]],
    ['has Host twice', [...GET.slice(0, 3), ['host', 'a.test'], ['host', 'a.test']]],
    ['has two lengths', [...POST, ['content-length', '0'], ['content-length', '0']]],
    ['has :protocol without CONNECT', [...GET, [':protocol', 'websocket']]],
    ['has a scheme that is none of HTTP', [GET[0]!, [':scheme', 'ftp'], ...GET.slice(2)]],
  ];
  for (const [what, fields] of MALFORMED) {
    test(
      `that ${what} is a stream error, reaches no upstream, and costs no other stream`,
      withClient(answered, async (client, lab) => {
        client.request(1, fields);
        client.request(3);
        assert.equal(await client.resetCode(1), h2.PROTOCOL_ERROR);
        await client.until((each) => each.isEnded(3), 'the answer to a good one');
        assert.equal(lab.node.connections.length, 1);
      }),
    );
  }

  const ANSWERED: readonly (readonly [what: string, fields: Fields, status: number])[] = [
    ['has a malformed authority', [...GET.slice(0, 3), [':authority', 'a@b']], 400],
    ['has no authority at all', GET.slice(0, 3), 400],
    ['has a space in its path', [...GET.slice(0, 2), [':path', '/a b'], GET[3]!], 400],
    ['has a path that is none', [...GET.slice(0, 2), [':path', 'a'], GET[3]!], 400],
    ['has a path that is too long', [...GET.slice(0, 2), [':path', `/${'a'.repeat(9_000)}`], GET[3]!], 414],
    ['has too many fields', [...GET, ...Array.from({ length: 101 }, (_, i) => [`x-${i}`, ''] as const)], 431],
    ['expects what nobody knows', [...GET, ['expect', 'something']], 417],
    ['has a length that is no number', [...POST, ['content-length', '+1']], 400],
    ['asks for a tunnel', [[':method', 'CONNECT'], GET[3]!], 501],
    ['is a TRACE', [[':method', 'TRACE'], ...GET.slice(1)], 501],
  ];
  for (const [what, fields, status] of ANSWERED) {
    test(
      `that ${what} is answered ${status}`,
      withClient(answered, async (client, lab) => {
        client.request(1, fields);
        assert.equal(await client.status(1), status);
        assert.equal(lab.node.connections.length, 0);
      }),
    );
  }

  test(
    'whose body is not as long as it says is a stream error',
    withClient(silent, async (client) => {
      for (const [index, [promised, sent]] of [
        ['5', 'abc'],
        ['2', 'abc'],
      ].entries()) {
        const stream = index * 2 + 1;
        client.request(stream, [...POST, ['content-length', promised!]], false);
        client.write(frame(h2.DATA, h2.END_STREAM, stream, Buffer.from(sent!)));
        assert.equal(await client.resetCode(stream), h2.PROTOCOL_ERROR);
      }
    }),
  );

  test(
    'whose body comes byte by byte reaches the upstream in a few pieces, in order, and those of others with it',
    withClient({ upstreams: [recording] }, async (client, lab) => {
      const bytes = Buffer.from(Array.from({ length: 3_000 }, (_, i) => 97 + (i % 26)));
      client.write(
        frame(h2.HEADERS, h2.END_HEADERS, 1, blockOf(POST)),
        frame(h2.HEADERS, h2.END_HEADERS, 3, blockOf([...POST, ['content-length', '3000']])),
        ...Array.from(bytes, (_, i) =>
          Buffer.concat(
            [1, 3].map((id) => frame(h2.DATA, i === 2_999 ? h2.END_STREAM : 0, id, bytes.subarray(i, i + 1))),
          ),
        ),
      );
      await client.until((each) => each.isEnded(1) && each.isEnded(3), 'both answers');
      const [chunked = '', plain = ''] = lab.node.connections
        .map((each) => seen.get(each) ?? '')
        .toSorted((a, b) => Number(b.includes('chunked')) - Number(a.includes('chunked')));
      assert.equal(plain.slice(plain.indexOf('\r\n\r\n') + 4), bytes.toString());
      const chunks = chunked.slice(chunked.indexOf('\r\n\r\n') + 4).match(/[0-9a-f]+\r\n[a-z]*\r\n/g) ?? [];
      assert.equal(chunks.map((chunk) => chunk.split('\r\n')[1]).join(''), bytes.toString());
      assert.ok(chunks.length < 100, `${chunks.length} chunks`);
    }),
  );

  test(
    'with cookies in crumbs is bounded as one with a single Cookie field is: 431',
    withClient(
      { upstreams: [recording], settings: { ...HTTP2, limits: { line_bytes: 1_000 } } },
      async (client, lab) => {
        const crumb = `a=${'c'.repeat(493)}`;
        // `cookie: `, both crumbs and what joins them.
        client.request(1, [...GET, ['cookie', crumb], ['cookie', crumb]]);
        assert.equal(await client.status(1), 200);
        client.request(3, [...GET, ['cookie', crumb], ['cookie', `${crumb}c`]]);
        await client.until((each) => each.isEnded(3), 'an answer');
        assert.equal(`${lab.log.at(-1)?.status} ${lab.log.at(-1)?.errorCode}`, '431 header_too_large');
        assert.equal(lab.node.connections.length, 1);
      },
    ),
  );

  test(
    'with cookies in crumbs has one Cookie field for the upstream',
    withClient({ upstreams: [recording] }, async (client, lab) => {
      client.request(1, [...GET, ['cookie', 'a=1'], ['cookie', 'b=2']]);
      await client.until((each) => each.isEnded(1), 'an answer');
      assert.match(seenBy(lab), /\r\ncookie: a=1; b=2\r\n/);
    }),
  );

  test(
    'does not keep the connection’s window from the others: what was taken of many is allowed again, as little as it may be of each',
    withClient(answered, async (client) => {
      const ids = Array.from({ length: 10 }, (_, i) => i * 2 + 1);
      for (const id of ids) client.request(id, POST, false);
      // Each less than half of its own window, and all of them nearly the connection's.
      for (let i = 0; i < 10; i++) for (const id of ids) client.write(frame(h2.DATA, 0, id, Buffer.alloc(10_000)));
      await client.until(
        ({ frames }) => frames.filter(({ type, stream }) => type === h2.WINDOW_UPDATE && stream === 0).length > 1,
        'a further window of the connection',
      );
      for (const id of ids) client.write(frame(h2.DATA, h2.END_STREAM, id, Buffer.alloc(10_000)));
      for (const id of ids) await client.until((each) => each.isEnded(id), `the end of stream ${id}`);
    }),
  );

  test(
    'with a body of unknown length reaches the upstream in chunks, and its trailers go no further',
    withClient({ upstreams: [recording] }, async (client, lab) => {
      client.request(1, POST, false);
      client.write(
        frame(h2.DATA, 0, 1, Buffer.from('abc')),
        frame(h2.DATA, h2.PADDED, 1, Buffer.from('\x02de\0\0', 'latin1')),
      );
      client.write(frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 1, blockOf([['x-sum', '5']])));
      await client.until((each) => each.isEnded(1), 'an answer');
      const seen = seenBy(lab);
      assert.match(seen, /transfer-encoding: chunked\r\n/);
      assert.doesNotMatch(seen, /x-sum/);
      assert.match(seen, /abc/);
      assert.match(seen, /de\r\n0\r\n\r\n$/);
    }),
  );
});

describe('a response', () => {
  const BIG = 'x'.repeat(200_000);

  test(
    'waits for the windows of its stream and of the connection, and goes on when they open',
    withClient({ upstreams: [answering(ok(BIG))] }, async (client) => {
      client.request(1);
      await client.until((each) => each.dataOf(1).length === h2.DEFAULT_WINDOW, 'a window full');
      client.write(frame(h2.WINDOW_UPDATE, 0, 1, number32(10_000)));
      client.write(frame(h2.WINDOW_UPDATE, 0, 0, number32(5_000)));
      await client.until((each) => each.dataOf(1).length === h2.DEFAULT_WINDOW + 5_000, 'what the connection allows');
      client.write(
        frame(h2.WINDOW_UPDATE, 0, 0, number32(1_000_000)),
        frame(h2.WINDOW_UPDATE, 0, 1, number32(1_000_000)),
      );
      await client.until((each) => each.isEnded(1), 'the end');
      assert.equal(client.dataOf(1).toString(), BIG);
    }),
  );

  test(
    'of greater urgency goes first when there is room again',
    withClient({ upstreams: [answering(ok(BIG))] }, async (client) => {
      client.request(1);
      await client.until((each) => each.dataOf(1).length === h2.DEFAULT_WINDOW, 'a window full');
      client.request(3, [...GET, ['priority', 'u=1']]);
      await client.frame(h2.HEADERS, 3);
      client.write(
        frame(h2.WINDOW_UPDATE, 0, 1, number32(1_000_000)),
        frame(h2.WINDOW_UPDATE, 0, 3, number32(1_000_000)),
        frame(h2.WINDOW_UPDATE, 0, 0, number32(200_000)),
      );
      const before = client.frames.length;
      await client.until(({ frames }) => frames.slice(before).some(({ type }) => type === h2.DATA), 'more of the body');
      assert.equal(client.frames.slice(before).find(({ type }) => type === h2.DATA)?.stream, 3);
    }),
  );

  for (const [how, first, third] of [
    ['of greater urgency gets nearly all of the window', 'u=5', 'u=1'],
    ['that is told to be more urgent does so, too', '', ''],
  ] as const)
    test(
      how,
      withClient({ upstreams: [answering(ok('x'.repeat(2_000_000)))] }, async (client) => {
        client.write(frame(h2.SETTINGS, 0, 0, Buffer.of(0, h2.INITIAL_WINDOW_SIZE, 0x7f, 255, 255, 255)));
        client.request(1, [...GET, ['priority', first]]);
        client.request(3, [...GET, ['priority', third]]);
        if (first === '')
          client.write(frame(h2.PRIORITY_UPDATE, 0, 0, Buffer.concat([number32(3), Buffer.from('u=0')])));
        // As a client does that takes what comes.
        let [seen, taken] = [0, 0];
        const take = ({ frames }: FrameClient): boolean => {
          for (; seen < frames.length; seen++)
            if (frames[seen]?.type === h2.DATA) taken += frames[seen]!.payload.length;
          if (taken >= 32_768) client.write(frame(h2.WINDOW_UPDATE, 0, 0, number32(taken)));
          if (taken >= 32_768) taken = 0;
          return client.isEnded(3);
        };
        await client.until(take, 'the end of the urgent one');
        const share = client.dataOf(1).length / 2_000_000;
        assert.ok(share < 0.45, `the other one had ${share} of its own by then`);
        assert.ok(share > 0, 'and nobody starves');
      }),
    );

  test(
    'that the upstream cuts short is never presented as complete',
    withClient(
      {
        upstreams: [
          async (connection) => {
            await connection.receive('request');
            connection.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc');
            connection.finish();
          },
        ],
      },
      async (client) => {
        client.request(1);
        assert.equal(await client.resetCode(1), h2.INTERNAL_ERROR);
        assert.equal(client.isEnded(1), false);
      },
    ),
  );

  test(
    'in chunks has no Transfer-Encoding and no chunks for the client',
    withClient(
      {
        upstreams: [answering('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n')],
      },
      async (client) => {
        client.request(1);
        await client.until((each) => each.isEnded(1), 'the end');
        assert.equal(client.dataOf(1).toString(), 'abcde');
      },
    ),
  );
});

describe('what only attacks do ends the connection, is counted, and reaches nobody else:', () => {
  const repeat = (count: number, make: (index: number) => Buffer): Buffer =>
    Buffer.concat(Array.from({ length: count }, (_, i) => make(i)));
  const head = (stream: number): Buffer => frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, stream, blockOf(GET));
  const bad = (stream: number): Buffer =>
    frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, stream, blockOf([...GET, ['Upper', 'a']]));
  /** Requests of which each is followed by what has us reset it. */
  const made = (how: (stream: number) => Buffer): Buffer =>
    repeat(500, (i) => Buffer.concat([head(i * 2 + 1), how(i * 2 + 1)]));
  const ATTACKS: readonly (readonly [kind: string, what: string, bytes: Buffer])[] = [
    [
      'rapid_reset',
      'requests that are reset as soon as they are made',
      repeat(1_000, (i) => Buffer.concat([head(i * 2 + 1), frame(h2.RST_STREAM, 0, i * 2 + 1, number32(h2.CANCEL))])),
    ],
    [
      'continuation_flood',
      'a head that goes on and on',
      Buffer.concat([
        frame(h2.HEADERS, 0, 1, blockOf(GET)),
        repeat(1_000, () => frame(h2.CONTINUATION, 0, 1, blockOf([['a', 'b']]))),
      ]),
    ],
    ['settings_flood', 'settings over and over', repeat(1_000, () => frame(h2.SETTINGS, 0, 0))],
    ['ping_flood', 'pings over and over', repeat(1_000, () => frame(h2.PING, 0, 0, Buffer.alloc(8)))],
    [
      'priority_flood',
      'priorities over and over',
      repeat(3_000, (i) => frame(h2.PRIORITY, 0, i * 2 + 1, Buffer.alloc(5))),
    ],
    [
      'empty_frames',
      'a body of empty frames',
      Buffer.concat([frame(h2.HEADERS, h2.END_HEADERS, 1, blockOf(POST)), repeat(1_000, () => frame(h2.DATA, 0, 1))]),
    ],
    ['window_updates', 'windows opened byte by byte', repeat(5_000, () => frame(h2.WINDOW_UPDATE, 0, 0, number32(1)))],
    [
      'hpack_bomb',
      'a list that is made of references to one large field',
      frame(
        h2.HEADERS,
        h2.END_HEADERS | h2.END_STREAM,
        1,
        Buffer.concat([
          blockOf(GET),
          Buffer.of(0x40, 1, 97, 127, 0xa1, 6),
          Buffer.alloc(928, 98),
          Buffer.alloc(15_000, 0xbe),
        ]),
      ),
    ],
    [
      'stream_errors',
      'requests whose header sections are too large, over and over',
      repeat(200, (i) =>
        frame(
          h2.HEADERS,
          h2.END_HEADERS | h2.END_STREAM,
          i * 2 + 1,
          blockOf([...GET, ...Array.from({ length: 101 }, (_, k) => [`x-${k}`, ''] as const)]),
        ),
      ),
    ],
    ['stream_errors', 'requests that are malformed, over and over', repeat(500, (i) => bad(i * 2 + 1))],
    [
      'stream_errors',
      'windows opened by nothing (CVE-2025-8671)',
      made((id) => frame(h2.WINDOW_UPDATE, 0, id, number32(0))),
    ],
    [
      'stream_errors',
      'windows opened too far (CVE-2025-8671)',
      made((id) => frame(h2.WINDOW_UPDATE, 0, id, number32(2 ** 31 - 1))),
    ],
    [
      'stream_errors',
      'content of requests that are complete (CVE-2025-8671)',
      made((id) => frame(h2.DATA, 0, id, Buffer.of(1))),
    ],
    [
      'stream_errors',
      'heads of requests that are complete (CVE-2025-8671)',
      made((id) => frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, id, blockOf([['a', 'b']]))),
    ],
    [
      'stream_errors',
      'priorities of the wrong size (CVE-2025-8671)',
      made((id) => frame(h2.PRIORITY, 0, id, Buffer.alloc(4))),
    ],
    [
      'priority_flood',
      'priorities of RFC 9218 over and over',
      repeat(3_000, (i) => frame(h2.PRIORITY_UPDATE, 0, 0, Buffer.concat([number32(i * 2 + 1), Buffer.from('u=1')]))),
    ],
    [
      'empty_frames',
      'a body of padding',
      Buffer.concat([
        frame(h2.HEADERS, h2.END_HEADERS, 1, blockOf(POST)),
        repeat(1_000, () => frame(h2.DATA, h2.PADDED, 1, Buffer.of(2, 0, 0))),
      ]),
    ],
    [
      'empty_frames',
      'answers to pings that nobody sent',
      repeat(1_000, () => frame(h2.PING, h2.ACK, 0, Buffer.alloc(8))),
    ],
    ['empty_frames', 'acknowledgements over and over', repeat(1_000, () => frame(h2.SETTINGS, h2.ACK, 0))],
    ['empty_frames', 'farewells over and over', repeat(1_000, () => frame(h2.GOAWAY, 0, 0, Buffer.alloc(8)))],
    ['empty_frames', 'frames of a type that nobody knows', repeat(1_000, () => frame(0xbb, 0, 0, Buffer.alloc(8)))],
    [
      'settings_flood',
      'settings that say the same thing thousands of times',
      frame(
        h2.SETTINGS,
        0,
        0,
        repeat(2_700, () => Buffer.of(0, 4, 0, 0, 255, 255)),
      ),
    ],
    [
      'window_updates',
      'a response taken byte by byte',
      Buffer.concat([
        frame(h2.SETTINGS, 0, 0, Buffer.of(0, h2.INITIAL_WINDOW_SIZE, 0, 0, 0, 0)),
        head(1),
        repeat(5_000, () => frame(h2.WINDOW_UPDATE, 0, 1, number32(1))),
      ]),
    ],
    ['refused_streams', 'streams beyond the number that was announced', repeat(3_000, (i) => head(i * 2 + 1))],
  ];
  for (const [kind, what, bytes] of ATTACKS) {
    test(
      what,
      withClient(silent, async (client, lab) => {
        client.write(bytes);
        assert.equal(await client.goodbye(), h2.ENHANCE_YOUR_CALM);
        assert.deepEqual(new Set(lab.abuses), new Set([kind]));
        lab.abuses.length = 0;
        assert.ok(
          lab.node.connections.length <= 500,
          'no more upstream connections than streams at once, and the budget of resets',
        );
      }),
    );
  }

  for (const [kind, what, bytes, code] of [
    [
      '',
      'sizes of the table over and over in one block',
      Buffer.concat([Buffer.alloc(3, 0x20), blockOf(GET)]),
      h2.COMPRESSION_ERROR,
    ],
    [
      '',
      'a table larger than was allowed',
      Buffer.concat([Buffer.of(0x3f, 0xe2, 0x1f), blockOf(GET)]),
      h2.COMPRESSION_ERROR,
    ],
  ] as const) {
    test(
      what,
      withClient(silent, async (client, lab) => {
        client.write(frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 1, bytes));
        assert.equal(await client.goodbye(), code);
        assert.deepEqual(lab.abuses, kind === '' ? [] : [kind]);
        assert.equal(lab.node.connections.length, 0);
      }),
    );
  }

  test(
    'a client that is told of its number of streams and goes beyond it has less patience to use up',
    withClient(silent, async (client, lab) => {
      await client.frame(h2.SETTINGS, 0);
      client.write(
        frame(h2.SETTINGS, h2.ACK, 0),
        repeat(128 + 99, (i) => head(i * 2 + 1)),
      );
      assert.equal(await client.resetCode(2 * (128 + 98) + 1), h2.REFUSED_STREAM);
      assert.deepEqual(lab.abuses, []);
      // Many: time gives some of its patience back.
      client.write(repeat(300, (i) => head(2 * (128 + 99 + i) + 1)));
      assert.equal(await client.goodbye(), h2.ENHANCE_YOUR_CALM);
      assert.deepEqual(lab.abuses.splice(0), ['refused_streams']);
    }),
  );

  test(
    'what was on its way to a stream that we reset is taken as far as its window went, however many frames it is, and no further',
    withClient(
      { ...answered, settings: { ...HTTP2, limits: { body_bytes: 10 }, timeouts: { linger_ms: 50 } } },
      async (client) => {
        client.request(1, POST, false);
        client.write(frame(h2.DATA, 0, 1, Buffer.alloc(100)));
        assert.equal(await client.resetCode(1), h2.NO_ERROR);
        client.write(repeat(2_000, () => frame(h2.DATA, 0, 1, Buffer.alloc(100))));
        client.request(3);
        await client.until((each) => each.isEnded(3), 'an answer');
        client.write(repeat(700, () => frame(h2.DATA, 0, 1, Buffer.alloc(100))));
        assert.equal(await client.goodbye(), h2.FLOW_CONTROL_ERROR);
      },
    ),
  );

  test(
    'what is reset in the same read costs no upstream anything, and gives its node back',
    withClient({ upstreams: [manual], upstream: { balancer: { type: 'least_conn' } } }, async (client, lab) => {
      client.write(
        ...[1, 3, 5].map((id) => Buffer.concat([head(id), frame(h2.RST_STREAM, 0, id, number32(h2.CANCEL))])),
      );
      await lab.logged(3);
      assert.deepEqual(
        lab.log.map(({ errorCode, status }) => [errorCode, status]),
        Array(3).fill(['client_closed', 499]),
      );
      assert.equal(lab.node.connections.length, 0);
    }),
  );

  test(
    'a list beyond its bound is answered 431, however short it is written, and its connection serves on',
    withClient(answered, async (client) => {
      const large = Buffer.concat([Buffer.of(0x40, 1, 97, 127, 0xa1, 6), Buffer.alloc(928, 98)]);
      const bomb = Buffer.concat([blockOf(GET), large, Buffer.alloc(100, 0xbe)]);
      client.write(frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 1, bomb));
      assert.equal(await client.status(1), 431);
      client.request(3);
      await client.until((each) => each.isEnded(3), 'an answer');
    }),
  );

  test(
    'a client that never opens its window is cut off after the time to send, and its upstream with it',
    withClient(
      { upstreams: [answering(ok('x'.repeat(500_000)))], settings: { ...HTTP2, timeouts: { send_ms: 200 } } },
      async (client, lab) => {
        client.request(1);
        assert.equal(await client.resetCode(1), h2.CANCEL);
        assert.deepEqual(lab.abuses.splice(0), ['stalled_window']);
        await lab.logged(1);
      },
    ),
  );

  test(
    'whoever has most of what a worker holds is ended when that becomes too much, and nobody else',
    withClient(
      {
        upstreams: [answering(({ startLine }) => ok('x'.repeat(startLine.includes('/large') ? 200_000 : 20_000)))],
        settings: { ...HTTP2, limits: { held_bytes: 100_000 } },
      },
      async (client, lab) => {
        const none = frame(h2.SETTINGS, 0, 0, Buffer.of(0, h2.INITIAL_WINDOW_SIZE, 0, 0, 0, 0));
        client.write(none);
        client.request(1);
        await client.frame(h2.HEADERS, 1);
        const greedy = await FrameClient.open(lab.port);
        greedy.write(none);
        for (const id of [1, 3, 5]) greedy.request(id, [...GET.slice(0, 2), [':path', '/large'], GET[3]!]);
        assert.equal(await greedy.goodbye(), h2.ENHANCE_YOUR_CALM);
        assert.deepEqual(lab.abuses.splice(0), ['held_bytes']);
        greedy.end();
        client.write(frame(h2.WINDOW_UPDATE, 0, 1, number32(100_000)));
        await client.until((each) => each.isEnded(1), 'the rest of the answer');
        assert.equal(client.dataOf(1).length, 20_000);
        // What is over is no longer held: as much again is no more than before.
        client.request(3);
        await client.frame(h2.HEADERS, 3);
        client.write(frame(h2.WINDOW_UPDATE, 0, 3, number32(100_000)));
        await client.until((each) => each.isEnded(3), 'another answer');
      },
    ),
  );

  test(
    'a response that its client does not take is read in small pieces, on new connections and on those that brought large ones before',
    withClient(
      {
        upstreams: [answering(ok('x'.repeat(4_000_000)))],
        // With every other piece that was read before it was told to wait.
        settings: { ...HTTP2, limits: { held_bytes: 8 * 2 * 65_536 } },
      },
      async (client, lab) => {
        client.write(frame(h2.SETTINGS, 0, 0, Buffer.of(0, h2.INITIAL_WINDOW_SIZE, 0, 0, 0, 0)));
        for (const first of [1, 17]) {
          const ids = Array.from({ length: 8 }, (_, i) => first + i * 2);
          for (const id of ids) client.request(id);
          for (const id of ids) await client.frame(h2.HEADERS, id);
          for (const id of ids) {
            client.write(
              frame(h2.WINDOW_UPDATE, 0, 0, number32(4_000_000)),
              frame(h2.WINDOW_UPDATE, 0, id, number32(4_000_000)),
            );
            await client.until((each) => each.isEnded(id), `the end of ${id}`);
          }
        }
        assert.deepEqual(lab.abuses, []);
      },
    ),
  );

  test(
    'bytes that go out one by one give no right to open windows further',
    withClient({ upstreams: [answering(ok('x'.repeat(20_000)))] }, async (client, lab) => {
      client.write(frame(h2.SETTINGS, 0, 0, Buffer.of(0, h2.INITIAL_WINDOW_SIZE, 0, 0, 0, 0)));
      client.request(1);
      await client.frame(h2.HEADERS, 1);
      client.write(repeat(6_000, () => frame(h2.WINDOW_UPDATE, 0, 1, number32(1))));
      assert.equal(await client.goodbye(), h2.ENHANCE_YOUR_CALM);
      assert.deepEqual(lab.abuses.splice(0), ['window_updates']);
    }),
  );

  test(
    'a client may open its windows by each half a kilobyte that it reads, as long as it reads so much',
    withClient({ upstreams: [answering(ok('x'.repeat(2_000_000)))] }, async (client, lab) => {
      client.request(1);
      const taking = new Taking();
      await client.until((each) => {
        taking.giveBack(each, 1, 512);
        return each.isEnded(1);
      }, 'the end of the response');
      assert.equal(client.dataOf(1).length, 2_000_000);
      assert.deepEqual(lab.abuses, []);
      // What was given back once gives no right to open more.
      client.request(3, POST, false);
      client.write(repeat(6_000, () => frame(h2.WINDOW_UPDATE, 0, 0, number32(512))));
      assert.equal(await client.goodbye(), h2.ENHANCE_YOUR_CALM);
      assert.deepEqual(lab.abuses.splice(0), ['window_updates']);
    }),
  );

  test(
    'a client that takes a response byte by byte is cut off after the time to send',
    withClient(
      { upstreams: [answering(ok('x'.repeat(5_000)))], settings: { ...HTTP2, timeouts: { send_ms: 300 } } },
      async (client, lab) => {
        client.write(frame(h2.SETTINGS, 0, 0, Buffer.of(0, h2.INITIAL_WINDOW_SIZE, 0, 0, 0, 0)));
        client.request(1);
        const drip = setInterval(() => client.write(frame(h2.WINDOW_UPDATE, 0, 1, number32(1))), 20);
        try {
          assert.equal(await client.resetCode(1), h2.CANCEL);
          assert.deepEqual(lab.abuses.splice(0), ['stalled_window']);
        } finally {
          clearInterval(drip);
        }
        await lab.logged(1);
      },
    ),
  );

  test(
    'a head that does not come to its end within the time for heads ends the connection',
    withClient({ ...answered, settings: { ...HTTP2, timeouts: { head_ms: 200 } } }, async (client, lab) => {
      client.write(frame(h2.HEADERS, 0, 1, blockOf(GET)));
      await client.goodbye();
      assert.deepEqual(lab.abuses.splice(0), ['slow_head']);
    }),
  );

  test(
    'an idle connection is ended after its time, by a GOAWAY',
    withClient({ ...answered, settings: { ...HTTP2, timeouts: { idle_ms: 200 } } }, async (client) => {
      assert.equal(await client.goodbye(), h2.NO_ERROR);
    }),
  );
});

describe('a connection', () => {
  test(
    'that is drained answers what is under way, says which streams it saw, and ends',
    inLab({ upstreams: [manual], settings: HTTP2 }, async (lab) => {
      const client = await FrameClient.open(lab.port);
      client.request(1);
      const node = await lab.node.connection(0);
      await node.receive('request');
      const drained = lab.worker.drain();
      await client.frame(h2.GOAWAY, 0);
      node.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      await client.until((each) => each.isEnded(1), 'the answer');
      assert.equal(await client.goodbye(), h2.NO_ERROR);
      client.end();
      await drained;
    }),
  );

  test(
    'whose client leaves in the middle of a body is over with its answer',
    inLab({ upstreams: [manual], settings: HTTP2 }, async (lab) => {
      const client = await FrameClient.open(lab.port);
      client.request(1, POST, false);
      await lab.node.connection(0);
      client.socket.end(frame(h2.DATA, 0, 1, Buffer.from('half')));
      assert.equal(await client.status(1), 400);
      assert.equal(await client.goodbye(), h2.NO_ERROR);
      const [logged] = await lab.logged(1);
      assert.equal(logged?.errorCode, 'request_incomplete');
    }),
  );

  test(
    'whose client leaves ends what it asked for: 499 in the log, and the upstream connection is given up',
    inLab({ upstreams: [manual], settings: HTTP2 }, async (lab) => {
      const client = await FrameClient.open(lab.port);
      client.request(1);
      const node = await lab.node.connection(0);
      await node.receive('request');
      client.socket.resetAndDestroy();
      const [logged] = await lab.logged(1);
      assert.equal(logged?.status, 499);
    }),
  );

  test(
    'in HTTP/1.1 is served on the same port, in whatever pieces its first line comes',
    inLab({ ...answered, settings: HTTP2 }, async (lab) => {
      const client = await lab.connect();
      for (const piece of ['P', 'R', 'OPFIND / HTTP/1.1\r\nHost: a\r\n\r\n']) {
        client.write(piece);
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.equal((await client.receive('response')).status, 200);
    }),
  );

  test(
    'in HTTP/2 gets nothing where the listener does not allow it',
    inLab(answered, async (lab) => {
      const client = await FrameClient.connect(lab.port);
      const pieces: Buffer[] = [];
      client.socket.removeAllListeners('data');
      client.socket.on('data', (bytes: Buffer) => pieces.push(bytes));
      client.write(Buffer.from(h2.PREFACE), frame(h2.SETTINGS, 0, 0));
      await client.closed();
      assert.match(Buffer.concat(pieces).toString('latin1'), /^HTTP\/1\.1 505 /);
      client.end();
    }),
  );
});
