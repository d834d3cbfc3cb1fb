/** What passes through a tunnel, at whose pace, and how it ends. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { FrameMeter } from '../../src/http1/frame-meter.ts';
import { seededRandom } from '../fuzz/random.ts';
import { HandClock } from '../traps/hand-clock.ts';
import { eventually, type Lab } from '../traps/lab.ts';
import type { RawConnection } from '../traps/raw-connection.ts';
import { BINARY, CLOSE, frame, framesOf, opening, PING, PONG, switching, TEXT } from './frames.ts';
import { inWebSocketLab, join, takeBytes } from './lab.ts';

const GOING_AWAY = Buffer.from([0x03, 0xe9]);

/** Frames of every kind, in one sequence that is valid. */
function conversation(masked: boolean): Buffer {
  return Buffer.concat([
    frame(TEXT, 'hello', { masked }),
    frame(BINARY, Buffer.alloc(300, 7), { masked }),
    frame(TEXT, 'frag', { masked, final: false }),
    frame(PING, 'are you there', { masked }),
    frame(0, 'mented', { masked }),
    frame(PONG, '', { masked }),
    frame(TEXT, '', { masked }),
    frame(BINARY, Buffer.alloc(1_048_576, 9), { masked }),
    frame(CLOSE, Buffer.from([0x0f, 0xa0, 0x62, 0x79, 0x65]), { masked }),
  ]);
}

test(
  'frames of every kind and size pass both ways, byte by byte the same, close codes included',
  inWebSocketLab({}, async (lab) => {
    const { client, upstream } = await join(lab);
    const up = conversation(true);
    const down = conversation(false);
    void client.writeAll(up);
    void upstream.writeAll(down);
    const [seenUp, seenDown] = await Promise.all([takeBytes(upstream, up.length), takeBytes(client, down.length)]);
    assert.ok(seenUp.equals(up));
    assert.ok(seenDown.equals(down));
    assert.equal(framesOf(seenDown).length, 9);
    upstream.finish();
    assert.equal(await client.whenOver(), 'fin');
    client.finish();
    assert.equal(await upstream.whenOver(), 'fin');
    const [logged] = await lab.logged(1);
    assert.deepEqual([logged?.status, logged?.errorCode, logged?.bodyBytesSent], [101, '', down.length]);
    assert.equal(lab.log.length, 1);
  }),
);

test(
  'what is no sequence of frames passes too',
  inWebSocketLab({}, async (lab) => {
    const { client, upstream } = await join(lab);
    const bytes = Buffer.alloc(70_000, 0xff);
    await client.writeAll(bytes);
    assert.ok((await takeBytes(upstream, bytes.length)).equals(bytes));
    client.finish();
    await upstream.whenOver();
    upstream.finish();
  }),
);

test(
  'a peer that sends no more still gets everything: half-open connections pass',
  inWebSocketLab({}, async (lab) => {
    const { client, upstream } = await join(lab);
    client.finish();
    assert.equal(await upstream.whenOver(), 'fin');
    upstream.write('still here');
    await client.take('still here');
    upstream.finish();
    assert.equal(await client.whenOver(), 'fin');
  }),
);

for (const breaking of ['client', 'upstream'] as const) {
  test(
    `a ${breaking} that breaks off ends the other side visibly, and the log says who it was`,
    inWebSocketLab({}, async (lab) => {
      const joined = await join(lab);
      joined[breaking].reset();
      const other = breaking === 'client' ? joined.upstream : joined.client;
      assert.equal(await other.whenOver(), 'reset');
      const [logged] = await lab.logged(1);
      assert.equal(logged?.errorCode, breaking === 'client' ? 'client_closed' : 'upstream_reset');
    }),
  );
}

