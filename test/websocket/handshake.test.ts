/** The opening handshake, RFC 6455 §4: what passes, what is refused, and what stays plain HTTP. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inLab } from '../traps/lab.ts';
import { valueOf, valuesOf } from '../traps/message.ts';
import { answering, manual, ok } from '../traps/scripted-upstream.ts';
import { acceptOf, KEY, opening, switching } from './frames.ts';
import { inWebSocketLab, join } from './lab.ts';

test(
  'a valid handshake goes on as it came, its answer comes back, and bytes pass both ways',
  inWebSocketLab({}, async (lab) => {
    const client = await lab.connect();
    client.write(
      opening({
        'Sec-WebSocket-Protocol': 'chat, v2',
        'Sec-WebSocket-Extensions': 'permessage-deflate; x=1',
        Origin: 'o',
      }),
    );
    const upstream = await lab.node.connection(0);
    const request = await upstream.receive('request');
    assert.equal(request.startLine, 'GET /chat HTTP/1.1');
    assert.deepEqual(valuesOf(request, 'Upgrade'), ['websocket']);
    assert.deepEqual(valuesOf(request, 'Connection'), ['Upgrade']);
    assert.deepEqual(valuesOf(request, 'Sec-WebSocket-Key'), [KEY]);
    assert.deepEqual(valuesOf(request, 'Origin'), ['o']);
    upstream.write(
      switching({
        'Sec-WebSocket-Protocol': 'v2',
        'Sec-WebSocket-Extensions': 'permessage-deflate',
        'X-Kept': '1',
        'Keep-Alive': '5',
      }),
    );
    const head = await client.take('\r\n\r\n');
    assert.match(head, /^HTTP\/1\.1 101 Switching Protocols\r\n/);
    for (const line of [
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Protocol: v2',
      'X-Kept: 1',
      `Sec-WebSocket-Accept: ${acceptOf(KEY)}`,
    ])
      assert.equal(head.split('\r\n').filter((each) => each === line).length, 1, line);
    assert.doesNotMatch(head, /Keep-Alive|Content-Length|close/);
    client.write('up');
    assert.equal(await upstream.take('up'), 'up');
    upstream.write('down');
    assert.equal(await client.take('down'), 'down');
    client.finish();
    await upstream.whenOver();
    upstream.finish();
    assert.equal(await client.whenOver(), 'fin');
    const [logged] = await lab.logged(1);
    assert.deepEqual(
      [logged?.status, logged?.errorCode, logged?.bodyBytesSent, logged?.upstreamStatuses],
      [101, '', 4, '101'],
    );
  }),
);

/** What a client may get wrong. */
const REFUSED: readonly (readonly [string, string])[] = [
  ['another method', opening({}, 'POST /chat HTTP/1.1')],
  ['a body', opening({ 'Content-Length': '3' }) + 'abc'],
  ['a chunked body', opening({ 'Transfer-Encoding': 'chunked' }) + '0\r\n\r\n'],
  ['no Connection: upgrade', opening({ Connection: 'keep-alive' })],
  ['no Connection', opening({ Connection: '' })],
  ['no key', opening({ 'Sec-WebSocket-Key': '' })],
  ['a short key', opening({ 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZQ==' })],
  ['a long key', opening({ 'Sec-WebSocket-Key': `${KEY.slice(0, -2)}AA==` })],
  ['a key that is no base64', opening({ 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25j!Q==' })],
  ['a key with bits that say nothing', opening({ 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZR==' })],
  ['two keys', opening({ 'Sec-WebSocket-Key': `${KEY}\r\nSec-WebSocket-Key: ${KEY}` })],
  ['two versions', opening({ 'Sec-WebSocket-Version': '13\r\nSec-WebSocket-Version: 13' })],
  ['no version', opening({ 'Sec-WebSocket-Version': '' })],
  ['a key for this hop alone', opening({ Connection: 'Upgrade, Sec-WebSocket-Key' })],
  ['a malformed protocol', opening({ 'Sec-WebSocket-Protocol': 'a b' })],
  ['a protocol twice', opening({ 'Sec-WebSocket-Protocol': 'a, a' })],
  ['a malformed extension', opening({ 'Sec-WebSocket-Extensions': 'a;;b' })],
];

for (const [name, request] of REFUSED) {
  test(
    `a handshake with ${name} is refused, and nobody is asked`,
    inWebSocketLab({}, async (lab) => {
      const answer = await lab.ask(request);
      assert.equal(answer.status, 400);
      assert.equal(valueOf(answer, 'X-Gatewright-Error'), 'websocket_handshake');
      assert.equal(lab.node.connections.length, 0);
    }),
  );
}

test(
  'a handshake of another version is answered with 426 and the version that is spoken',
  inWebSocketLab({}, async (lab) => {
    for (const version of ['8', '13, 8', '014']) {
      const answer = await lab.ask(opening({ 'Sec-WebSocket-Version': version }));
      assert.equal(answer.status, 426);
      assert.equal(valueOf(answer, 'Sec-WebSocket-Version'), '13');
      assert.equal(valueOf(answer, 'X-Gatewright-Error'), 'websocket_version');
      // RFC 9110 §15.5.22.
      assert.deepEqual([valueOf(answer, 'Upgrade'), valueOf(answer, 'Connection')], ['websocket', 'Upgrade']);
    }
  }),
);

/** What stays HTTP although the route enables WebSocket. */
const PLAIN: readonly (readonly [string, string])[] = [
  ['h2c', opening({ Connection: 'Upgrade, HTTP2-Settings', Upgrade: 'h2c', 'HTTP2-Settings': 'AAMAAABkAAQAAP__' })],
  ['websocket beside h2c', opening({ Upgrade: 'websocket, h2c' })],
  ['h2c in a second field', opening({ Upgrade: 'websocket\r\nUpgrade: h2c' })],
  ['another protocol', opening({ Upgrade: 'TLS/1.0' })],
  ['websocket in HTTP/1.0', opening({ Connection: 'Upgrade, keep-alive' }, 'GET /chat HTTP/1.0')],
];

for (const [name, request] of PLAIN) {
  test(
    `an upgrade to ${name} is dropped, and a switch all the same is answered with 502`,
    inWebSocketLab({}, async (lab) => {
      const client = await lab.connect();
      client.write(request);
      const upstream = await lab.node.connection(0);
      const seen = await upstream.receive('request');
      assert.deepEqual([...valuesOf(seen, 'Upgrade'), ...valuesOf(seen, 'Connection')], []);
      upstream.write(switching() + 'frames');
      assert.equal((await client.receive('response')).status, 502);
    }),
  );
}

test(
  'a route that does not enable WebSocket passes the request on as plain HTTP',
  inLab({ upstreams: [manual] }, async (lab) => {
    const client = await lab.connect();
    client.write(opening());
    const upstream = await lab.node.connection(0);
    assert.deepEqual(valuesOf(await upstream.receive('request'), 'Upgrade'), []);
    upstream.write(switching());
    assert.equal((await client.receive('response')).status, 502);
  }),
);

/** What an upstream may get wrong. */
const BAD_ANSWERS: readonly (readonly [string, string])[] = [
  ['another Accept', switching({ 'Sec-WebSocket-Accept': acceptOf('x') })],
  ['no Accept', switching({ 'Sec-WebSocket-Accept': '' })],
  ['Accept twice', switching({ 'Sec-WebSocket-Accept': `${acceptOf(KEY)}\r\nSec-WebSocket-Accept: ${acceptOf(KEY)}` })],
  ['another protocol of the connection', switching({ Upgrade: 'h2c' })],
  ['no Upgrade', switching({ Upgrade: '' })],
  ['no Connection', switching({ Connection: '' })],
  ['a subprotocol that was not offered', switching({ 'Sec-WebSocket-Protocol': 'other' })],
  ['two subprotocols', switching({ 'Sec-WebSocket-Protocol': 'chat\r\nSec-WebSocket-Protocol: chat' })],
  ['an extension that was not offered', switching({ 'Sec-WebSocket-Extensions': 'x-mine' })],
  ['a body', switching({ 'Content-Length': '3' })],
  ['HTTP/1.0', switching({}, 'HTTP/1.0 101 Switching Protocols')],
];

for (const [name, response] of BAD_ANSWERS) {
  test(
    `a 101 with ${name} is answered with 502, and its connection is ended`,
    inWebSocketLab({}, async (lab) => {
      const client = await lab.connect();
      client.write(opening({ 'Sec-WebSocket-Protocol': 'chat' }));
      const upstream = await lab.node.connection(0);
      await upstream.receive('request');
      upstream.write(`${response}frames`);
      const answer = await client.receive('response');
      assert.equal(answer.status, 502);
      assert.equal(valueOf(answer, 'X-Gatewright-Error'), 'upstream_malformed');
      assert.notEqual(await upstream.whenOver(), 'open');
      assert.equal(client.text, '');
    }),
  );
}

for (const status of [200, 401, 426]) {
  test(
    `an answer ${status} to a handshake is passed on, and what follows is the next request, by every rule`,
    inLab(
      {
        upstreams: [
          answering(
            ({ startLine }) =>
              `HTTP/1.1 ${startLine.includes('/chat') ? status : 200} X\r\nContent-Length: 1\r\nSec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n\r\nx`,
          ),
        ],
        find: ({ path }, route) => (path === '/internal' ? undefined : { ...route, websocket: true }),
      },
      async (lab) => {
        const client = await lab.connect();
        client.write(`${opening()}GET /internal HTTP/1.1\r\nHost: a\r\n\r\nGET /other HTTP/1.1\r\nHost: a\r\n\r\n`);
        const answer = await client.receive('response');
        assert.equal(answer.status, status);
        assert.deepEqual([valuesOf(answer, 'Upgrade'), valueOf(answer, 'Sec-WebSocket-Version')], [[], '13']);
        assert.equal((await client.receive('response')).status, 404);
        assert.equal((await client.receive('response')).status, 200);
        // It did not become a tunnel: the connection to the upstream was used again.
        assert.equal(lab.node.connections.length, 1);
      },
    ),
  );
}

test(
  'what came along with either head is passed on, and no request in it is obeyed',
  inWebSocketLab({}, async (lab) => {
    const client = await lab.connect();
    const early = 'GET /internal HTTP/1.1\r\nHost: a\r\n\r\n';
    client.write(opening() + early);
    const upstream = await lab.node.connection(0);
    await upstream.receive('request');
    upstream.write(`${switching()}first words`);
    assert.match(await client.take('first words'), /\r\n\r\nfirst words$/);
    assert.equal(await upstream.take(early), early);
    assert.equal(lab.log.length, 0);
  }),
);

test(
  'a tunnel is in no pool: the next request has a connection of its own',
  inWebSocketLab({}, async (lab) => {
    const { client, upstream } = await join(lab);
    client.write('x');
    await upstream.take('x');
    const other = await lab.connect();
    other.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const second = await lab.node.connection(1);
    await second.receive('request');
    second.write(ok('y'));
    assert.equal((await other.receive('response')).status, 200);
  }),
);
