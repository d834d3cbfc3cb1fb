/**
 * Header blocks that other implementations made of real requests and responses, read by ours, and ours read back. They are a share of
 * https://github.com/http2jp/hpack-test-case (MIT, see hpack-vectors/LICENSE).
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { HpackDecoder } from '../../src/http2/hpack-decoder.ts';
import { HpackEncoder, LineMemo } from '../../src/http2/hpack-encoder.ts';

const FOLDER = path.join(import.meta.dirname, 'hpack-vectors');
const WIDE = { head_bytes: 1_000_000, fields: 1_000 };

interface Case {
  readonly seqno: number;
  readonly wire: string;
  readonly headers: readonly Readonly<Record<string, string>>[];
}

function fieldsOf({ headers }: Case): (readonly [name: string, value: string])[] {
  // The wire has UTF-8 where the text has more than ASCII.
  return headers.flatMap((each) =>
    Object.entries(each).map(([name, value]) => [name, Buffer.from(value).toString('latin1')] as const),
  );
}

function read(decoder: HpackDecoder, block: Buffer): (readonly [string, string])[] {
  assert.ok(decoder.decode(block, 0, block.length, WIDE));
  return decoder.fields.map(({ name, value }) => [name, value] as const);
}

describe('blocks of public vectors', () => {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));
  assert.ok(files.length > 5);
  for (const file of files) {
    const { cases } = JSON.parse(readFileSync(path.join(FOLDER, file), 'utf8')) as { cases: readonly Case[] };
    test(`${file}: ${cases.length} blocks are read as they were meant, and written so that they are read the same`, () => {
      const theirs = new HpackDecoder(4_096);
      const ours = new HpackDecoder(4_096);
      const encoder = new HpackEncoder();
      const lines = new LineMemo();
      const out = Buffer.alloc(65_536);
      for (const each of cases) {
        const expected = fieldsOf(each);
        assert.deepEqual(read(theirs, Buffer.from(each.wire, 'hex')), expected, `block ${each.seqno}`);
        let at = encoder.begin(out, 0);
        for (const [name, value] of expected) at = encoder.field(out, at, lines.pseudo(name, value));
        assert.deepEqual(read(ours, out.subarray(0, at)), expected, `block ${each.seqno}, written by us`);
      }
    });
  }
});
