/** Heads and chunks: the parsers against their naive counterparts. Each check returns what is wrong, '' if nothing is. */
import { BodyReader } from '../../src/http1/body-reader.ts';
import type { ChunkRuns } from '../../src/http1/chunked.ts';
import { INCOMPLETE } from '../../src/http1/faults.ts';
import { type HeadLimits, parsed } from '../../src/http1/fields.ts';
import { Head } from '../../src/http1/head.ts';
import { parseRequestHead } from '../../src/http1/request-head.ts';
import { parseResponseHead } from '../../src/http1/response-head.ts';
import { decodeChunks, type NaiveBody } from '../parsers/naive-chunks.ts';
import { randomCuts } from '../parsers/cuts.ts';
import type { Input } from './input.ts';
import { parseNaively } from './naive-head.ts';
import { seededRandom } from './random.ts';

export function checkHead({ kind, bytes, limits, seed }: Input): string {
  const text = bytes.toString('latin1');
  const headLimits: HeadLimits = { line_bytes: limits.line, head_bytes: limits.head, fields: limits.fields };
  const parse = kind === 'request' ? parseRequestHead : parseResponseHead;
  // The message stands somewhere in a larger buffer whose rest is not to be looked at.
  const before = seed % 7;
  const buffer = Buffer.concat([Buffer.alloc(before, 0x0a), bytes, Buffer.from('\r\n\r\nX: y\r\n\r\n')]);
  const end = before + bytes.length;
  const result = parse(buffer, before, end, headLimits);
  const naive = parseNaively(text, kind, limits);
  if (result > 0) {
    if (naive === null) return 'head: accepted, and the grammar refuses it';
    const ours = JSON.stringify(seenBy(buffer.toString('latin1', before, result - 2), kind, result - before));
    const theirs = JSON.stringify(naive);
    return ours === theirs ? '' : `head: read as ${ours}, by the grammar it is ${theirs}`;
  }
  if (naive !== null) return `head: refused as ${result}, and the grammar accepts it`;
  return checkPrefixes(before, end, (to) => parse(buffer, before, to, headLimits), result);
}

function seenBy(text: string, kind: Input['kind'], end: number): unknown {
  const { methodEnd, targetStart, targetEnd, minorVersion, status, contentLength, chunked } = parsed;
  const reason = text.slice(12, targetEnd);
  const head = new Head(text);
  const start =
    kind === 'request'
      ? [text.slice(0, methodEnd), text.slice(targetStart, targetEnd), String(minorVersion)]
      : [String(minorVersion), String(status), ...(reason === '' ? [undefined] : [reason.slice(1)])];
  return {
    start,
    fields: Array.from({ length: head.count }, (_, index) => [head.name(index), head.value(index)]),
    minorVersion,
    contentLength,
    isChunked: chunked,
    closes: parsed.connectionClose,
    keeps: parsed.connectionKeepAlive,
    expectsContinue: parsed.expectContinue,
    acceptsTrailers: parsed.acceptsTrailers,
    end,
  };
}

/** A head that is refused is refused from some byte on, always for the same reason; before that it is incomplete. */
function checkPrefixes(start: number, end: number, parse: (to: number) => number, result: number): string {
  const step = end - start > 600 ? 37 : 1;
  let hasFailed = false;
  for (let to = start; to < end; to += step) {
    const part = parse(to);
    if (part === INCOMPLETE && !hasFailed) continue;
    hasFailed = true;
    if (part !== result) return `head: the whole gives ${result}, its first ${to - start} bytes ${part}`;
  }
  return '';
}

/** Feeds the chunked body that begins after the first empty line, or the whole input. */
export function checkChunks({ bytes, seed }: Input): string {
  const at = bytes.indexOf('\r\n\r\n');
  const body = at < 0 ? bytes : bytes.subarray(at + 4);
  const text = body.toString('latin1');
  const naive = decodeChunks(text);
  const random = seededRandom(seed);
  for (const runs of ['data', 'coding', 'codingWithTrailers'] as const) {
    for (const cuts of [[], randomCuts(body.length, random)]) {
      const problem = checkScan(body, cuts, runs, naive);
      if (problem !== '') return `chunks as ${runs}, cut at ${cuts.join()}: ${problem}`;
    }
  }
  return '';
}

function checkScan(body: Buffer, cuts: readonly number[], runs: ChunkRuns, naive: NaiveBody): string {
  const reader = new BodyReader();
  reader.beginChunked(runs);
  let out = '';
  let consumed = 0;
  let from = 0;
  for (const to of [...cuts, body.length]) {
    let i = from;
    while (i < to && !reader.isDone) {
      const next = reader.scan(body, i, to);
      if (next < 0) return naive.verdict === 'malformed' ? '' : `malformed, and naively ${naive.verdict}`;
      if (next <= i) return 'no progress';
      if (reader.runStart < i || reader.runEnd > next) return 'a run outside of what was consumed';
      out += body.toString('latin1', reader.runStart, reader.runEnd);
      i = next;
    }
    consumed = i;
    if (reader.isDone) break;
    from = to;
  }
  const verdict = reader.isDone ? 'complete' : 'incomplete';
  if (verdict !== naive.verdict) return `${verdict}, and naively ${naive.verdict}`;
  if (reader.dataBytes !== naive.data.length)
    return `${reader.dataBytes} bytes of data, and naively ${naive.data.length}`;
  if (verdict === 'incomplete') return '';
  if (consumed !== naive.end) return `ends at ${consumed}, and naively at ${naive.end}`;
  const wanted =
    runs === 'data'
      ? naive.data
      : runs === 'coding'
        ? naive.coding
        : `${naive.coding.slice(0, -2)}${naive.trailers}\r\n`;
  return out === wanted ? '' : 'hands on other bytes';
}
