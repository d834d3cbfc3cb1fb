/** What nodes that speak HTTP/2 are asked, and what becomes of what they answer (RFC 9113), for clients of both versions: in the clear, and over TLS. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EMPTY_CHAIN } from '../../src/compile/chain-source.ts';
import type { Chain } from '../../src/compile/chain.ts';
import * as h2 from '../../src/http2/protocol.ts';
import { HandClock } from '../traps/hand-clock.ts';
import { eventually, inLab, type Lab } from '../traps/lab.ts';
import type { Message } from '../traps/message.ts';
import { answering, closedPort, ok } from '../traps/scripted-upstream.ts';
import { blockOf, type Fields, frame, FrameClient, GET, number32, POST, Taking } from './frame-client.ts';
import { type FrameServer, type NodePeer, settingsOf } from './frame-server.ts';
import { nodeLab, type Way } from './node-lab.ts';

const WAYS: readonly (readonly [way: Way, what: string])[] = [
  ['grpc', 'in the clear'],
  ['either', 'over TLS, where the node chooses'],
];

const get = (path = '/', fields = ''): string => `GET ${path} HTTP/1.1\r\nHost: a.test\r\n${fields}\r\n`;
const post = (body: string, fields = '', method = 'POST'): string =>
  `${method} / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${body.length}\r\n${fields}\r\n${body}`;
const fieldOf = (message: Message, name: string): string | undefined =>
  message.fields.find(([each]) => each.toLowerCase() === name)?.[1];

/** One exchange, after which the gateway knows the node's settings. */
async function warm(lab: Lab, node: FrameServer): Promise<NodePeer> {
  const answer = lab.ask(get('/warm'));
  const peer = await node.peer(0);
  await peer.request(1);
  peer.respond(1, 'warm');
  await answer;
  await peer.until(({ frames }) => frames.some(({ type, flags }) => type === h2.SETTINGS && flags === h2.ACK), 'ACK');
  return peer;
}

/** That the connection still carries requests: the next one, on that stream, is answered. */
async function serves(lab: Lab, peer: NodePeer, stream: number): Promise<void> {
  const next = lab.ask(get());
  await peer.request(stream);
  peer.respond(stream, 'next');
  assert.equal((await next).body.toString(), 'next');
}

for (const [way, what] of WAYS) describe(what, () => suiteOf(way));

