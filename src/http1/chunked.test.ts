import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BodyReader } from './body-reader.ts';
import { type ChunkRuns, ChunkScanner } from './chunked.ts';

interface Scanned {
  readonly out: string;
  readonly isDone: boolean;
  /** How many bytes belong to the body. */
  readonly end: number;
  readonly dataBytes: number;
}

/** @returns null if the coding is malformed */
function scan(text: string, runs: ChunkRuns, pieceBytes = text.length): Scanned | null {
  const scanner = new ChunkScanner(runs);
  const bytes = Buffer.from(text, 'latin1');
  let out = '';
  let at = 0;
  for (let to = Math.min(pieceBytes, bytes.length); ; to = Math.min(to + pieceBytes, bytes.length)) {
    while (at < to && !scanner.isDone) {
      at = scanner.scan(bytes, at, to);
      if (at < 0) return null;
      out += bytes.toString('latin1', scanner.runStart, scanner.runEnd);
    }
    if (to >= bytes.length || scanner.isDone)
      return { out, isDone: scanner.isDone, end: at, dataBytes: scanner.dataBytes };
  }
}

const BODY = '5;a=b\r\nhello\r\n006\r\n world\r\n0;last\r\nX: y\r\nZ:\r\n\r\n';

describe('a chunked body with extensions and trailers is handed out', () => {
  const cases: readonly (readonly [ChunkRuns, string])[] = [
    ['data', 'hello world'],
    ['coding', '5\r\nhello\r\n006\r\n world\r\n0\r\n\r\n'],
    ['codingWithTrailers', '5\r\nhello\r\n006\r\n world\r\n0\r\nX: y\r\nZ:\r\n\r\n'],
  ];
  for (const [runs, expected] of cases) {
    it(`as ${runs}, whatever it is cut into`, () => {
      for (let size = 1; size <= BODY.length; size++) {
        const scanned = scan(`${BODY}rest`, runs, size);
        assert.deepEqual(
          scanned,
          { out: expected, isDone: true, end: BODY.length, dataBytes: 11 },
          `pieces of ${size} bytes`,
        );
      }
    });
  }

  it('as coding in one run for as long as nothing has to be left out', () => {
    const plain = Buffer.from('5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n');
    const scanner = new ChunkScanner('coding');
    assert.equal(scanner.scan(plain, 0, plain.length), plain.length);
    assert.deepEqual([scanner.runStart, scanner.runEnd, scanner.isDone], [0, plain.length, true]);
  });
});

describe('the bounds of the chunked coding', () => {
  const cases: readonly (readonly [name: string, text: string, isAccepted: boolean])[] = [
    ['a size of 12 digits', `${'0'.repeat(11)}1\r\nx\r\n0\r\n\r\n`, true],
    ['a size of 13 digits', `${'0'.repeat(12)}1\r\nx\r\n0\r\n\r\n`, false],
    ['an extension of 256 bytes', `1;${'a'.repeat(255)}\r\nx\r\n0\r\n\r\n`, true],
    ['an extension of 257 bytes', `1;${'a'.repeat(256)}\r\nx\r\n0\r\n\r\n`, false],
    ['an extension of 257 bytes that has no end', `1;${'a'.repeat(256)}`, false],
    ['64 extensions of 256 bytes', `${`1;${'a'.repeat(255)}\r\nx\r\n`.repeat(64)}0\r\n\r\n`, true],
    ['a byte of extension more', `${`1;${'a'.repeat(255)}\r\nx\r\n`.repeat(64)}0;\r\n\r\n`, false],
    ['trailers of 8192 bytes', `0\r\nA:${'a'.repeat(8_188)}\r\n\r\n`, true],
    ['trailers of 8193 bytes', `0\r\nA:${'a'.repeat(8_189)}\r\n\r\n`, false],
    ['many trailers of 8192 bytes together', `0\r\n${'A:bcde\r\n'.repeat(1_024)}\r\n`, true],
    ['many trailers that are too long together', `0\r\n${'A:bcde\r\n'.repeat(1_024)}B:\r\n\r\n`, false],
    ['trailers that have no end', `0\r\n${'A'.repeat(8_193)}`, false],
    ['chunks without end', `${'1\r\nx\r\n'.repeat(10_000)}0\r\n\r\n`, true],
  ];
  for (const [name, text, isAccepted] of cases) {
    it(`${isAccepted ? 'allow' : 'refuse'} ${name}`, () => {
      for (const runs of ['data', 'coding', 'codingWithTrailers'] as const) {
        for (const size of [text.length, 7, 1])
          assert.equal(scan(text, runs, size) !== null, isAccepted, `${runs}, pieces of ${size}`);
      }
    });
  }

  it('count the largest size exactly', () => {
    const reader = new BodyReader();
    reader.beginChunked('data');
    const head = Buffer.from('ffffffffffff\r\n');
    assert.equal(reader.scan(head, 0, head.length), head.length);
    const data = Buffer.alloc(1_048_576);
    for (let k = 0; k < 8; k++) assert.equal(reader.scan(data, 0, data.length), data.length);
    assert.deepEqual([reader.dataBytes, reader.isDone], [8_388_608, false]);
  });
});

