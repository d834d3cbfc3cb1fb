/** The head of a response as a header block. */
import { HOP, CONNECTION, TRANSFER_ENCODING, UPGRADE } from '../http1/fields.ts';
import type { OutgoingResponse } from '../http1/messages.ts';
import type { HpackEncoder, LineMemo } from './hpack-encoder.ts';

/** RFC 9113 §8.2.2: what belongs to one connection of HTTP/1.1 has no place here. */
const isOfConnection = (kind: number): boolean =>
  kind === HOP || kind === CONNECTION || kind === TRANSFER_ENCODING || kind === UPGRADE;

/** Responses of upstreams have heads of 128 KiB at most, and plugins add to them. */
let scratch = Buffer.allocUnsafeSlow(65_536);

/** Where the last block stands, from 0 on: valid until the next one. */
export const block: { bytes: Buffer; length: number } = { bytes: scratch, length: 0 };

export function writeResponseBlock(encoder: HpackEncoder, lines: LineMemo, response: OutgoingResponse): void {
  let at = begin(encoder, response.status);
  const { fields, dropped, added } = response;
  if (fields !== null) {
    for (let k = 0; k < fields.count; k++) {
      const kind = fields.kind(k);
      if (dropped[kind] === 1 || isOfConnection(kind)) continue;
      at = writeLine(encoder, lines, fields.line(k), at);
    }
  }
  finish(addLines(encoder, lines, added, at));
}

/** @param text a head of HTTP/1.1: its status line is left out */
export function writeInterimBlock(encoder: HpackEncoder, lines: LineMemo, status: number, text: string): void {
  const at = begin(encoder, status);
  finish(addLines(encoder, lines, text.slice(text.indexOf('\r\n') + 2), at));
}

/** @param text lines of fields, each with its CRLF */
export function writeTrailerBlock(encoder: HpackEncoder, lines: LineMemo, text: string): void {
  finish(addLines(encoder, lines, text, encoder.begin(scratch, 0)));
}

function begin(encoder: HpackEncoder, status: number): number {
  return encoder.status(scratch, encoder.begin(scratch, 0), status);
}

function finish(length: number): void {
  block.bytes = scratch;
  block.length = length;
}

function addLines(encoder: HpackEncoder, lines: LineMemo, text: string, offset: number): number {
  let at = offset;
  let start = 0;
  for (let end = text.indexOf('\r\n'); end > start; end = text.indexOf('\r\n', start)) {
    at = writeLine(encoder, lines, text.slice(start, end), at);
    start = end + 2;
  }
  return at;
}

function writeLine(encoder: HpackEncoder, lines: LineMemo, text: string, at: number): number {
  const line = lines.lineOf(text);
  if (at + line.size > scratch.length) {
    const grown = Buffer.allocUnsafeSlow(Math.max(scratch.length * 2, at + line.size));
    scratch.copy(grown, 0, 0, at);
    scratch = grown;
  }
  return encoder.field(scratch, at, line);
}
