/** Parsing of a request head, RFC 9112 §3 and §5: strict, nothing is repaired. */
import { CR, LF, SLASH, SPACE, SUSPECT, TARGET, TOKEN } from './chars.ts';
import {
  BAD_HOST,
  BAD_START_LINE,
  BAD_TARGET,
  AMBIGUOUS_FRAMING,
  EXPECTATION_FAILED,
  HEADER_TOO_LARGE,
  HTTP_VERSION,
  INCOMPLETE,
  LENGTH_REQUIRED,
  METHOD_NOT_IMPLEMENTED,
  TARGET_TOO_LONG,
} from './faults.ts';
import { type HeadLimits, parsed, parseFields } from './fields.ts';

const LONGEST_METHOD = 32;

/** `HTTP/1.1` and its CRLF. */
const VERSION_AND_CRLF = 10;

/**
 * Parses a request head that starts at `start`. The results stand in `parsed` and `scratchFields`.
 * @returns the offset of the body, `INCOMPLETE`, or a fault. Cutting the input anywhere never changes which fault.
 */
export function parseRequestHead(bytes: Uint8Array, start: number, end: number, limits: HeadLimits): number {
  const window = start + limits.head_bytes;
  const stop = end < window ? end : window;
  const result = parseWithin(bytes, start, stop, limits);
  return result === INCOMPLETE && stop === window ? HEADER_TOO_LARGE : result;
}

function parseWithin(bytes: Uint8Array, start: number, end: number, limits: HeadLimits): number {
  let i = start;
  while (i < end && TOKEN[bytes[i]] === 1) i++;
  // RFC 9112 §3: a method longer than any that is known is answered with 501.
  if (i - start > LONGEST_METHOD) return METHOD_NOT_IMPLEMENTED;
  if (i >= end) return INCOMPLETE;
  if (bytes[i] !== SPACE || i === start) return BAD_START_LINE;
  parsed.methodEnd = i - start;
  i++;
  const targetStart = i;
  let seen = 0;
  let previous = 0;
  for (; i < end; i++) {
    const code = bytes[i];
    const kind = TARGET[code];
    if (kind === 0) break;
    seen |= code === SLASH && previous === SLASH ? SUSPECT : kind;
    previous = code;
  }
  if (i - targetStart > limits.line_bytes) return TARGET_TOO_LONG;
  if (i >= end) return INCOMPLETE;
  if (i === targetStart) return BAD_START_LINE;
  if (bytes[i] !== SPACE) return BAD_TARGET;
  parsed.targetStart = targetStart - start;
  parsed.targetEnd = i - start;
  parsed.isPlainTarget = (seen & SUSPECT) === 0 && bytes[targetStart] === SLASH;
  i++;
  const version = parseVersion(bytes, i, end);
  if (version <= 0) return version;
  parsed.minorVersion = version - 1;
  const bodyStart = parseFields(bytes, i + VERSION_AND_CRLF, end, start, limits);
  if (bodyStart <= 0) return bodyStart;
  const fault = checkRequest(bytes, start);
  return fault === 0 ? bodyStart : fault;
}

const VERSION_TEXT = 'HTTP/1.';

/** @returns 1 for HTTP/1.0, 2 for HTTP/1.1, `INCOMPLETE`, or a fault */
function parseVersion(bytes: Uint8Array, at: number, end: number): number {
  for (let k = 0; k < 5; k++) {
    if (at + k >= end) return INCOMPLETE;
    if (bytes[at + k] !== VERSION_TEXT.charCodeAt(k)) return BAD_START_LINE;
  }
  const complete = at + VERSION_AND_CRLF;
  for (let k = 5; k < 8; k++) {
    if (at + k >= end) return INCOMPLETE;
    const isWellFormed = k === 6 ? bytes[at + k] === 46 : isDigit(bytes[at + k]);
    if (!isWellFormed) return BAD_START_LINE;
  }
  if (at + 8 >= end) return INCOMPLETE;
  if (bytes[at + 8] !== CR) return BAD_START_LINE;
  if (complete > end) return INCOMPLETE;
  if (bytes[at + 9] !== LF) return BAD_START_LINE;
  const minor = bytes[at + 7] - 48;
  if (bytes[at + 5] !== 49 || minor > 1) return HTTP_VERSION;
  return minor + 1;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** The rules that need the whole head. @returns 0 or a fault */
function checkRequest(bytes: Uint8Array, start: number): number {
  // RFC 9112 §3.2.
  if (parsed.hostRepeated || (parsed.host < 0 && parsed.minorVersion === 1)) return BAD_HOST;
  if (parsed.minorVersion === 0) {
    // RFC 9112 §6.1: framing that HTTP/1.0 does not have is faulty framing.
    if (parsed.chunked) return AMBIGUOUS_FRAMING;
    // RFC 9110 §10.1.1: an expectation of an HTTP/1.0 client is ignored.
    parsed.expectContinue = false;
    // RFC 1945 §8.3: the end of an HTTP/1.0 POST is told by its length alone.
    if (parsed.contentLength < 0 && isPost(bytes, start)) return LENGTH_REQUIRED;
    return 0;
  }
  return parsed.badExpectation ? EXPECTATION_FAILED : 0;
}

function isPost(bytes: Uint8Array, start: number): boolean {
  return (
    parsed.methodEnd === 4 &&
    bytes[start] === 80 &&
    bytes[start + 1] === 79 &&
    bytes[start + 2] === 83 &&
    bytes[start + 3] === 84
  );
}
