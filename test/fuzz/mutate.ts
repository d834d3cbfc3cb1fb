/** One random change of a message. */
import type { Random } from './random.ts';

/** Pieces that parsers trip over. */
const PIECES = [
  '\r\n',
  '\n',
  '\r',
  '\r\n\r\n',
  '\n\n',
  '\r\r\n',
  '\0',
  ' ',
  '\t',
  '\x0b',
  '\x7f',
  '\x80',
  '\xff',
  ':',
  ';',
  ',',
  '"',
  '0',
  '00',
  '-',
  '+',
  '0x',
  '0\r\n\r\n',
  '5\r\nhello\r\n',
  '1;a=b\r\nx\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding:\tchunked\r\n',
  'Transfer-Encoding: gzip, chunked\r\n',
  'Content-Length: 0\r\n',
  'Content-Length: 5\r\n',
  'Content-Length: 5, 5\r\n',
  'Connection: close\r\n',
  'Connection: keep-alive\r\n',
  'Connection: content-length\r\n',
  'Host: b\r\n',
  'Expect: 100-continue\r\n',
  'Upgrade: websocket\r\n',
  'TE: trailers\r\n',
  'Trailer: X\r\n',
  ' HTTP/1.1',
  ' HTTP/1.0',
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'HTTP/1.1 200 OK\r\n',
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 204 No Content\r\n',
  'X: y\r\n',
  ' folded\r\n',
  'chunked',
  'identity',
  '18446744073709551617',
  'ffffffffffffffff',
].map((text) => Buffer.from(text, 'latin1'));

type Mutation = (bytes: Buffer, other: Buffer, random: Random) => Buffer;

const below = (random: Random, bound: number): number => Math.floor(random() * bound);

/** A stretch of the message, short ones more often. */
function stretch(bytes: Buffer, random: Random): readonly [number, number] {
  const start = below(random, bytes.length + 1);
  return [start, Math.min(bytes.length, start + 1 + below(random, 1 + random() * 24))];
}

function replaced(bytes: Buffer, start: number, end: number, by: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, start), by, bytes.subarray(end)]);
}

const piece = (random: Random): Buffer => PIECES[below(random, PIECES.length)] ?? Buffer.alloc(0);

const MUTATIONS: readonly Mutation[] = [
  function insertPiece(bytes, _, random) {
    const at = below(random, bytes.length + 1);
    return replaced(bytes, at, at, piece(random));
  },
  function overwriteByPiece(bytes, _, random) {
    return replaced(bytes, ...stretch(bytes, random), piece(random));
  },
  function insertLine(bytes, _, random) {
    const ends = lineEnds(bytes);
    const at = ends[below(random, ends.length)] ?? 0;
    return replaced(bytes, at, at, piece(random));
  },
  function setByte(bytes, _, random) {
    const copy = Buffer.from(bytes);
    if (copy.length > 0) copy[below(random, copy.length)] = below(random, 256);
    return copy;
  },
  function flipBit(bytes, _, random) {
    const copy = Buffer.from(bytes);
    const at = below(random, copy.length);
    if (copy.length > 0) copy[at] = (copy[at] ?? 0) ^ (1 << below(random, 8));
    return copy;
  },
  function remove(bytes, _, random) {
    return replaced(bytes, ...stretch(bytes, random), Buffer.alloc(0));
  },
  function repeat(bytes, _, random) {
    const [start, end] = stretch(bytes, random);
    return replaced(bytes, end, end, bytes.subarray(start, end));
  },
  function move(bytes, _, random) {
    const [start, end] = stretch(bytes, random);
    const rest = replaced(bytes, start, end, Buffer.alloc(0));
    const at = below(random, rest.length + 1);
    return replaced(rest, at, at, bytes.subarray(start, end));
  },
  function cutOff(bytes, _, random) {
    return bytes.subarray(0, below(random, bytes.length + 1));
  },
  function spliceWith(bytes, other, random) {
    return Buffer.concat([
      bytes.subarray(0, below(random, bytes.length + 1)),
      other.subarray(below(random, other.length + 1)),
    ]);
  },
  function followWith(bytes, other) {
    return Buffer.concat([bytes, other]);
  },
  function changeNumber(bytes, _, random) {
    const text = bytes.toString('latin1');
    const numbers = [...text.matchAll(/[0-9]+/g)];
    const chosen = numbers[below(random, numbers.length)];
    if (chosen === undefined) return bytes;
    const by = String(Math.max(0, Number(chosen[0].slice(0, 9)) + below(random, 5) - 2));
    return replaced(bytes, chosen.index, chosen.index + chosen[0].length, Buffer.from(by, 'latin1'));
  },
];

function lineEnds(bytes: Buffer): number[] {
  const ends: number[] = [];
  for (let at = bytes.indexOf('\r\n'); at >= 0; at = bytes.indexOf('\r\n', at + 1)) ends.push(at + 2);
  return ends;
}

/** @param other another message, for those changes that need one */
export function mutate(bytes: Buffer, other: Buffer, random: Random): Buffer {
  const mutation = MUTATIONS[below(random, MUTATIONS.length)];
  return mutation === undefined ? bytes : mutation(bytes, other, random);
}
