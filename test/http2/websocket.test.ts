/** WebSocket in a stream (RFC 8441): what is asked of the upstream, what passes, at whose pace, and how it ends. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import http2 from 'node:http2';
import { test } from 'node:test';
import * as h2 from '../../src/http2/protocol.ts';
import { HandClock } from '../traps/hand-clock.ts';
import { eventually, type Lab, type LabOptions } from '../traps/lab.ts';
import type { RawConnection } from '../traps/raw-connection.ts';
import { answering, ok, type Script } from '../traps/scripted-upstream.ts';
import { acceptOf, BINARY, CLOSE, frame as message, framesOf, PING, PONG } from '../websocket/frames.ts';
import { inWebSocketLab, takeBytes } from '../websocket/lab.ts';
import { type Fields, frame, FrameClient, GET, number32 } from './frame-client.ts';

const HTTP2 = { http: [{ address: '127.0.0.1', port: 0, http2: true }] };

const OPENING: Fields = [
  [':method', 'CONNECT'],
  [':protocol', 'websocket'],
  [':scheme', 'http'],
  [':path', '/chat?room=1'],
  [':authority', 'a.test'],
  ['sec-websocket-version', '13'],
  ['sec-websocket-protocol', 'chat, talk'],
  ['origin', 'http://a.test'],
];

function without(...names: string[]): Fields {
  return OPENING.filter(([name]) => !names.includes(name));
}

/** The answer to a handshake whose key is not known beforehand. */
function switching(handshake: string, fields = ''): string {
  const key = /sec-websocket-key: (\S+)\r\n/i.exec(handshake)?.[1] ?? '';
  const accept = `Sec-WebSocket-Accept: ${acceptOf(key)}\r\n`;
  return `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${accept}${fields}\r\n`;
}

function inLab(options: LabOptions, body: (lab: Lab, client: FrameClient) => Promise<void>): () => Promise<void> {
  return inWebSocketLab({ ...options, settings: { ...HTTP2, ...options.settings } }, async (lab) => {
    const client = await FrameClient.open(lab.port);
    try {
      await body(lab, client);
    } finally {
      // By RST: a tunnel may be half-open. Node.js leaves a socket open for ever that is reset while it is being shut down.
      if (client.isClosed) client.end();
      else client.socket.resetAndDestroy();
    }
  });
}

/** A tunnel in stream 1, and its other end; nothing was sent yet. */
async function join(lab: Lab, client: FrameClient, stream = 1): Promise<RawConnection> {
  client.request(stream, OPENING, false);
  const upstream = await lab.node.connection(lab.node.connections.length);
  upstream.write(switching(await upstream.take('\r\n\r\n')));
  assert.equal(await client.status(stream), 200);
  return upstream;
}

const send = (client: FrameClient, bytes: Uint8Array, flags = 0, stream = 1): void => {
  for (let at = 0; at < bytes.length || at === 0; at += 16_384) {
    const isLast = at + 16_384 >= bytes.length;
    client.write(frame(h2.DATA, isLast ? flags : 0, stream, bytes.subarray(at, at + 16_384)));
  }
};

const wideOpen = (client: FrameClient, stream = 1): void =>
  client.write(
    frame(h2.WINDOW_UPDATE, 0, 0, number32(100_000_000)),
    frame(h2.WINDOW_UPDATE, 0, stream, number32(100_000_000)),
  );

async function received(client: FrameClient, count: number, stream = 1): Promise<Buffer> {
  return client.until((each) => {
    const bytes = each.dataOf(stream);
    return bytes.length >= count && bytes;
  }, `${count} bytes`);
}

