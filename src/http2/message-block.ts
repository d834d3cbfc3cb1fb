/** The heads of messages as header blocks. */
import { CONNECTION, HOP, HOST, TRANSFER_ENCODING, UPGRADE } from '../http1/fields.ts';
import type { Head } from '../http1/head.ts';
import type { OutgoingRequest, OutgoingResponse } from '../http1/messages.ts';
import type { HpackEncoder, Line, LineMemo } from './hpack-encoder.ts';

/** RFC 9113 §8.2.2: what belongs to one connection of HTTP/1.1 has no place here. */
const isOfConnection = (kind: number): boolean =>
  kind === HOP || kind === CONNECTION || kind === TRANSFER_ENCODING || kind === UPGRADE;

/** Heads have 128 KiB at most, and plugins add to them. */
let scratch = Buffer.allocUnsafeSlow(65_536);

/** Where the last block stands, from 0 on: valid until the next one. `isChunked`: of a request, its body comes in the chunked coding. */
export const block: { bytes: Buffer; length: number; isChunked: boolean } = {
  bytes: scratch,
  length: 0,
  isChunked: false,
};

export function writeResponseBlock(encoder: HpackEncoder, lines: LineMemo, response: OutgoingResponse): void {
  let at = begin(encoder, response.status);
  const { fields, dropped, added } = response;
  if (fields !== null) at = addFields(encoder, lines, fields, dropped, at);
  finish(addLines(encoder, lines, added, at));
}

/** @param scheme of the connection */
export function writeRequestBlock(
  encoder: HpackEncoder,
  lines: LineMemo,
  request: OutgoingRequest,
  scheme: 'http' | 'https',
): void {
  const { method, target, host, fields, dropped, added } = request;
  let at = encoder.begin(scratch, 0);
  at = write(encoder, lines.pseudo(':method', method), at);
  at = write(encoder, lines.pseudo(':scheme', scheme), at);
  if (host !== '') at = write(encoder, lines.pseudo(':authority', host), at);
  at = write(encoder, lines.pseudo(':path', target), at);
  block.isChunked = false;
  if (fields !== null) at = addFields(encoder, lines, fields, dropped, at);
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

function addFields(encoder: HpackEncoder, lines: LineMemo, fields: Head, dropped: Uint8Array, offset: number): number {
  let at = offset;
  for (let k = 0; k < fields.count; k++) {
    const kind = fields.kind(k);
    if (dropped[kind] === 1 || kind === HOST) continue;
    if (kind === TRANSFER_ENCODING) block.isChunked = true;
    if (!isOfConnection(kind)) at = write(encoder, lines.lineOf(fields.line(k)), at);
  }
  return at;
}

function addLines(encoder: HpackEncoder, lines: LineMemo, text: string, offset: number): number {
  let at = offset;
  let start = 0;
  for (let end = text.indexOf('\r\n'); end > start; end = text.indexOf('\r\n', start)) {
    const line = lines.lineOf(text.slice(start, end));
    if (!line.isOfConnection) at = write(encoder, line, at);
    start = end + 2;
  }
  return at;
}

function write(encoder: HpackEncoder, line: Line, at: number): number {
  if (at + line.size > scratch.length) {
    const grown = Buffer.allocUnsafeSlow(Math.max(scratch.length * 2, at + line.size));
    scratch.copy(grown, 0, 0, at);
    scratch = grown;
  }
  return encoder.field(scratch, at, line);
}