function suiteOf(way: Way): void {
  const withNode = nodeLab(way);

  describe('a request', () => {
    test(
      'has its pseudo fields first, and none of the fields of one connection',
      withNode({}, async (lab, node) => {
        const answer = lab.ask(
          get('/a%20b?c=d', 'X-Mixed: A\r\nConnection: x-hop\r\nX-Hop: 1\r\nTE: trailers\r\nCookie: a=b\r\n'),
        );
        const peer = await node.peer(0);
        await peer.request(1);
        const [fields = []] = peer.sectionsOf(1);
        assert.deepEqual(fields.slice(0, 4), [
          [':method', 'GET'],
          [':scheme', way === 'either' ? 'https' : 'http'],
          [':authority', 'a.test'],
          [':path', '/a%20b?c=d'],
        ]);
        const names = fields.map(([name]) => name);
        for (const name of ['host', 'connection', 'x-hop', 'transfer-encoding']) assert.ok(!names.includes(name), name);
        const sent = Object.fromEntries(fields);
        assert.deepEqual([sent['cookie'], sent['te'], sent['x-mixed']], ['a=b', 'trailers', 'A']);
        assert.ok(peer.isEnded(1), 'END_STREAM with the head');
        peer.respond(1, 'hello', [
          [':status', '200'],
          ['content-length', '5'],
        ]);
        const { status, body } = await answer;
        assert.deepEqual([status, body.toString()], [200, 'hello']);
      }),
    );

    const BODIES: readonly (readonly [what: string, text: string, sent: string])[] = [
      ['with a length', post('hello'), 'hello'],
      [
        'in chunks',
        'POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n',
        'hello world',
      ],
      ['in chunks that are none', 'POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', ''],
      ['larger than the windows', post('x'.repeat(300_000)), 'x'.repeat(300_000)],
    ];
    for (const [what, text, sent] of BODIES) {
      test(
        `has its body ${what}`,
        withNode({ node: settingsOf([h2.INITIAL_WINDOW_SIZE, 20_000]) }, async (lab, node) => {
          const peer = await warm(lab, node);
          const answer = lab.ask(text);
          await peer.request(3);
          let allowed = 20_000;
          while (!peer.isEnded(3)) {
            const seen = peer.dataOf(3).length;
            assert.ok(seen <= allowed, 'no more than the window allows');
            if (seen === allowed) {
              allowed += 50_000;
              peer.write(
                frame(h2.WINDOW_UPDATE, 0, 3, number32(50_000)),
                frame(h2.WINDOW_UPDATE, 0, 0, number32(50_000)),
              );
            }
            await new Promise((resolve) => setImmediate(resolve));
          }
          assert.equal(peer.dataOf(3).toString(), sent);
          peer.respond(3, 'done');
          assert.equal((await answer).body.toString(), 'done');
        }),
      );
    }

    test(
      'has its body where the node opens its windows by each half a kilobyte that it reads',
      withNode({}, async (lab, node) => {
        const answer = lab.ask(post('x'.repeat(2_000_000)));
        const peer = await node.peer(0);
        const taking = new Taking();
        await peer.until((each) => {
          taking.giveBack(each, 1, 512);
          return each.isEnded(1);
        }, 'the end of the request');
        assert.equal(peer.dataOf(1).length, 2_000_000);
        peer.respond(1, 'done');
        assert.equal((await answer).body.toString(), 'done');
        assert.deepEqual(lab.nodeAbuses, []);
      }),
    );

    test(
      'of a client of HTTP/2 brings its trailers, without those that may not pass',
      withNode({}, async (lab, node) => {
        const client = await FrameClient.open(lab.port);
        client.request(1, POST, false);
        client.write(frame(h2.DATA, 0, 1, Buffer.from('body')));
        client.request(1, [
          ['x-sum', '1'],
          ['authorization', 'no'],
        ]);
        const peer = await node.peer(0);
        await peer.wholeRequest(1);
        assert.equal(peer.dataOf(1).toString(), 'body');
        assert.deepEqual(peer.sectionsOf(1)[1], [['x-sum', '1']]);
        peer.respond(1, '');
        assert.equal(await client.status(1), 200);
        client.end();
      }),
    );

    test(
      'of a client of HTTP/1.1 brings its trailers too, and a later one on its connection has none of them',
      withNode({}, async (lab, node) => {
        const client = await lab.connect();
        client.write(
          'POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n' +
            '4\r\nbody\r\n0\r\nX-Sum: \t1 \r\nAuthorization: no\r\n\r\n',
        );
        const peer = await node.peer(0);
        await peer.wholeRequest(1);
        assert.equal(peer.dataOf(1).toString(), 'body');
        assert.deepEqual(peer.sectionsOf(1)[1], [['x-sum', '1']]);
        peer.respond(1, 'first');
        assert.equal((await client.receive('response')).status, 200);
        client.write(post('second'));
        await peer.wholeRequest(3);
        assert.equal(peer.sectionsOf(3).length, 1);
        peer.respond(3, 'second');
        assert.equal((await client.receive('response')).status, 200);
      }),
    );

    test(
      'waits for no other one: many share a connection, each with its own answer, in whatever order these come',
      withNode({}, async (lab, node) => {
        const answers = Array.from({ length: 40 }, (_, i) => lab.ask(get(`/${i}`)));
        const peer = await node.peer(0);
        const paths = new Map<number, string>();
        for (let stream = 1; stream < 80; stream += 2) paths.set(stream, (await peer.request(stream))[':path'] ?? '');
        for (const [stream, path] of Array.from(paths).toReversed()) peer.respond(stream, path);
        for (const [i, answer] of (await Promise.all(answers)).entries()) assert.equal(answer.body.toString(), `/${i}`);
        assert.equal(node.peers.length, 1);
      }),
    );

    test(
      'goes to another connection where the node takes no more at once',
      withNode({ node: settingsOf([h2.MAX_CONCURRENT_STREAMS, 2]) }, async (lab, node) => {
        const first = lab.ask(get('/first'));
        const peer = await node.peer(0);
        await peer.request(1);
        await peer.until(
          ({ frames }) => frames.some(({ type, flags }) => type === h2.SETTINGS && flags === h2.ACK),
          'ACK',
        );
        const more = [lab.ask(get('/second')), lab.ask(get('/third'))];
        const other = await node.peer(1);
        await other.request(1);
        await peer.request(3);
        other.respond(1, 'other');
        peer.respond(1, 'one');
        peer.respond(3, 'two');
        assert.equal((await first).body.toString(), 'one');
        assert.deepEqual((await Promise.all(more)).map(({ body }) => body.toString()).toSorted(), ['other', 'two']);
        assert.equal(node.peers.length, 2);
        const again = lab.ask(get('/again'));
        await peer.request(5);
        peer.respond(5, 'again');
        await again;
      }),
    );

    test(
      'that its client gives up is reset at the node, and costs the connection nothing',
      withNode({}, async (lab, node) => {
        const client = await lab.connect();
        client.write(get());
        const peer = await node.peer(0);
        await peer.request(1);
        client.reset();
        assert.equal(await peer.resetCode(1), h2.CANCEL);
        // What was on its way is no misconduct.
        for (let i = 0; i < 16; i++) peer.data(1, Buffer.alloc(16_000));
        peer.head(1, [[':status', '200']]);
        const answer = lab.ask(get());
        await peer.request(3);
        peer.respond(3, 'fine');
        assert.equal((await answer).body.toString(), 'fine');
        assert.equal(node.peers.length, 1);
      }),
    );
  });

  test(
    'many requests that clients give up leave a connection before its node takes it for an attack, and what is under way there is answered',
    withNode({}, async (lab, node) => {
      const staying = lab.ask(get('/stays'));
      const peer = await node.peer(0);
      await peer.request(1);
      for (let stream = 3; stream < 203; stream += 2) {
        const client = await lab.connect();
        client.write(get('/left'));
        await peer.request(stream);
        client.reset();
        assert.equal(await peer.resetCode(stream), h2.CANCEL);
      }
      const next = lab.ask(get('/next'));
      const other = await node.peer(1);
      await other.request(1);
      other.respond(1, 'next');
      assert.equal((await next).body.toString(), 'next');
      peer.respond(1, 'stayed');
      assert.equal((await staying).body.toString(), 'stayed');
      await peer.closed();
    }),
  );

  describe('a response', () => {
    const PASSED: readonly (readonly [what: string, request: string, fields: Fields, body: string, status: number])[] =
      [
        [
          'with a length',
          get(),
          [
            [':status', '200'],
            ['content-length', '5'],
          ],
          'hello',
          200,
        ],
        ['without a length', get(), [[':status', '200']], 'hello', 200],
        ['without a body', get(), [[':status', '404']], '', 404],
        ['that never has one', get(), [[':status', '204']], '', 204],
        ['of a status without a name', get(), [[':status', '299']], 'x', 299],
      ];
    for (const [what, request, fields, body, status] of PASSED) {
      test(
        `${what} reaches a client of HTTP/1.1`,
        withNode({}, async (lab, node) => {
          const answer = lab.ask(request);
          const peer = await node.peer(0);
          await peer.request(1);
          peer.respond(1, body, [...fields, ['x-more', 'yes'], ['set-cookie', 'a=b']]);
          const message = await answer;
          assert.deepEqual([message.status, message.body.toString()], [status, body]);
          assert.equal(fieldOf(message, 'x-more'), 'yes');
          assert.equal(fieldOf(message, 'set-cookie'), 'a=b');
        }),
      );
    }

    test(
      'to a HEAD has the length and no body, and its connection goes on',
      withNode({}, async (lab, node) => {
        const answer = lab.ask('HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n', 'headOnly');
        const peer = await node.peer(0);
        await peer.request(1);
        peer.head(
          1,
          [
            [':status', '200'],
            ['content-length', '500'],
          ],
          true,
        );
        assert.equal(fieldOf(await answer, 'content-length'), '500');
      }),
    );

    test(
      'has its trailers, for a client of HTTP/2 and for one of HTTP/1.1 that takes them',
      withNode({}, async (lab, node) => {
        const answerWithTrailers = (peer: NodePeer, stream: number): void => {
          peer.head(stream, [[':status', '200']]);
          peer.data(stream, 'hello');
          peer.head(
            stream,
            [
              ['grpc-status', '0'],
              ['content-length', '0'],
              ['host', 'b.test'],
            ],
            true,
          );
        };
        const old = lab.ask(get('/', 'TE: trailers\r\nConnection: TE\r\n'));
        const peer = await node.peer(0);
        await peer.request(1);
        answerWithTrailers(peer, 1);
        assert.deepEqual(
          [(await old).trailers, (await old).body.toString()],
          [['grpc-status: 0', 'host: b.test'], 'hello'],
        );
        const client = await FrameClient.open(lab.port);
        client.request(1);
        await peer.request(3);
        answerWithTrailers(peer, 3);
        await client.until((each) => each.isEnded(1), 'the end');
        const sections = client.frames.filter(({ type }) => type === h2.HEADERS);
        assert.equal(sections.length, 2);
        assert.equal(await client.status(1), 200);
        const plain = lab.ask(get());
        await peer.request(5);
        answerWithTrailers(peer, 5);
        assert.deepEqual([(await plain).trailers, (await plain).body.toString()], [[], 'hello']);
        client.end();
      }),
    );

    test(
      'may be preceded by interim ones, of which a client gets what it always gets',
      withNode({ settings: { early_hints: 'forward' } }, async (lab, node) => {
        const client = await lab.connect();
        client.write(post('x', 'Expect: 100-continue\r\n').slice(0, -1));
        const peer = await node.peer(0);
        await peer.request(1);
        peer.head(1, [
          [':status', '103'],
          ['link', '</a.css>'],
        ]);
        peer.head(1, [[':status', '100']]);
        await client.take('HTTP/1.1 103 Early Hints\r\n');
        await client.take('HTTP/1.1 100 Continue\r\n\r\n');
        client.write('x');
        await peer.wholeRequest(1);
        peer.respond(1, 'done');
        assert.equal((await client.receive('response')).body.toString(), 'done');
      }),
    );

    test(
      'and what else the node said before it broke the connection off count, also where a write learns of the break first',
      withNode({}, async (lab, node) => {
        const client = await FrameClient.open(lab.port);
        client.request(1, POST, false);
        client.write(frame(h2.DATA, 0, 1, Buffer.alloc(2_000)));
        const peer = await node.peer(0);
        await peer.until((each) => each.dataOf(1).length === 2_000, 'the begin of the body');
        const other = lab.ask(post('unseen'));
        await peer.wholeRequest(3);
        await new Promise((resolve) => setTimeout(resolve, 5));
        client.write(frame(h2.DATA, 0, 1, Buffer.alloc(2_000)));
        // After the gateway has read that, and before it writes it.
        setImmediate(() => {
          peer.write(
            frame(h2.HEADERS, h2.END_HEADERS, 1, blockOf([[':status', '413']])),
            frame(h2.DATA, h2.END_STREAM, 1, Buffer.from('large')),
            frame(h2.GOAWAY, 0, 0, Buffer.concat([number32(1), number32(0)])),
          );
          peer.cut();
        });
        assert.equal(await client.status(1), 413);
        assert.equal((await client.frame(h2.DATA, 1)).payload.toString(), 'large');
        client.end();
        const next = await node.peer(1);
        await next.wholeRequest(1);
        next.respond(1, 'again');
        assert.equal((await other).body.toString(), 'again');
      }),
    );

    test(
      'that does not wait for the request reaches the client, and the node need not read the rest',
      withNode({}, async (lab, node) => {
        const client = await lab.connect();
        client.write(`POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000000\r\n\r\n${'x'.repeat(50_000)}`);
        const peer = await node.peer(0);
        await peer.request(1);
        peer.respond(1, 'enough', [[':status', '413']]);
        assert.equal((await client.receive('response')).status, 413);
        assert.equal(await peer.resetCode(1), h2.CANCEL);
        peer.reset(1, h2.NO_ERROR);
        await serves(lab, peer, 3);
      }),
    );

    test(
      'that breaks off is visibly cut, and none is taken for complete',
      withNode({}, async (lab, node) => {
        const client = await lab.connect();
        client.write(get());
        const peer = await node.peer(0);
        await peer.request(1);
        peer.head(1, [[':status', '200']]);
        peer.data(1, 'half');
        await client.take('half');
        peer.reset(1, h2.INTERNAL_ERROR);
        assert.equal(await client.whenOver(), 'reset');
        assert.equal((await lab.logged(1))[0]?.errorCode, 'upstream_reset');
      }),
    );

    test(
      'that a slow client does not take is held back at the node, and nobody else’s on the connection is',
      withNode({}, async (lab, node) => {
        const slow = await FrameClient.open(lab.port);
        slow.request(1);
        const peer = await node.peer(0);
        await peer.request(1);
        peer.head(1, [[':status', '200']]);
        let allowed = 262_144;
        let sent = 0;
        const update = (): void => {
          allowed =
            262_144 +
            peer.frames
              .filter(({ type, stream }) => type === h2.WINDOW_UPDATE && stream === 1)
              .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0);
        };
        for (let quiet = 0; quiet < 40; update()) {
          const most = Math.min(16_384, allowed - sent);
          if (most > 0) peer.data(1, Buffer.alloc(most));
          sent += Math.max(0, most);
          quiet = most > 0 ? 0 : quiet + 1;
          assert.ok(sent < 16_000_000, `${sent} bytes were allowed while nobody read`);
          await new Promise((resolve) => setTimeout(resolve, quiet > 0 ? 5 : 0));
        }
        const answer = lab.ask(get());
        await peer.request(3);
        peer.head(3, [[':status', '200']]);
        for (let i = 0; i < 15; i++) peer.data(3, Buffer.alloc(16_384));
        peer.data(3, 'x', true);
        assert.equal((await answer).body.length, 15 * 16_384 + 1);
        slow.write(
          frame(h2.WINDOW_UPDATE, 0, 0, number32(100_000_000)),
          frame(h2.WINDOW_UPDATE, 0, 1, number32(100_000_000)),
        );
        await slow.until((each) => each.dataOf(1).length === sent, 'the rest');
        await peer.until(() => (update(), allowed > sent), 'a window again');
        peer.data(1, '', true);
        await slow.until((each) => each.isEnded(1), 'the end');
        slow.end();
      }),
    );
  });

  describe('a request that the node did not look at is sent again, whatever it is:', () => {
    test(
      'after GOAWAY those above its last stream, while the others are answered',
      withNode({}, async (lab, node) => {
        const first = lab.ask(post('first'));
        const peer = await node.peer(0);
        await peer.wholeRequest(1);
        const second = lab.ask(post('second'));
        await peer.wholeRequest(3);
        peer.goaway(1);
        const other = await node.peer(1);
        await other.wholeRequest(1);
        assert.equal(other.dataOf(1).toString(), 'second');
        other.respond(1, 'from the other');
        assert.equal((await second).body.toString(), 'from the other');
        peer.respond(1, 'still answered');
        assert.equal((await first).body.toString(), 'still answered');
        await peer.closed();
      }),
    );

    test(
      'after REFUSED_STREAM, and no other one goes there until there is room',
      withNode({}, async (lab, node) => {
        const first = lab.ask(post('first'));
        const peer = await node.peer(0);
        await peer.wholeRequest(1);
        const second = lab.ask(post('second'));
        await peer.wholeRequest(3);
        peer.reset(3, h2.REFUSED_STREAM);
        const other = await node.peer(1);
        await other.wholeRequest(1);
        other.respond(1, 'elsewhere');
        assert.equal((await second).body.toString(), 'elsewhere');
        peer.respond(1, 'one');
        await first;
        assert.deepEqual(lab.log.map(({ upstreamStatuses }) => upstreamStatuses).toSorted(), ['-, 200', '200']);
      }),
    );

    test(
      'three times, and where it is refused again it is answered 502',
      withNode({}, async (lab, node) => {
        const answer = lab.ask(post('x'));
        for (const index of [0, 1, 2, 3]) {
          const peer = await node.peer(index);
          await peer.wholeRequest(1);
          peer.reset(1, h2.REFUSED_STREAM);
        }
        assert.equal((await answer).status, 502);
      }),
    );

    test(
      'and what it may have looked at is not',
      withNode({}, async (lab, node) => {
        const answer = lab.ask(post('x'));
        const peer = await node.peer(0);
        await peer.wholeRequest(1);
        peer.reset(1, h2.CANCEL);
        assert.equal((await answer).status, 502);
        assert.equal(node.peers.length, 1);
      }),
    );

    test(
      'nor is an idempotent one at the same node, which has said that it is there',
      withNode({}, async (lab, node) => {
        const peer = await warm(lab, node);
        const answer = lab.ask(get());
        await peer.request(3);
        peer.reset(3, h2.INTERNAL_ERROR);
        assert.equal((await answer).status, 502);
        assert.deepEqual(
          lab.log.map(({ upstreamStatuses }) => upstreamStatuses),
          ['200', '-'],
        );
        await serves(lab, peer, 5);
      }),
    );

    test(
      'an idempotent one also after its connection ended, and not on another one that the node ended with it',
      withNode({ node: settingsOf([h2.MAX_CONCURRENT_STREAMS, 2]) }, async (lab, node) => {
        const peer = await warm(lab, node);
        const answers = [lab.ask(get()), lab.ask(get())];
        await peer.request(3);
        await peer.request(5);
        const before = lab.ask(get());
        const other = await node.peer(1);
        await other.request(1);
        other.respond(1, 'before');
        await before;
        answers.push(lab.ask(get()));
        await other.request(3);
        // Of the first one's requests, one would have room on the other.
        peer.cut();
        other.cut();
        const answering = async (next: NodePeer): Promise<void> => {
          for (const stream of [1, 3]) {
            await next.request(stream);
            next.respond(stream, 'again');
          }
        };
        for (const index of [2, 3])
          void node
            .peer(index)
            .then(answering)
            .catch(() => undefined);
        for (const { body } of await Promise.all(answers)) assert.equal(body.toString(), 'again');
      }),
    );

    test(
      'an idempotent one also after its connection ended, at the next node where there is one',
      withNode({ nodes: 2 }, async (lab, node, other) => {
        const answer = lab.ask(get());
        const peer = await Promise.race([node.peer(0), other.peer(0)]);
        await peer.request(1);
        peer.cut();
        const second = await (peer === node.peers[0] ? other : node).peer(0);
        await second.request(1);
        second.respond(1, 'the other');
        assert.equal((await answer).body.toString(), 'the other');
      }),
    );
  });

  describe('a response is malformed that', () => {
    const MALFORMED: readonly (readonly [what: string, play: (peer: NodePeer) => void])[] = [
      ['has no status', (peer) => peer.head(1, [['a', 'b']])],
      [
        'has two',
        (peer) =>
          peer.head(1, [
            [':status', '200'],
            [':status', '200'],
          ]),
      ],
      ['has a status that is none', (peer) => peer.head(1, [[':status', '2000']])],
      [
        'has a pseudo field of requests',
        (peer) =>
          peer.head(1, [
            [':status', '200'],
            [':path', '/'],
          ]),
      ],
      [
        'has Connection',
        (peer) =>
          peer.head(1, [
            [':status', '200'],
            ['connection', 'close'],
          ]),
      ],
      [
        'has Transfer-Encoding',
        (peer) =>
          peer.head(1, [
            [':status', '200'],
            ['transfer-encoding', 'chunked'],
          ]),
      ],
      [
        'has a name in upper case',
        (peer) =>
          peer.head(1, [
            [':status', '200'],
            ['Server', 'x'],
          ]),
      ],
      [
        'has CR and LF in a value',
        (peer) =>
          peer.head(1, [
            [':status', '200'],
            ['a', 'b\r\nset-cookie: c'],
          ]),
      ],
      [
        'has two lengths',
        (peer) =>
          peer.head(1, [
            [':status', '200'],
            ['content-length', '1'],
            ['content-length', '1'],
          ]),
      ],
      ['says 101', (peer) => peer.head(1, [[':status', '101']])],
      ['ends with an interim one', (peer) => peer.head(1, [[':status', '100']], true)],
      [
        'promises a body and has none',
        (peer) =>
          peer.head(
            1,
            [
              [':status', '200'],
              ['content-length', '1'],
            ],
            true,
          ),
      ],
      ['begins with content', (peer) => peer.data(1, 'x')],
      [
        'has too many fields',
        (peer) => peer.head(1, [[':status', '200'], ...Array.from({ length: 501 }, (_, i) => [`x-${i}`, ''] as const)]),
      ],
      [
        'is preceded by too many',
        (peer) => {
          for (let i = 0; i < 17; i++) peer.head(1, [[':status', '103']]);
        },
      ],
    ];
    for (const [what, play] of MALFORMED) {
      test(
        `${what}: 502 for its client, and the other requests of the connection go on`,
        withNode({ settings: { early_hints: 'drop' } }, async (lab, node) => {
          const answer = lab.ask(get());
          const peer = await node.peer(0);
          await peer.request(1);
          play(peer);
          assert.equal((await answer).status, 502);
          assert.equal((await lab.logged(1))[0]?.errorCode, 'upstream_malformed');
          assert.equal(await peer.resetCode(1), h2.PROTOCOL_ERROR);
          await serves(lab, peer, 3);
        }),
      );
    }

    const CUT: readonly (readonly [what: string, play: (peer: NodePeer) => void])[] = [
      ['is longer than it promised', (peer) => peer.data(1, 'x'.repeat(20))],
      ['is shorter than it promised', (peer) => peer.data(1, 'x', true)],
      ['is shorter than it promised, with trailers', (peer) => peer.head(1, [['a', 'b']], true)],
      ['has a second head', (peer) => peer.head(1, [[':status', '200']])],
      ['has a pseudo field in its trailers', (peer) => peer.head(1, [[':status', '200']], true)],
      [
        'comes beyond its window',
        (peer) => {
          for (let i = 0; i < 20; i++) peer.data(1, Buffer.alloc(16_384));
        },
      ],
    ];
    for (const [what, play] of CUT) {
      test(
        `${what}: it is cut off visibly`,
        withNode({}, async (lab, node) => {
          const client = await lab.connect();
          client.write(get());
          const peer = await node.peer(0);
          await peer.request(1);
          const length: Fields = what.includes('window') ? [] : [['content-length', '10']];
          peer.head(1, [[':status', '200'], ...length]);
          await client.take('\r\n\r\n');
          if (what.includes('window')) client.socket.pause();
          play(peer);
          if (what.includes('window')) await new Promise((resolve) => setImmediate(resolve));
          client.socket.resume();
          if (!what.includes('window')) assert.equal(await client.whenOver(), 'reset');
          else client.reset();
          await lab.logged(1);
        }),
      );
    }
  });

  describe('a node ends its connection, and nobody waits for it, that', () => {
    const repeat = (count: number, one: Buffer): Buffer => Buffer.concat(Array.from({ length: count }, () => one));
    const ATTACKS: readonly (readonly [what: string, bytes: Buffer, counted: string])[] = [
      ['floods with PING', repeat(200, frame(h2.PING, 0, 0, Buffer.alloc(8))), 'ping_flood'],
      ['floods with SETTINGS', repeat(50, frame(h2.SETTINGS, 0, 0)), 'settings_flood'],
      ['floods with frames of unknown types', repeat(200, frame(99, 0, 0)), 'empty_frames'],
      ['floods with PRIORITY', repeat(1_000, frame(h2.PRIORITY, 0, 1, Buffer.alloc(5))), 'priority_flood'],
      ['floods with tiny windows', repeat(3_000, frame(h2.WINDOW_UPDATE, 0, 0, number32(1))), 'window_updates'],
      [
        'sends a head that does not end',
        Buffer.concat([
          frame(h2.HEADERS, 0, 1, blockOf([[':status', '200']])),
          repeat(100, frame(h2.CONTINUATION, 0, 1, blockOf([['a', 'b']]))),
        ]),
        'continuation_flood',
      ],
      ['pushes', frame(h2.PUSH_PROMISE, h2.END_HEADERS, 1, Buffer.alloc(8)), 'protocol_error'],
      ['opens streams', frame(h2.HEADERS, h2.END_HEADERS, 2, blockOf([[':status', '200']])), 'protocol_error'],
      [
        'answers what nobody asked',
        frame(h2.HEADERS, h2.END_HEADERS, 9, blockOf([[':status', '200']])),
        'protocol_error',
      ],
      ['breaks the compression', frame(h2.HEADERS, h2.END_HEADERS, 1, Buffer.of(0xbe)), 'protocol_error'],
      ['sends a frame that is too large', frame(h2.DATA, 0, 1, Buffer.alloc(20_000)), 'protocol_error'],
      ['allows pushes', frame(h2.SETTINGS, 0, 0, settingsOf([h2.ENABLE_PUSH, 1])), 'protocol_error'],
      ['makes a window too large', frame(h2.WINDOW_UPDATE, 0, 0, number32(0x7fffffff)), 'protocol_error'],
      ['sends a priority update', frame(h2.PRIORITY_UPDATE, 0, 0, number32(1)), 'protocol_error'],
    ];
    for (const [what, bytes, counted] of ATTACKS) {
      test(
        what,
        withNode({}, async (lab, node) => {
          const answer = lab.ask(post('x'));
          const peer = await node.peer(0);
          await peer.wholeRequest(1);
          peer.write(bytes);
          assert.equal((await answer).status, 502);
          assert.deepEqual(lab.nodeAbuses, [counted]);
          await peer.closed();
          const next = lab.ask(get());
          const other = await node.peer(1);
          await other.request(1);
          other.respond(1, 'next');
          assert.equal((await next).body.toString(), 'next');
        }),
      );
    }

    test(
      'says nothing of HTTP/2 first',
      withNode({ node: null }, async (lab, node) => {
        const answer = lab.ask(post('x'));
        const peer = await node.peer(0);
        await peer.wholeRequest(1);
        peer.respond(1, 'x');
        assert.equal((await answer).status, 502);
        await peer.closed();
      }),
    );

    test(
      'takes no request at all',
      withNode({ node: settingsOf([h2.MAX_CONCURRENT_STREAMS, 0]) }, async (lab, node) => {
        const answer = lab.ask(post('x'));
        for (const index of [0, 1, 2, 3]) {
          const peer = await node.peer(index);
          await peer.wholeRequest(1);
          peer.reset(1, h2.REFUSED_STREAM);
          await peer.closed();
        }
        assert.equal((await answer).status, 502);
      }),
    );
  });

  describe('in time:', () => {
    const TIMEOUTS = { connect_ms: 5_000, send_ms: 5_000, read_ms: 10_000 };
    const timed = (
      body: (
        lab: Lab,
        pass: (ms: number) => Promise<void>,
        node: Parameters<Parameters<typeof withNode>[1]>[1],
      ) => Promise<void>,
      node: Uint8Array = Buffer.alloc(0),
    ): (() => Promise<void>) => {
      const clock = new HandClock();
      const options = {
        clock,
        node,
        upstream: { timeouts: TIMEOUTS, keepalive: { size: 10, idle_ms: 30_000, requests: 3 } },
      };
      return withNode(options, (lab, server) => body(lab, (ms) => clock.pass(lab, ms), server));
    };

    test(
      'a node that does not answer is given up with 504, asked whether it is there, and used again if it says so',
      timed(async (lab, pass, node) => {
        const answer = lab.ask(get());
        const peer = await node.peer(0);
        await peer.request(1);
        await pass(11_000);
        assert.equal((await answer).status, 504);
        assert.equal(await peer.resetCode(1), h2.CANCEL);
        const { payload } = await peer.frame(h2.PING, 0);
        // What comes after it is answered after it was read.
        peer.write(frame(h2.PING, h2.ACK, 0, payload), frame(h2.PING, 0, 0, Buffer.alloc(8, 7)));
        const isAnswered = ({ frames }: NodePeer): boolean =>
          frames.some(({ type, flags, payload: told }) => type === h2.PING && flags === h2.ACK && told[0] === 7);
        await peer.until(isAnswered, 'the answer to a PING');
        await serves(lab, peer, 3);
      }),
    );

    test(
      'one that does not say so loses its connection, and until then nothing more goes there',
      timed(async (lab, pass, node) => {
        const answer = lab.ask(get());
        const peer = await node.peer(0);
        await peer.request(1);
        await pass(11_000);
        assert.equal((await answer).status, 504);
        const next = lab.ask(get());
        const other = await node.peer(1);
        await other.request(1);
        other.respond(1, 'elsewhere');
        assert.equal((await next).body.toString(), 'elsewhere');
        await pass(6_000);
        await peer.closed();
      }),
    );

    test(
      'a body that takes longer than an answer may is no fault of a node that has asked for it',
      timed(async (lab, pass, node) => {
        const client = await lab.connect();
        client.write('POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n');
        const peer = await node.peer(0);
        await peer.request(1);
        peer.head(1, [[':status', '100']]);
        await client.take('100 Continue\r\n\r\n');
        for (const length of [1, 2, 3]) {
          await pass(8_000);
          client.write('x');
          await peer.until((each) => each.dataOf(1).length === length, 'a piece of the body');
        }
        peer.respond(1, 'done');
        assert.equal((await client.receive('response')).body.toString(), 'done');
      }),
    );

    const quick = new HandClock();
    test(
      'a client may be quiet while its node speaks, however much of its request is to come',
      withNode({ clock: quick, settings: { timeouts: { body_ms: 5_000 } } }, async (lab, node) => {
        const client = await FrameClient.open(lab.port);
        client.request(1, POST, false);
        const peer = await node.peer(0);
        await peer.request(1);
        peer.head(1, [[':status', '200']]);
        for (let length = 1; length < 5; length++) {
          peer.data(1, 'x');
          await client.until((each) => each.dataOf(1).length === length, 'an event');
          await quick.pass(lab, 4_000);
        }
        client.write(frame(h2.DATA, h2.END_STREAM, 1, Buffer.from('enough')));
        await peer.wholeRequest(1);
        peer.data(1, '', true);
        await client.until((each) => each.isEnded(1), 'the end');
        client.request(3, POST, false);
        await peer.request(3);
        await quick.pass(lab, 6_000);
        assert.equal(await client.status(1), 200);
        assert.equal(await client.status(3), 408);
        client.end();
      }),
    );

    test(
      'one that keeps the window of a connection shut for the body of one request gets others on another connection',
      timed(async (lab, pass, node) => {
        const large = lab.ask(post('x'.repeat(100_000)));
        const peer = await node.peer(0);
        await peer.until((each) => each.dataOf(1).length === h2.DEFAULT_WINDOW, 'what the window allows');
        await pass(2_000);
        const small = lab.ask(post('small'));
        const other = await node.peer(1);
        await other.wholeRequest(1);
        other.respond(1, 'at once');
        assert.equal((await small).body.toString(), 'at once');
        const more = number32(100_000);
        peer.write(frame(h2.WINDOW_UPDATE, 0, 0, more), frame(h2.WINDOW_UPDATE, 0, 1, more));
        await peer.wholeRequest(1);
        peer.respond(1, 'done');
        assert.equal((await large).body.toString(), 'done');
        await serves(lab, peer, 3);
      }),
    );

    test(
      'one that opens no window is given up with 504',
      timed(
        async (lab, pass, node) => {
          const warmed = await warm(lab, node);
          const answer = lab.ask(post('x'.repeat(100)));
          await warmed.until((each) => each.dataOf(3).length === 10, 'what the window allows');
          await pass(6_000);
          assert.equal((await answer).status, 504);
          assert.equal((await lab.logged(2))[1]?.errorCode, 'upstream_send_timeout');
        },
        settingsOf([h2.INITIAL_WINDOW_SIZE, 10]),
      ),
    );

    test(
      'an idle connection is closed after its time, and one that has carried its share at once',
      timed(async (lab, pass, node) => {
        const exchange = async (index: number, stream: number): Promise<NodePeer> => {
          const answer = lab.ask(get());
          const peer = await node.peer(index);
          await peer.request(stream);
          peer.respond(stream, 'x');
          await answer;
          return peer;
        };
        const first = await exchange(0, 1);
        await exchange(0, 3);
        await exchange(0, 5);
        await first.closed();
        const second = await exchange(1, 1);
        await pass(29_000);
        assert.equal(second.isClosed, false);
        await pass(2_000);
        await second.closed();
      }),
    );
  });

  test(
    'at a stop, what is under way is answered first',
    withNode({}, async (lab, node) => {
      const client = await FrameClient.open(lab.port);
      client.request(1, GET);
      const peer = await node.peer(0);
      await peer.request(1);
      const over = lab.worker.drain();
      await client.frame(h2.GOAWAY, 0);
      peer.respond(1, 'last');
      await client.until((each) => each.isEnded(1), 'the answer');
      assert.equal(client.dataOf(1).toString(), 'last');
      client.end();
      await over;
      await peer.closed();
    }),
  );

  test(
    'a stream of messages both ways passes piece by piece, while neither side is through',
    withNode({}, async (lab, node) => {
      const client = await FrameClient.open(lab.port);
      client.request(1, [...POST, ['te', 'trailers'], ['content-type', 'application/grpc']], false);
      const peer = await node.peer(0);
      await peer.request(1);
      peer.head(1, [
        [':status', '200'],
        ['content-type', 'application/grpc'],
      ]);
      for (let i = 1; i <= 20; i++) {
        client.write(frame(h2.DATA, 0, 1, Buffer.alloc(100, i)));
        await peer.until((each) => each.dataOf(1).length === i * 100, 'the message');
        peer.data(1, Buffer.alloc(200, i));
        await client.until((each) => each.dataOf(1).length === i * 200, 'its answer');
      }
      client.write(frame(h2.DATA, h2.END_STREAM, 1));
      await peer.until((each) => each.isEnded(1), 'the end of the request');
      peer.head(1, [['grpc-status', '0']], true);
      await client.until((each) => each.isEnded(1), 'the end of the answer');
      await eventually(
        () => lab.log.length === 1,
        () => 'logged',
      );
      client.end();
    }),
  );
}

