import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { HpackDecoder } from './hpack-decoder.ts';
import { HpackEncoder, Line, LineMemo } from './hpack-encoder.ts';

const WIDE = { head_bytes: 1_000_000, fields: 10_000 };

/** @returns `name: value` of each field, null if the block is malformed */
function decode(decoder: HpackDecoder, hex: string, limits = WIDE): string[] | null {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  return decoder.decode(bytes, 0, bytes.length, limits)
    ? decoder.fields.map(({ name, value }) => `${name}: ${value}`)
    : null;
}

interface Sequence {
  readonly title: string;
  readonly tableBytes: number;
  readonly blocks: readonly (readonly [hex: string, fields: readonly string[], tableBytes: number])[];
}

const REQUESTS: readonly (readonly [fields: readonly string[], tableBytes: number])[] = [
  [[':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com'], 57],
  [[':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com', 'cache-control: no-cache'], 110],
  [
    [':method: GET', ':scheme: https', ':path: /index.html', ':authority: www.example.com', 'custom-key: custom-value'],
    164,
  ],
];
const RESPONSES: readonly (readonly [fields: readonly string[], tableBytes: number])[] = [
  [
    [
      ':status: 302',
      'cache-control: private',
      'date: Mon, 21 Oct 2013 20:13:21 GMT',
      'location: https://www.example.com',
    ],
    222,
  ],
  [
    [
      ':status: 307',
      'cache-control: private',
      'date: Mon, 21 Oct 2013 20:13:21 GMT',
      'location: https://www.example.com',
    ],
    222,
  ],
  [
    [
      ':status: 200',
      'cache-control: private',
      'date: Mon, 21 Oct 2013 20:13:22 GMT',
      'location: https://www.example.com',
      'content-encoding: gzip',
      'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
    ],
    215,
  ],
];

function sequence(title: string, tableBytes: number, hex: readonly string[], expected: typeof REQUESTS): Sequence {
  return { title, tableBytes, blocks: expected.map(([fields, bytes], i) => [hex[i] ?? '', fields, bytes]) };
}

/** RFC 7541 Appendix C.3 to C.6. */
const SEQUENCES: readonly Sequence[] = [
  sequence(
    'requests without the Huffman code (C.3)',
    4_096,
    [
      '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '8286 84be 5808 6e6f 2d63 6163 6865',
      '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
    ],
    REQUESTS,
  ),
  sequence(
    'requests with the Huffman code (C.4)',
    4_096,
    [
      '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
      '8286 84be 5886 a8eb 1064 9cbf',
      '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
    ],
    REQUESTS,
  ),
  sequence(
    'responses without the Huffman code, with a table of 256 bytes (C.5)',
    256,
    [
      '4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '4803 3330 37c1 c0bf',
      '88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31',
    ],
    RESPONSES,
  ),
  sequence(
    'responses with the Huffman code, with a table of 256 bytes (C.6)',
    256,
    [
      '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
      '4883 640e ffc1 c0bf',
      '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07',
    ],
    RESPONSES,
  ),
];

describe('the examples of the RFC are read as it says:', () => {
  for (const { title, tableBytes, blocks } of SEQUENCES) {
    test(title, () => {
      const decoder = new HpackDecoder(tableBytes);
      for (const [hex, fields, expectedBytes] of blocks) {
        assert.deepEqual(decode(decoder, hex), fields);
        assert.equal(decoder.tableBytes, expectedBytes);
      }
    });
  }
});

describe('a block is refused that', () => {
  const BLOCKS: readonly (readonly [what: string, hex: string])[] = [
    ['refers to index 0', '80'],
    ['refers to an index that no table has', 'be'],
    ['has a name of an index that no table has', '7f0001 61'],
    ['makes the table larger than was allowed', '3fe2 1f'],
    ['changes the size of the table after a field', '82 20'],
    ['ends within a string', '400a 6375'],
    ['ends within an integer', '7f'],
    ['has an integer of more than 28 bits', 'ffff ffff ffff 7f'],
    ['has a string in a malformed code', '4082 ffff 0161'],
    ['ends before the value', '4001 61'],
  ];
  for (const [what, hex] of BLOCKS) test(what, () => assert.equal(decode(new HpackDecoder(4_096), hex), null));
});

test('a table is emptied by a field that is larger than it, and by a size of 0', () => {
  const decoder = new HpackDecoder(64);
  decode(decoder, '4001 6101 62');
  assert.equal(decoder.tableBytes, 34);
  assert.notEqual(decode(decoder, `4001 61 28 ${'62'.repeat(40)}`), null);
  assert.equal(decoder.tableBytes, 0);
  decode(decoder, '4001 6101 62');
  assert.deepEqual(decode(decoder, '20 82'), [':method: GET']);
  assert.equal(decoder.tableBytes, 0);
});