for (const slow of ['client', 'upstream'] as const) {
  test(
    `a slow ${slow} slows the other side down: memory stays bounded, and no byte is lost`,
    inWebSocketLab({}, async (lab) => {
      const joined = await join(lab);
      const taker = joined[slow];
      const giver = slow === 'client' ? joined.upstream : joined.client;
      taker.socket.pause();
      const piece = Buffer.alloc(65_536, 5);
      let given = 0;
      // Far more than the kernel's buffers of both connections hold.
      while (given < 64 * 1_048_576 && giver.socket.writableLength < 4 * 1_048_576) {
        giver.socket.write(piece);
        given += piece.length;
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.ok(given < 64 * 1_048_576, `all of ${given} bytes were taken while nobody read`);
      taker.isDropping = true;
      const before = taker.receivedBytes;
      taker.socket.resume();
      await taker.until(() => taker.receivedBytes - before === given, `${given} bytes`);
      assert.equal(lab.log.length, 0);
    }),
  );
}

const IDLE = { tunnel_idle_ms: 20_000, linger_ms: 3_000 };
const idleClock = new HandClock();

test(
  'a tunnel without a byte in either direction is closed with 1001, and a byte in any begins the time anew',
  inWebSocketLab({ settings: { timeouts: IDLE }, clock: idleClock }, async (lab) => {
    const { client, upstream } = await join(lab);
    await idleClock.pass(lab, 15_000);
    client.write(frame(PING, '', { masked: true }));
    await takeBytes(upstream, 6);
    await idleClock.pass(lab, 15_000);
    upstream.write(frame(PONG, ''));
    await takeBytes(client, 2);
    await idleClock.pass(lab, 15_000);
    assert.equal(client.text + upstream.text, '');
    await idleClock.pass(lab, 6_000);
    for (const bytes of [await takeBytes(client, 4), await takeBytes(upstream, 8)])
      assert.deepEqual(
        framesOf(bytes).map(({ opcode, payload }) => [opcode, payload]),
        [[CLOSE, GOING_AWAY]],
      );
    await idleClock.pass(lab, 4_000);
    assert.notEqual(await client.whenOver(), 'open');
    assert.notEqual(await upstream.whenOver(), 'open');
    assert.equal((await lab.logged(1))[0]?.errorCode, 'tunnel_idle');
  }),
);

const stallClock = new HandClock();

test(
  'a peer that takes nothing of what waits for it is given up in bounded time',
  inWebSocketLab({ settings: { timeouts: { ...IDLE, send_ms: 5_000 } }, clock: stallClock }, async (lab) => {
    const { client, upstream } = await join(lab);
    client.socket.pause();
    const piece = Buffer.alloc(1_048_576, 5);
    while (upstream.socket.writableLength < 4 * 1_048_576) {
      upstream.socket.write(piece);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await eventually(
      () => upstream.socket.writableLength > 0,
      () => 'the upstream is held back',
    );
    for (let turns = 0; turns < 200 && lab.log.length === 0; turns++) await stallClock.pass(lab, 500);
    assert.equal((await lab.logged(1))[0]?.errorCode, 'tunnel_stalled');
    assert.equal(await upstream.whenOver(), 'reset');
    client.socket.resume();
  }),
);

const DRAIN = { tunnel_drain_ms: 5_000, linger_ms: 20_000 };

async function drained(
  clock: HandClock,
  play: (lab: Lab, client: RawConnection, upstream: RawConnection) => Promise<void>,
): Promise<void> {
  await inWebSocketLab({ settings: { timeouts: DRAIN }, clock }, async (lab) => {
    const { client, upstream } = await join(lab);
    const over = lab.worker.drain();
    await play(lab, client, upstream);
    await over;
    assert.equal((await lab.logged(1))[0]?.errorCode, 'going_away');
  })();
}

test('a stop lets tunnels go on for a while, and then closes both sides with 1001', async () => {
  const clock = new HandClock();
  await drained(clock, async (lab, client, upstream) => {
    await clock.pass(lab, 4_000);
    client.write('still passes');
    await upstream.take('still passes');
    await clock.pass(lab, 4_000);
    assert.deepEqual(framesOf(await takeBytes(client, 4))[0]?.payload, GOING_AWAY);
    await clock.pass(lab, 21_000);
    await client.whenOver();
    await upstream.whenOver();
  });
});

test('a close frame of the gateway is put in between frames, never into one', async () => {
  const clock = new HandClock();
  await drained(clock, async (lab, client, upstream) => {
    const whole = frame(BINARY, Buffer.alloc(1_000, 3));
    upstream.write(whole.subarray(0, 500));
    await takeBytes(client, 500);
    await clock.pass(lab, 9_000);
    assert.equal(client.text, '', 'nothing is put into a frame that is under way');
    assert.deepEqual(framesOf(await takeBytes(upstream, 8))[0]?.payload, GOING_AWAY);
    upstream.write(Buffer.concat([whole.subarray(500), frame(TEXT, 'too late')]));
    const rest = await takeBytes(client, 508);
    assert.ok(rest.subarray(0, 504).equals(whole.subarray(500)));
    assert.deepEqual(framesOf(rest.subarray(504))[0], { opcode: CLOSE, isFinal: true, payload: GOING_AWAY });
    // Both answer, as RFC 6455 §5.5.1 asks them to: the connections end without waiting for any time to pass.
    client.write(frame(CLOSE, GOING_AWAY, { masked: true }));
    assert.equal(await client.whenOver(), 'fin');
    upstream.write(frame(CLOSE, GOING_AWAY));
    assert.equal(await upstream.whenOver(), 'fin');
    client.finish();
    upstream.finish();
    assert.equal(client.text + upstream.text, '');
  });
});

test('boundaries of frames are found however the bytes are cut', () => {
  const bytes = conversation(true);
  const ends: number[] = [];
  let at = 0;
  for (const { payload } of framesOf(bytes)) {
    at += 6 + payload.length + (payload.length > 65_535 ? 8 : payload.length > 125 ? 2 : 0);
    ends.push(at);
  }
  for (const step of [1, 2, 3, 7, 1_000, bytes.length]) {
    const meter = new FrameMeter();
    const found: number[] = [];
    for (let start = 0; start < bytes.length; start += step) {
      const end = Math.min(bytes.length, start + step);
      for (let from = start; from < end;) {
        from = meter.advance(bytes, from, end);
        if (meter.isAtBoundary) found.push(from);
      }
    }
    assert.deepEqual(found, ends, `in pieces of ${step}`);
    assert.ok(meter.hasClosed);
  }
  const lost = new FrameMeter();
  lost.scan(Buffer.alloc(20, 0xff), 0, 20);
  assert.equal(lost.isAtBoundary, false);
});

test(
  'a connection that left HTTP still counts among those of clients',
  inWebSocketLab({ settings: { limits: { connections: 1 } } }, async (lab) => {
    const { client, upstream } = await join(lab);
    const second = await lab.connect();
    assert.notEqual(await second.whenOver(), 'open');
    client.write('x');
    await upstream.take('x');
    client.reset();
    await lab.logged(1);
    const third = await lab.connect();
    third.write('GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.equal((await third.receive('response')).status, 400);
  }),
);

test(
  'a client that sends no more while its handshake is answered gets the tunnel and everything in it',
  inWebSocketLab({}, async (lab) => {
    const client = await lab.connect();
    client.write(`${opening()}last words`);
    client.finish();
    const upstream = await lab.node.connection(0);
    await upstream.take('\r\n\r\n');
    upstream.write(switching());
    await upstream.take('last words');
    assert.equal(await upstream.whenOver(), 'fin');
    upstream.write('an answer');
    upstream.finish();
    assert.match(await client.take('an answer'), /^HTTP\/1\.1 101 /);
    assert.equal(await client.whenOver(), 'fin');
  }),
);

test(
  'a client that leaves while its handshake is answered takes its upstream connection along',
  inWebSocketLab({}, async (lab) => {
    const client = await lab.connect();
    client.write(opening());
    const upstream = await lab.node.connection(0);
    await upstream.take('\r\n\r\n');
    client.reset();
    assert.notEqual(await upstream.whenOver(), 'open');
    assert.equal((await lab.logged(1))[0]?.errorCode, 'client_closed');
  }),
);

test(
  'bytes of random pieces, at random paces, arrive as they were sent',
  inWebSocketLab({}, async (lab) => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const random = seededRandom(seed);
    const { client, upstream } = await join(lab);
    const send = async (from: RawConnection, to: RawConnection): Promise<void> => {
      const sent = createHash('sha1');
      const received = createHash('sha1');
      let total = 0;
      let taken = 0;
      to.isDropping = true;
      to.socket.on('data', (bytes: Buffer) => {
        received.update(bytes);
        taken += bytes.length;
        if (random() < 0.2) {
          to.socket.pause();
          setImmediate(() => to.socket.resume());
        }
      });
      for (let k = 0; k < 150; k++) {
        const piece = Buffer.alloc(Math.floor(random() ** 4 * 400_000) + 1, k);
        sent.update(piece);
        total += piece.length;
        await from.writeAll(piece);
        if (random() < 0.3) await new Promise((resolve) => setImmediate(resolve));
      }
      await eventually(
        () => taken === total,
        () => `${taken} of ${total} bytes came (seed ${seed})`,
      );
      assert.equal(received.digest('hex'), sent.digest('hex'), `seed ${seed}`);
    };
    await Promise.all([send(client, upstream), send(upstream, client)]);
  }),
);
