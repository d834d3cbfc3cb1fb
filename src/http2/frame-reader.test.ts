import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FrameReader } from './frame-reader.ts';

const PING = Buffer.concat([Buffer.of(0, 0, 8, 6, 0, 0, 0, 0, 0), Buffer.alloc(8)]);

function reader(): { readonly reader: FrameReader; readonly seen: number[] } {
  const seen: number[] = [];
  const sink = {
    onFrame: ({ start, end, bytes }: { start: number; end: number; bytes: Buffer }) => {
      seen.push(end - start === 8 ? bytes.readUInt32BE(start) : -1);
      return true;
    },
    onOversize: () => assert.fail('no frame is too large'),
  };
  return { reader: new FrameReader(sink), seen };
}

/** Numbered, to tell whether they come in order. */
const pings = (count: number): Buffer =>
  Buffer.concat(
    Array.from({ length: count }, (_, i) => {
      const ping = Buffer.from(PING);
      ping.writeUInt32BE(i, 9);
      return ping;
    }),
  );

test('many frames in one read are looked at in several turns, in order, with what comes meanwhile behind them', () => {
  const { reader: one, seen } = reader();
  const bytes = pings(1_300);
  const cut = 1_200 * PING.length + 5;
  one.read(bytes, 0, cut);
  const perTurn = seen.length;
  assert.ok(perTurn > 0 && perTurn < 1_000);
  assert.equal(one.hasMore, true);
  assert.equal(one.isWithinHead, false);
  one.read(bytes, cut, bytes.length);
  assert.equal(seen.length, perTurn);
  let turns = 1;
  for (; one.hasMore; turns++) one.readOn();
  assert.equal(turns, Math.ceil(1_300 / perTurn));
  assert.deepEqual(
    seen,
    Array.from({ length: 1_300 }, (_, i) => i),
  );
});

test('frames in whatever pieces are the same frames', () => {
  for (const size of [1, 7, 17, 100, 5_000]) {
    const { reader: one, seen } = reader();
    const bytes = pings(600);
    for (let at = 0; at < bytes.length; at += size) one.read(bytes, at, Math.min(bytes.length, at + size));
    while (one.hasMore) one.readOn();
    assert.deepEqual(
      seen,
      Array.from({ length: 600 }, (_, i) => i),
      `in pieces of ${size}`,
    );
  }
});

test('what is dropped is never looked at', () => {
  const { reader: one, seen } = reader();
  const bytes = pings(2_000);
  one.read(bytes, 0, bytes.length);
  const before = seen.length;
  one.drop();
  assert.equal(one.hasMore, false);
  one.read(bytes, 0, PING.length);
  assert.equal(seen.length, before + 1);
});
