import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  DerError,
  DerReader,
  GENERALIZED_TIME,
  INTEGER,
  OCTET_STRING,
  oidText,
  readDer,
  SEQUENCE,
  timeOf,
  writeDer,
} from './der.ts';

test('what is written is read again, whatever its length', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom(INTEGER, OCTET_STRING), fc.nat(70_000)), { maxLength: 4 }),
      (parts) => {
        const written = parts.map(([tag, length]) => writeDer(tag, Buffer.alloc(length, 7)));
        const reader = new DerReader(readDer(writeDer(SEQUENCE, ...written), SEQUENCE).content);
        for (const [tag, length] of parts) assert.equal(reader.next(tag).content.length, length);
        assert.ok(reader.isAtEnd);
      },
    ),
    { numRuns: 200 },
  );
});

test('names of algorithms and times are read', () => {
  assert.equal(oidText(readDer(Buffer.from('06092a864886f70d01010b', 'hex'), 6)), '1.2.840.113549.1.1.11');
  assert.equal(oidText(readDer(Buffer.from('06032b6570', 'hex'), 6)), '1.3.101.112');
  assert.equal(oidText(readDer(Buffer.from('0603550403', 'hex'), 6)), '2.5.4.3');
  const time = (text: string): number =>
    timeOf(readDer(writeDer(GENERALIZED_TIME, Buffer.from(text)), GENERALIZED_TIME));
  assert.equal(time('20261121170000Z'), Date.parse('2026-11-21T17:00:00Z'));
  for (const text of ['', '2026112117Z', '20261121170000', '20261121170000.5Z', '20261121170000+0100']) {
    assert.throws(() => time(text), DerError);
  }
});

test('what is cut off, too long or of another kind is refused', () => {
  const cases = ['', '30', '3001', '308000', '3084000000010500', '1f0100', '30020500ff', '0400'];
  for (const hex of cases) assert.throws(() => readDer(Buffer.from(hex, 'hex'), SEQUENCE), DerError, hex);
});

test('any bytes are read or refused, and never anything else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      const visit = (content: Buffer, depth: number): void => {
        const reader = new DerReader(content);
        while (!reader.isAtEnd) {
          const value = reader.any();
          oidText(value);
          if (depth < 3 && (value.tag & 0x20) !== 0) visit(value.content, depth + 1);
        }
      };
      try {
        visit(Buffer.from(bytes), 0);
      } catch (error) {
        assert.ok(error instanceof DerError);
      }
    }),
    { numRuns: 3_000 },
  );
});