test(
  'the server says that it can, and asks the upstream as a client of HTTP/1.1 would',
  inLab({}, async (lab, client) => {
    const { payload } = await client.frame(h2.SETTINGS, 0);
    const settings = new Map<number, number>();
    for (let at = 0; at < payload.length; at += 6) settings.set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
    assert.equal(settings.get(h2.ENABLE_CONNECT_PROTOCOL), 1);
    client.request(1, [...OPENING, ['sec-websocket-key', 'AAAAAAAAAAAAAAAAAAAAAA==']], false);
    const upstream = await lab.node.connection(0);
    const handshake = await upstream.take('\r\n\r\n');
    assert.match(handshake, /^GET \/chat\?room=1 HTTP\/1\.1\r\nhost: a\.test\r\n/);
    const fields = handshake.toLowerCase().split('\r\n');
    for (const expected of [
      'connection: upgrade',
      'upgrade: websocket',
      'sec-websocket-version: 13',
      'sec-websocket-protocol: chat, talk',
      'origin: http://a.test',
    ])
      assert.equal(fields.filter((field) => field === expected).length, 1, expected);
    const keys = handshake.match(/sec-websocket-key: \S+/gi) ?? [];
    assert.equal(keys.length, 1);
    assert.notEqual(keys[0], 'sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==');
    upstream.write(switching(handshake, 'Sec-WebSocket-Protocol: talk\r\nX-More: yes\r\n'));
    const head = await client.head(1);
    assert.equal(head[':status'], '200');
    assert.equal(head['sec-websocket-protocol'], 'talk');
    assert.equal(head['x-more'], 'yes');
    for (const name of ['connection', 'upgrade', 'sec-websocket-accept']) assert.equal(head[name], undefined, name);
    upstream.reset();
    await lab.logged(1);
  }),
);

test(
  'bytes pass both ways as they are, other streams beside them, and the log tells of it once it is over',
  inLab({}, async (lab, client) => {
    const upstream = await join(lab, client);
    wideOpen(client);
    const down = message(BINARY, Buffer.alloc(1_048_576, 9));
    const up = message(BINARY, Buffer.alloc(200_000, 7), { masked: true });
    send(client, up);
    void upstream.writeAll(down);
    assert.ok((await takeBytes(upstream, up.length)).equals(up));
    assert.ok((await received(client, down.length)).equals(down));
    client.request(3, GET);
    const second = await lab.node.connection(1);
    await second.receive('request');
    second.write(ok('beside'));
    await client.until((each) => each.isEnded(3), 'the other answer');
    assert.equal(client.dataOf(3).toString(), 'beside');
    send(client, Buffer.from('bye'), h2.END_STREAM);
    await upstream.take('bye');
    assert.equal(await upstream.whenOver(), 'fin');
    upstream.write('still here');
    upstream.finish();
    await client.until((each) => each.isEnded(1), 'the end of the tunnel');
    assert.ok(client.dataOf(1).subarray(-10).equals(Buffer.from('still here')));
    const [, logged] = await lab.logged(2);
    assert.deepEqual(
      [logged?.method, logged?.status, logged?.upstreamStatuses, logged?.errorCode, logged?.bodyBytesSent],
      ['GET', 200, '101', '', down.length + 10],
    );
    assert.equal(client.frames.filter(({ type }) => type === h2.RST_STREAM || type === h2.GOAWAY).length, 0);
  }),
);

test(
  'an upstream that ends first ends its half only',
  inLab({}, async (lab, client) => {
    const upstream = await join(lab, client);
    upstream.write('last');
    upstream.finish();
    await client.until((each) => each.isEnded(1), 'END_STREAM');
    send(client, Buffer.from('not yet'), h2.END_STREAM);
    await upstream.take('not yet');
    assert.equal(await upstream.whenOver(), 'fin');
    assert.equal((await lab.logged(1))[0]?.errorCode, '');
  }),
);

test(
  'a client that resets its stream resets the upstream, and costs the connection nothing',
  inLab({}, async (lab, client) => {
    const upstream = await join(lab, client);
    client.write(frame(h2.RST_STREAM, 0, 1, number32(h2.CANCEL)));
    assert.equal(await upstream.whenOver(), 'reset');
    assert.equal((await lab.logged(1))[0]?.errorCode, 'client_closed');
    const second = await join(lab, client, 3);
    send(client, Buffer.from('x'), 0, 3);
    await second.take('x');
  }),
);

test(
  'an upstream that breaks off resets the stream with CANCEL',
  inLab({}, async (lab, client) => {
    const upstream = await join(lab, client);
    upstream.reset();
    assert.equal(await client.resetCode(1), h2.CANCEL);
    assert.equal((await lab.logged(1))[0]?.errorCode, 'upstream_reset');
  }),
);

