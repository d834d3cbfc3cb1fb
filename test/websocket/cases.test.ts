/**
 * What the Autobahn test suite asks of a WebSocket peer, asked of the gateway as what stands between two of them: it is to
 * change nothing. Each case passes byte for byte in both directions, also what a peer would have to refuse: refusing is
 * the peers' business, and they have to get to see it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RawConnection } from '../traps/raw-connection.ts';
import { BINARY, CLOSE, frame, PING, PONG, TEXT } from './frames.ts';
import { inWebSocketLab, join } from './lab.ts';

type Case = readonly [name: string, frames: (masked: boolean) => readonly Buffer[]];

const text = (payload: string | Buffer, masked: boolean, final = true): Buffer =>
  frame(TEXT, payload, { masked, final });
const more = (payload: string | Buffer, masked: boolean, final = true): Buffer => frame(0, payload, { masked, final });

/** Bits that the protocol keeps for extensions (RFC 6455 §5.2). */
function withBits(bits: number, bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy[0] = (copy[0] ?? 0) | bits;
  return copy;
}

function closing(code: number, reason = ''): Buffer {
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
  payload.writeUInt16BE(code);
  payload.write(reason, 2);
  return payload;
}

const UTF8 = 'Hello-\u00b5@\u00df\u00f6\u00e4\u00fc\u00e0\u00e1-UTF-8!! \u{1f600}';
const utf8 = Buffer.from(UTF8);

/** By the numbers of Autobahn's sections. */
const SECTIONS: Readonly<Record<string, readonly Case[]>> = {
  '1, framing': [0, 1, 125, 126, 127, 128, 65_535, 65_536].flatMap((length): Case[] => [
    [`a text of ${length} bytes`, (masked) => [text('*'.repeat(length), masked)]],
    [`${length} bytes`, (masked) => [frame(BINARY, Buffer.alloc(length, 0xfe), { masked })]],
  ]),
  '2, pings and pongs': [
    ['a ping without a payload', (masked) => [frame(PING, '', { masked })]],
    ['a ping of 125 bytes', (masked) => [frame(PING, Buffer.alloc(125, 0xfe), { masked })]],
    ['a ping that is too long', (masked) => [frame(PING, Buffer.alloc(126, 0xfe), { masked })]],
    [
      'a pong that nobody asked for',
      (masked) => [frame(PONG, 'unsolicited', { masked }), frame(PING, 'x', { masked })],
    ],
    ['ten pings', (masked) => Array.from({ length: 10 }, (_, i) => frame(PING, `payload-${i}`, { masked }))],
  ],
  '3, reserved bits': [1, 2, 3, 4, 5, 6, 7].map((bits): Case => [
    `bits ${bits.toString(2).padStart(3, '0')}`,
    (masked) => [text('small', masked), withBits(bits << 4, text('Hello', masked)), frame(PING, '', { masked })],
  ]),
  '4, opcodes': [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode): Case => [
    `opcode ${opcode}`,
    (masked) => [frame(opcode, 'reserved opcode payload', { masked }), frame(PING, '', { masked })],
  ]),
  '5, fragmentation': [
    ['a ping in two parts', (masked) => [frame(PING, 'a', { masked, final: false }), more('b', masked)]],
    ['a text in two parts', (masked) => [text('fragment1', masked, false), more('fragment2', masked)]],
    [
      'a ping between the parts of a text',
      (masked) => [text('fragment1', masked, false), frame(PING, 'ping', { masked }), more('fragment2', masked)],
    ],
    ['a part of nothing', (masked) => [more('non-continuation payload', masked), text('Hello', masked)]],
    ['a text within a text', (masked) => [text('fragment1', masked, false), text('fragment2', masked)]],
    [
      'a text in parts without content',
      (masked) => [text('', masked, false), more('', masked, false), more('', masked)],
    ],
    [
      'a text of a thousand parts',
      (masked) => [
        text('a', masked, false),
        ...Array.from({ length: 998 }, () => more('b', masked, false)),
        more('c', masked),
      ],
    ],
  ],
  '6, UTF-8': [
    ['a text with characters of every length', (masked) => [text(UTF8, masked)]],
    [
      'a text that is cut within its characters',
      (masked) =>
        Array.from(utf8, (byte, i) =>
          frame(i === 0 ? TEXT : 0, Buffer.of(byte), { masked, final: i === utf8.length - 1 }),
        ),
    ],
    [
      'a text that is no UTF-8',
      (masked) => [text(Buffer.from('cebae1bdb9cf83cebcceb5eda080656469746564', 'hex'), masked)],
    ],
    ['a text that ends within a character', (masked) => [text(Buffer.from('f09f98', 'hex'), masked)]],
    ['an overlong NUL', (masked) => [text(Buffer.from('c080', 'hex'), masked)]],
  ],
  '7, closing': [
    ['without a payload', (masked) => [frame(CLOSE, '', { masked })]],
    ['with one byte', (masked) => [frame(CLOSE, 'a', { masked })]],
    ['with a reason of 123 bytes', (masked) => [frame(CLOSE, closing(1000, '*'.repeat(123)), { masked })]],
    ['with a payload that is too long', (masked) => [frame(CLOSE, closing(1000, '*'.repeat(124)), { masked })]],
    ['and a text after it', (masked) => [frame(CLOSE, closing(1000), { masked }), text('Hello', masked)]],
    ['and a ping after it', (masked) => [frame(CLOSE, closing(1000), { masked }), frame(PING, '', { masked })]],
    ['twice', (masked) => [frame(CLOSE, closing(1000), { masked }), frame(CLOSE, closing(1000), { masked })]],
    ['within a message', (masked) => [text('fragment1', masked, false), frame(CLOSE, closing(1000), { masked })]],
    ...[1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999].map((code): Case => [
      `with ${code}`,
      (masked) => [frame(CLOSE, closing(code, 'why'), { masked })],
    ]),
    ...[0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535].map((code): Case => [
      `with ${code}, which no peer may send`,
      (masked) => [frame(CLOSE, closing(code), { masked })],
    ]),
  ],
  '9, limits': [
    ['a message of 16 MiB', (masked) => [frame(BINARY, Buffer.alloc(16_777_216, 0xfe), { masked })]],
    [
      'a message of 4 MiB in parts of 64 KiB',
      (masked) =>
        Array.from({ length: 64 }, (_, i) =>
          frame(i === 0 ? BINARY : 0, Buffer.alloc(65_536, i), { masked, final: i === 63 }),
        ),
    ],
    ['a thousand small messages', (masked) => Array.from({ length: 1_000 }, () => text('0123456789abcdef', masked))],
  ],
};