test('a list beyond the limits is read to its end, so that the tables agree, and is not kept', () => {
  const decoder = new HpackDecoder(4_096);
  // One large field, then references to it of one byte each.
  const large = `40 01 61 7f a106 ${'62'.repeat(928)}`;
  assert.notEqual(decode(decoder, large + 'be'.repeat(70), { head_bytes: 10_000, fields: 100 }), null);
  assert.equal(decoder.isTooLarge, true);
  assert.ok(decoder.fields.length <= 11);
  assert.deepEqual(decode(decoder, 'be'), [`a: ${'b'.repeat(928)}`]);
  assert.equal(decoder.isTooLarge, false);
});

test('a list eight times beyond the limits is given up', () => {
  const decoder = new HpackDecoder(4_096);
  const large = `40 01 61 7f a106 ${'62'.repeat(928)}`;
  assert.equal(decode(decoder, large + 'be'.repeat(1_000), { head_bytes: 10_000, fields: 100 }), null);
  assert.equal(decoder.isBomb, true);
  assert.ok(decoder.fields.length <= 11);
});

test('arbitrary blocks are read or refused, and leave a table within its bounds', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.uint8Array({ maxLength: 60 }).map((octets) => Buffer.from(octets)),
        { maxLength: 8 },
      ),
      (blocks) => {
        const decoder = new HpackDecoder(300);
        for (const block of blocks) {
          if (!decoder.decode(block, 0, block.length, WIDE)) return;
          assert.ok(decoder.tableBytes <= 300);
        }
      },
    ),
    { numRuns: 3_000 },
  );
});

const NAMES = ['date', 'x-id', 'content-type', 'set-cookie', 'content-length', 'x-a', ':status'];
const field = fc.record({
  name: fc.constantFrom(...NAMES),
  value: fc.oneof(
    fc.constantFrom('a', 'application/json', 'b'.repeat(90)),
    fc.string({ unit: 'binary-ascii', maxLength: 40 }),
  ),
});
const step = fc.oneof(
  fc.record({ fields: fc.array(field, { maxLength: 12 }) }),
  fc.record({ size: fc.constantFrom(0, 60, 200, 4_096, 65_536) }),
);

/** RFC 9110 §5.6.3. */
const trimmed = (value: string): string => value.replaceAll(/^[\t ]+|[\t ]+$/g, '');

test('what is encoded is what is decoded, through any changes of the size of the table', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const lines = new LineMemo();
      const encoder = new HpackEncoder();
      const decoder = new HpackDecoder(4_096);
      const out = Buffer.alloc(65_536);
      for (const next of steps) {
        if ('size' in next) {
          encoder.allow(next.size);
          continue;
        }
        let at = encoder.begin(out, 0);
        const expected = next.fields.map(({ name, value }) => `${name}: ${trimmed(value)}`);
        for (const { name, value } of next.fields) {
          at = encoder.field(
            out,
            at,
            name.startsWith(':') ? new Line(name, trimmed(value)) : lines.lineOf(`${name}: ${value}`),
          );
        }
        assert.deepEqual(decode(decoder, out.subarray(0, at).toString('hex')), expected);
      }
    }),
    { numRuns: 500 },
  );
});

test('a field that repeats itself takes one byte, and one that identifies somebody never enters a table', () => {
  const lines = new LineMemo();
  const encoder = new HpackEncoder();
  const out = Buffer.alloc(1_000);
  const sizes = (text: string): number[] => [1, 2, 3].map(() => encoder.field(out, 0, lines.lineOf(text)));
  assert.equal(sizes('Content-Type: application/json')[2], 1);
  const cookie = sizes('Set-Cookie: secret=1');
  assert.ok(cookie.every((size) => size > 5));
  assert.equal(out[0] >>> 4, 1, 'never indexed');
});

test('of what was written lately not more is kept than a few megabytes', () => {
  const lines = new LineMemo();
  const first = lines.lineOf('A: b');
  for (let i = 0; i < 300; i++) lines.lineOf(`C: ${i}`);
  assert.equal(lines.lineOf('A: b'), first);
  for (let i = 0; i < 300; i++) lines.lineOf(`Location: ${'x'.repeat(8_000)}${i}`);
  assert.notEqual(lines.lineOf('A: b'), first);
});