test(
  'a connection that is gone takes its tunnels along',
  inLab({}, async (lab, client) => {
    const upstream = await join(lab, client);
    client.socket.resetAndDestroy();
    assert.equal(await upstream.whenOver(), 'reset');
    await lab.logged(1);
  }),
);

test(
  'what a client sends before it is answered reaches the upstream afterwards, its end included',
  inLab({}, async (lab, client) => {
    client.request(1, OPENING, false);
    send(client, Buffer.alloc(100_000, 'e'), h2.END_STREAM);
    const upstream = await lab.node.connection(0);
    const handshake = await upstream.take('\r\n\r\n');
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(upstream.text, '', 'nothing goes ahead of the answer');
    upstream.write(switching(handshake));
    assert.ok((await takeBytes(upstream, 100_000)).equals(Buffer.alloc(100_000, 'e')));
    assert.equal(await upstream.whenOver(), 'fin');
    upstream.finish();
    await client.until((each) => each.isEnded(1), 'END_STREAM');
  }),
);

test(
  'a client that opens no window holds the upstream back, and gets everything once it does',
  inLab({}, async (lab, client) => {
    const upstream = await join(lab, client);
    const piece = Buffer.alloc(65_536, 5);
    let given = 0;
    while (given < 64 * 1_048_576 && upstream.socket.writableLength < 4 * 1_048_576) {
      upstream.socket.write(piece);
      given += piece.length;
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(given < 64 * 1_048_576, `all of ${given} bytes were taken while nobody read`);
    assert.equal((await received(client, 65_535)).length, 65_535);
    wideOpen(client);
    await received(client, given);
  }),
);

test(
  'an upstream that does not read gets a window taken away from the client, and no more than that is held here',
  inLab({ settings: { limits: { stream_window_bytes: 100_000 } } }, async (lab, client) => {
    const upstream = await join(lab, client);
    upstream.socket.pause();
    const allowed = (): number =>
      100_000 +
      client.frames
        .filter(({ type, stream }) => type === h2.WINDOW_UPDATE && stream === 1)
        .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0);
    let sent = 0;
    let quiet = 0;
    while (quiet < 50 && sent < 64 * 1_048_576) {
      const most = Math.min(16_384, allowed() - sent);
      if (most > 0) {
        send(client, Buffer.alloc(most, 1));
        sent += most;
        quiet = 0;
      } else quiet++;
      await new Promise((resolve) => setTimeout(resolve, quiet > 0 ? 5 : 0));
    }
    assert.ok(sent < 64 * 1_048_576, `${sent} bytes were allowed while nobody read`);
    upstream.isDropping = true;
    const before = upstream.receivedBytes;
    upstream.socket.resume();
    await upstream.until(() => upstream.receivedBytes - before >= sent, 'the rest');
    await client.until(() => allowed() > sent, 'a window again');
    client.write(frame(h2.DATA, 0, 1, Buffer.alloc(16_384)), frame(h2.DATA, 0, 1, Buffer.alloc(16_384)));
  }),
);

test(
  'bytes of random pieces arrive as they were sent, through Node’s own client',
  inLab({}, async (lab) => {
    const session = http2.connect(`http://127.0.0.1:${lab.port}`);
    await new Promise<void>((resolve) => session.once('remoteSettings', () => resolve()));
    assert.equal(session.remoteSettings.enableConnectProtocol, true);
    const stream = session.request({
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':path': '/',
      'sec-websocket-version': '13',
    });
    const upstream = await lab.node.connection(0);
    upstream.write(switching(await upstream.take('\r\n\r\n')));
    const seen = createHash('sha1');
    let count = 0;
    upstream.isDropping = true;
    upstream.socket.on('data', (bytes: Buffer) => {
      upstream.socket.write(bytes);
    });
    stream.on('data', (bytes: Buffer) => {
      seen.update(bytes);
      count += bytes.length;
    });
    const sent = createHash('sha1');
    let total = 0;
    for (let k = 0; k < 100; k++) {
      const piece = Buffer.alloc(((k * 7_919) % 60_000) + 1, k);
      sent.update(piece);
      total += piece.length;
      if (!stream.write(piece)) await new Promise((resolve) => stream.once('drain', resolve));
    }
    await eventually(
      () => count === total,
      () => `${count} of ${total} bytes came back`,
    );
    assert.equal(seen.digest('hex'), sent.digest('hex'));
    stream.end();
    assert.equal(await upstream.whenOver(), 'fin');
    upstream.finish();
    await new Promise<void>((resolve) => stream.once('close', () => resolve()));
    session.destroy();
  }),
);