/** Takes so many bytes as they come: a large message is not looked at anew with each piece. */
async function takeAll(connection: RawConnection, count: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let taken = 0; taken < count;) {
    await connection.until(() => connection.bytes.length > 0, `${count} bytes, of which ${taken} came`);
    const { bytes } = connection;
    connection.clear();
    pieces.push(bytes);
    taken += bytes.length;
  }
  return Buffer.concat(pieces);
}

for (const [section, cases] of Object.entries(SECTIONS)) {
  test(
    `section ${section}: ${cases.length} cases`,
    inWebSocketLab({}, async (lab) => {
      for (const [name, frames] of cases) {
        const { client, upstream } = await join(lab);
        const up = Buffer.concat(frames(true));
        const down = Buffer.concat(frames(false));
        void client.writeAll(up);
        void upstream.writeAll(down);
        const [seenUp, seenDown] = await Promise.all([takeAll(upstream, up.length), takeAll(client, down.length)]);
        assert.ok(seenUp.equals(up), `${name}: to the upstream`);
        assert.ok(seenDown.equals(down), `${name}: to the client`);
        client.finish();
        assert.equal(await upstream.whenOver(), 'fin', name);
        upstream.finish();
        assert.equal(await client.whenOver(), 'fin', name);
      }
    }),
  );
}

test(
  'a peer that sends a frame octet by octet is heard octet by octet',
  inWebSocketLab({}, async (lab) => {
    const { client, upstream } = await join(lab);
    const bytes = text(UTF8, true);
    for (const [i, byte] of bytes.entries()) {
      client.write(Buffer.of(byte));
      await upstream.until(() => upstream.bytes.length === i + 1, `octet ${i + 1}`);
    }
    assert.ok(upstream.bytes.equals(bytes));
    client.finish();
    await upstream.whenOver();
    upstream.finish();
  }),
);