const REPLACING: Chain = {
  ...EMPTY_CHAIN,
  rewrite: [
    {
      plugin: 'probe',
      number: 1,
      priority: 0,
      instance: {
        rewrite: async ({ request }) => {
          await request.readBody(1_000);
          request.setBody('other');
        },
      },
      filter: null,
      errorResponse: undefined,
    },
  ],
  isEmpty: false,
};

test(
  'a body that a plugin put in the place of the client’s has no trailers of that one',
  nodeLab('grpc')({ chain: REPLACING }, async (lab, node) => {
    const client = await FrameClient.open(lab.port);
    client.request(1, POST, false);
    client.write(frame(h2.DATA, 0, 1, Buffer.from('body')));
    client.request(1, [['x-sum', '1']]);
    const peer = await node.peer(0);
    await peer.wholeRequest(1);
    assert.equal(peer.dataOf(1).toString(), 'other');
    assert.equal(peer.sectionsOf(1).length, 1);
    peer.respond(1, '');
    assert.equal(await client.status(1), 200);
    client.end();
  }),
);

test('a node that is not there is answered 502, and the next one serves', async () => {
  const nobody = await closedPort();
  await inLab({ ports: [nobody], upstream: { scheme: 'grpc' } }, async (lab) => {
    assert.equal((await lab.ask(get())).status, 502);
    assert.equal((await lab.logged(1))[0]?.errorCode, 'upstream_refused');
  })();
});

test(
  'a node that speaks HTTP/1.1 is answered 502',
  inLab({ upstreams: [answering(ok('x'))], upstream: { scheme: 'grpc' } }, async (lab) => {
    assert.equal((await lab.ask(get())).status, 502);
    assert.equal((await lab.logged(1))[0]?.errorCode, 'upstream_malformed');
    for (const fault of lab.node.faults.splice(0)) assert.ok(fault instanceof Error);
  }),
);