const closedRoute: LabOptions = { find: (_, route) => route };
const REFUSED: readonly (readonly [what: string, fields: Fields, status: number, options?: LabOptions])[] = [
  ['a plain CONNECT', [OPENING[0]!, OPENING[4]!], 501],
  ['another protocol', [OPENING[0]!, [':protocol', 'connect-udp'], ...OPENING.slice(2)], 501],
  ['WebSocket in another spelling', [OPENING[0]!, [':protocol', 'WebSocket'], ...OPENING.slice(2)], 501],
  ['a route that does not enable it', OPENING, 501, closedRoute],
  ['no version', without('sec-websocket-version'), 400],
  ['another version', [...without('sec-websocket-version'), ['sec-websocket-version', '8']], 426],
  ['malformed subprotocols', [...without('sec-websocket-protocol'), ['sec-websocket-protocol', 'a b']], 400],
  ['no authority', without(':authority'), 400],
];
for (const [what, fields, status, options = {}] of REFUSED) {
  test(
    `${what} is answered ${status}, and nobody else hears of it`,
    inLab(options, async (lab, client) => {
      client.request(1, fields, false);
      assert.equal(await client.status(1), status);
      await client.until((each) => each.isEnded(1), 'the end of the answer');
      assert.equal(await client.resetCode(1), h2.NO_ERROR);
      assert.equal(lab.node.connections.length, 0);
    }),
  );
}

const BROKEN: readonly (readonly [what: string, fields: Fields])[] = [
  ['a length', [...OPENING, ['content-length', '0']]],
  ['Upgrade', [...OPENING, ['upgrade', 'websocket']]],
  ['no path', without(':path')],
  ['no scheme', without(':scheme')],
  ['another method', [[':method', 'GET'], ...OPENING.slice(1)]],
];
for (const [what, fields] of BROKEN) {
  test(
    `a request for a tunnel with ${what} is malformed`,
    inLab({}, async (lab, client) => {
      client.request(1, fields, false);
      assert.equal(await client.resetCode(1), h2.PROTOCOL_ERROR);
      assert.equal(lab.node.connections.length, 0);
    }),
  );
}

const ANSWERS: readonly (readonly [what: string, script: Script, status: number])[] = [
  ['refuses', answering('HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno'), 403],
  ['answers as if it were a page', answering(ok('a page')), 502],
  ['says 101 with a wrong proof', answering(switching('sec-websocket-key: wrong\r\n')), 502],
];
for (const [what, script, status] of ANSWERS) {
  test(
    `an upstream that ${what} opens no tunnel`,
    inLab({ upstreams: [script] }, async (lab, client) => {
      client.request(1, OPENING, false);
      assert.equal(await client.status(1), status);
      await client.until((each) => each.isEnded(1), 'the end of the answer');
      assert.equal((await lab.logged(1))[0]?.status, status);
    }),
  );
}

test(
  'trailers in a tunnel are an error of its stream',
  inLab({}, async (lab, client) => {
    await join(lab, client);
    client.request(1, [['x', 'y']]);
    assert.equal(await client.resetCode(1), h2.PROTOCOL_ERROR);
    await lab.logged(1);
  }),
);

test(
  'what comes beyond the window of a tunnel is an error of its stream',
  inLab({ settings: { limits: { stream_window_bytes: 30_000 } } }, async (lab, client) => {
    client.request(1, OPENING, false);
    send(client, Buffer.alloc(40_000));
    assert.equal(await client.resetCode(1), h2.FLOW_CONTROL_ERROR);
    assert.equal((await lab.logged(1))[0]?.errorCode, 'client_closed');
  }),
);

