/** Heads of HTTP/2 in the form in which HTTP/1.1's parser leaves one: text, and offsets in the scratch memory. */
import { HOST, parsed, PLAIN, scratchFields, STRIDE } from '../http1/fields.ts';

/** Forgets what the last head said. */
export function beginHead(fieldsStart: number): void {
  parsed.count = 0;
  parsed.fieldsStart = fieldsStart;
  parsed.minorVersion = 1;
  parsed.contentLength = -1;
  parsed.chunked = false;
  parsed.host = -1;
  parsed.hostRepeated = false;
  parsed.expectContinue = parsed.badExpectation = parsed.upgrade = parsed.acceptsTrailers = false;
  parsed.connectionClose = parsed.connectionKeepAlive = parsed.nominates = false;
  parsed.kindsSeen = 0;
}

/** @param line with its CRLF. @returns the head's text with the line */
export function addLine(text: string, line: string, nameLength: number, kind: number): string {
  const o = parsed.count * STRIDE;
  const start = text.length;
  scratchFields[o] = start;
  scratchFields[o + 1] = start + nameLength;
  scratchFields[o + 2] = start + nameLength + 2;
  scratchFields[o + 3] = start + line.length - 2;
  scratchFields[o + 4] = kind;
  parsed.count++;
  parsed.kindsSeen |= kind === PLAIN ? 0 : 1 << kind;
  return text + line;
}

export function addHost(text: string, value: string): string {
  parsed.host = parsed.count;
  return addLine(text, `host: ${value}\r\n`, 4, HOST);
}

const DIGITS = /^\d{1,15}$/;

/** @returns −1 if it is none */
export function lengthOf(value: string): number {
  return DIGITS.test(value) ? Number(value) : -1;
}