describe('a chunked body is malformed', () => {
  const cases: Readonly<Record<string, string>> = {
    'without a size': '\r\nx\r\n0\r\n\r\n',
    'with a size that is no number': 'g\r\n',
    'with a sign': '+1\r\nx\r\n0\r\n\r\n',
    'with a space before the size': ' 1\r\nx\r\n0\r\n\r\n',
    'with a space after the size': '1 \r\nx\r\n0\r\n\r\n',
    'with a bare LF after the size': '1\nx\r\n0\r\n\r\n',
    'with a bare CR after the size': '1\rx\r\n0\r\n\r\n',
    'with a bare LF in an extension': '1;a\nx\r\n0\r\n\r\n',
    'with a bare LF in an extension, and CR LF after it': '1;a\n\r\nx\r\n0\r\n\r\n',
    'with a control character in an extension': '1;a\x01\r\nx\r\n0\r\n\r\n',
    'with a bare CR in an extension': '1;a\rb\r\nx\r\n0\r\n\r\n',
    'with a NUL in an extension': '1;\0\r\nx\r\n0\r\n\r\n',
    'with other bytes than CR LF after the data': '1\r\nxyz0\r\n\r\n',
    'with another byte and LF after the data': '1\r\nxy\n0\r\n\r\n',
    'with a bare LF after the data': '1\r\nx\n0\r\n\r\n',
    'with a bare CR after the data': '1\r\nx\r0\r\n\r\n',
    'with a bare LF at its end': '0\r\n\n',
    'with a trailer that has no colon': '0\r\nX\r\n\r\n',
    'with a trailer that has no name': '0\r\n: x\r\n\r\n',
    'with a trailer whose name has a space': '0\r\nX : x\r\n\r\n',
    'with a folded trailer': '0\r\nX: x\r\n y\r\n\r\n',
    'with a NUL in a trailer': '0\r\nX: \0\r\n\r\n',
    'with a bare LF after a trailer': '0\r\nX: y\n\r\n',
    'with a trailer that claims a length': '0\r\ncontent-Length: 0\r\n\r\n',
    'with a trailer that claims a coding': '0\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n',
  };
  for (const [name, text] of Object.entries(cases)) {
    it(name, () => {
      for (const runs of ['data', 'coding', 'codingWithTrailers'] as const) {
        for (const size of [text.length, 2, 1])
          assert.equal(scan(text, runs, size), null, `${runs}, pieces of ${size}`);
      }
    });
  }
});

it('a trailer whose name only begins like one that frames is passed on', () => {
  const text = '0\r\nContent-Lengths: 0\r\nTransfer-Encoding2: x\r\nContent-Lengt: y\r\n\r\n';
  assert.equal(scan(text, 'codingWithTrailers')?.out, text);
});