const GOING_AWAY = Buffer.from([0x03, 0xe9]);
const idleClock = new HandClock();

test(
  'a tunnel without a byte in either direction is closed with 1001 and the end of the stream',
  inLab(
    { settings: { timeouts: { tunnel_idle_ms: 20_000, linger_ms: 3_000 } }, clock: idleClock },
    async (lab, client) => {
      const upstream = await join(lab, client);
      await idleClock.pass(lab, 15_000);
      send(client, message(PING, '', { masked: true }));
      await takeBytes(upstream, 6);
      upstream.write(message(PONG, ''));
      await received(client, 2);
      await idleClock.pass(lab, 15_000);
      assert.equal(client.dataOf(1).length, 2);
      await idleClock.pass(lab, 6_000);
      const [, bye] = framesOf(await received(client, 6));
      assert.deepEqual([bye?.opcode, bye?.payload], [CLOSE, GOING_AWAY]);
      await idleClock.pass(lab, 4_000);
      await client.until((each) => each.isEnded(1), 'the end of the stream');
      assert.equal(await client.resetCode(1), h2.NO_ERROR);
      assert.equal((await lab.logged(1))[0]?.errorCode, 'tunnel_idle');
    },
  ),
);

const stallClock = new HandClock();

test(
  'a client that opens no window for too long loses its tunnel, and nothing else',
  inLab({ settings: { timeouts: { send_ms: 5_000 } }, clock: stallClock }, async (lab, client) => {
    const upstream = await join(lab, client);
    void upstream.writeAll(Buffer.alloc(4 * 1_048_576)).catch(() => undefined);
    await received(client, 65_535);
    for (let turns = 0; turns < 100 && lab.log.length === 0; turns++) await stallClock.pass(lab, 500);
    assert.equal((await lab.logged(1))[0]?.errorCode, 'tunnel_stalled');
    assert.equal(await client.resetCode(1), h2.CANCEL);
    assert.equal(await upstream.whenOver(), 'reset');
    assert.equal(client.isClosed, false);
  }),
);

const drainClock = new HandClock();

test(
  'a stop says so on the connection, lets tunnels go on for a while, and takes leave of them',
  inLab(
    { settings: { timeouts: { tunnel_drain_ms: 5_000, linger_ms: 20_000 } }, clock: drainClock },
    async (lab, client) => {
      const upstream = await join(lab, client);
      const over = lab.worker.drain();
      await drainClock.pass(lab, 4_000);
      await client.frame(h2.GOAWAY, 0);
      send(client, Buffer.from('still passes'));
      await upstream.take('still passes');
      await drainClock.pass(lab, 4_000);
      assert.deepEqual(framesOf(await received(client, 4))[0]?.payload, GOING_AWAY);
      await drainClock.pass(lab, 21_000);
      await client.until((each) => each.isEnded(1), 'the end of the stream');
      await upstream.whenOver();
      client.end();
      await over;
      assert.equal((await lab.logged(1))[0]?.errorCode, 'going_away');
    },
  ),
);

test(
  'what is sent ahead of a tunnel is held for who sent it, and given back when the tunnel takes it',
  inLab({ settings: { limits: { held_bytes: 150_000 } } }, async (lab, client) => {
    client.request(1, OPENING, false);
    const upstream = await lab.node.connection(0);
    send(client, Buffer.alloc(100_000));
    upstream.write(switching(await upstream.take('\r\n\r\n')));
    assert.equal(await client.status(1), 200);
    await takeBytes(upstream, 100_000);
    // As much again is no more than before; and more than the bound at once ends the connection.
    send(client, Buffer.alloc(100_000));
    await takeBytes(upstream, 100_000);
    client.request(3, OPENING, false);
    await lab.node.connection(1);
    send(client, Buffer.alloc(160_000), 0, 3);
    assert.equal(await client.goodbye(), h2.ENHANCE_YOUR_CALM);
    assert.deepEqual(lab.abuses.splice(0), ['held_bytes']);
  }),
);
