import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { latin1 } from '../http1/bytes.ts';
import { huffmanDecode, huffmanEncode, huffmanLength } from './huffman.ts';

/** RFC 7541 Appendix C.4 and C.6. */
const VECTORS: readonly (readonly [text: string, code: string])[] = [
  ['www.example.com', 'f1e3c2e5f23a6ba0ab90f4ff'],
  ['no-cache', 'a8eb10649cbf'],
  ['custom-key', '25a849e95ba97d7f'],
  ['custom-value', '25a849e95bb8e8b4bf'],
  ['302', '6402'],
  ['private', 'aec3771a4b'],
  ['Mon, 21 Oct 2013 20:13:21 GMT', 'd07abe941054d444a8200595040b8166e082a62d1bff'],
  ['https://www.example.com', '9d29ad171863c78f0b97c8e9ae82ae43d3'],
  [
    'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
    '94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
  ],
];

const decoded = (code: Buffer): string | null => {
  const out = Buffer.alloc(code.length * 2 + 1);
  const length = huffmanDecode(code, 0, code.length, out);
  return length < 0 ? null : latin1(out, 0, length);
};

const encoded = (text: string): Buffer => {
  const out = Buffer.alloc(text.length * 4 + 1);
  return out.subarray(0, huffmanEncode(text, out, 0));
};

for (const [text, code] of VECTORS) {
  test(`"${text}" is coded as the RFC shows, both ways`, () => {
    assert.equal(encoded(text).toString('hex'), code);
    assert.equal(huffmanLength(text), code.length / 2);
    assert.equal(decoded(Buffer.from(code, 'hex')), text);
  });
}

test('any octets come back as they were', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
      const text = latin1(Buffer.from(octets), 0, octets.length);
      assert.equal(decoded(encoded(text)), text);
    }),
  );
});

const MALFORMED: readonly (readonly [what: string, code: string])[] = [
  ['padding of eight ones', '1cff'.replace('1c', 'f8') + 'ff'],
  ['padding with a zero in it', 'f1e3c2e5f23a6ba0ab90f4fe'],
  ['the code of EOS', 'ffffffff'],
  ['EOS between two symbols', '1fffffffff1f'],
];

for (const [what, code] of MALFORMED) {
  test(`${what} is refused`, () => assert.equal(decoded(Buffer.from(code, 'hex')), null));
}

test('arbitrary input is decoded within its bounds or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => {
      const text = decoded(Buffer.from(octets));
      // What is accepted is canonical: its code is what came.
      if (text !== null) assert.equal(encoded(text).toString('hex'), Buffer.from(octets).toString('hex'));
    }),
    { numRuns: 2_000 },
  );
});
