/**
 * The field section of a message (RFC 9112 §5), parsed into offsets. The results stand in scratch memory that the
 * next parse overwrites: who needs them longer takes a copy within the same call (see `Head`).
 */
import { latin1 } from './bytes.ts';
import { COLON, CR, HYPHEN, LF, SPACE, spells, TAB, TOKEN, UNDERSCORE, VALUE } from './chars.ts';
import {
  AMBIGUOUS_FRAMING,
  BAD_CONTENT_LENGTH,
  BAD_HEADER,
  HEADER_TOO_LARGE,
  INCOMPLETE,
  TRANSFER_CODING,
} from './faults.ts';

/** Numbers per field in `scratchFields`: name start and end, value start and end, kind. */
export const STRIDE = 5;

/** Kinds of fields that framing, forwarding or connection handling looks at. All others are PLAIN. */
export const PLAIN = 0;
export const HOP = 1;
export const HOST = 2;
export const CONTENT_LENGTH = 3;
export const TRANSFER_ENCODING = 4;
export const CONNECTION = 5;
export const TE = 6;
export const TRAILER = 7;
export const UPGRADE = 8;
export const EXPECT = 9;
export const X_FORWARDED_FOR = 10;
export const X_FORWARDED_PROTO = 11;
export const X_FORWARDED_HOST = 12;
export const X_FORWARDED_PORT = 13;
export const X_REAL_IP = 14;
export const FORWARDED = 15;
export const VIA = 16;
/** What CGI and its heirs take for something else: `Proxy`, and spellings with underscores of what frames or introduces a request. */
export const MISLEADING = 17;
export const DATE = 18;
export const SERVER = 19;
/** A field that was removed after parsing. */
export const REMOVED = 20;
/** What only the gateway itself may say of an answer. */
export const REASON = 21;
export const KINDS = 22;

export interface HeadLimits {
  /** Bytes of one field line, and of the request target. */
  readonly line_bytes: number;
  /** Bytes of the start line and all fields together. */
  readonly head_bytes: number;
  readonly fields: number;
}

/** What the last parse found, beside the fields themselves. */
export const parsed = {
  count: 0,
  /** Offsets from the start of the message. */
  methodEnd: 0,
  targetStart: 0,
  targetEnd: 0,
  /** The target's characters are such that its path needs no normalisation. */
  isPlainTarget: false,
  /** Offset of the first field. */
  fieldsStart: 0,
  minorVersion: 1,
  status: 0,
  /** −1 without Content-Length. */
  contentLength: -1,
  chunked: false,
  /** Index of the Host field, −1 without. */
  host: -1,
  hostRepeated: false,
  expectContinue: false,
  badExpectation: false,
  upgrade: false,
  acceptsTrailers: false,
  connectionClose: false,
  connectionKeepAlive: false,
  /** Connection holds more than one of these two: it may name fields of this hop. */
  nominates: false,
  /** Bit `kind` is set for each kind that occurs: tells in one test whether a slow path is needed. */
  kindsSeen: 0,
};

/** Plain numbers in a plain array: copying it is one memcpy, where a typed array of that size costs an allocation off the heap. */
export const scratchFields: number[] = new Array<number>(STRIDE * 1024).fill(0);

/**
 * Parses the fields from `at` on. `base` is where the message starts; offsets are relative to it.
 * @returns the offset after the empty line, `INCOMPLETE`, or a fault
 */
export function parseFields(bytes: Uint8Array, at: number, end: number, base: number, limits: HeadLimits): number {
  let i = at;
  let count = 0;
  const fields = scratchFields;
  const maxLine = limits.line_bytes;
  const maxFields = limits.fields;
  resetParsed(at - base);
  for (;;) {
    if (i >= end) return INCOMPLETE;
    if (bytes[i] === CR) {
      if (i + 1 >= end) return INCOMPLETE;
      if (bytes[i + 1] !== LF) return BAD_HEADER;
      i += 2;
      break;
    }
    const nameStart = i;
    while (i < end && TOKEN[bytes[i]] === 1) i++;
    if (i - nameStart > maxLine) return HEADER_TOO_LARGE;
    if (i >= end) return INCOMPLETE;
    if (bytes[i] !== COLON || i === nameStart) return BAD_HEADER;
    const nameEnd = i++;
    while (i < end && (bytes[i] === SPACE || bytes[i] === TAB)) i++;
    const valueStart = i;
    while (i < end && VALUE[bytes[i]] === 1) i++;
    if (i - nameStart > maxLine) return HEADER_TOO_LARGE;
    if (i >= end) return INCOMPLETE;
    if (bytes[i] !== CR) return BAD_HEADER;
    if (i + 1 >= end) return INCOMPLETE;
    if (bytes[i + 1] !== LF) return BAD_HEADER;
    let valueEnd = i;
    while (valueEnd > valueStart && (bytes[valueEnd - 1] === SPACE || bytes[valueEnd - 1] === TAB)) valueEnd--;
    i += 2;
    if (count >= maxFields) return HEADER_TOO_LARGE;
    const kind = classify(bytes, nameStart, nameEnd - nameStart);
    if (kind !== PLAIN) {
      const fault = note(bytes, kind, valueStart, valueEnd, count);
      if (fault !== 0) return fault;
    }
    const o = count * STRIDE;
    fields[o] = nameStart - base;
    fields[o + 1] = nameEnd - base;
    fields[o + 2] = valueStart - base;
    fields[o + 3] = valueEnd - base;
    fields[o + 4] = kind;
    count++;
  }
  parsed.count = count;
  // RFC 9112 §6.1 lets a recipient choose; both at once is how requests are smuggled, so it is refused.
  if (parsed.chunked && parsed.contentLength >= 0) return AMBIGUOUS_FRAMING;
  if (parsed.nominates) markNominated(bytes, base);
  return i;
}

function resetParsed(fieldsStart: number): void {
  parsed.count = 0;
  parsed.fieldsStart = fieldsStart;
  parsed.contentLength = -1;
  parsed.chunked = false;
  parsed.host = -1;
  parsed.hostRepeated = false;
  parsed.expectContinue = false;
  parsed.badExpectation = false;
  parsed.upgrade = false;
  parsed.acceptsTrailers = false;
  parsed.connectionClose = false;
  parsed.connectionKeepAlive = false;
  parsed.nominates = false;
  parsed.kindsSeen = 0;
}

function classify(bytes: Uint8Array, at: number, length: number): number {
  switch (length) {
    case 2:
      return spells(bytes, at, 'te') ? TE : PLAIN;
    case 3:
      return spells(bytes, at, 'via') ? VIA : PLAIN;
    case 4:
      return spells(bytes, at, 'host') ? HOST : spells(bytes, at, 'date') ? DATE : PLAIN;
    case 5:
      return spells(bytes, at, 'proxy') ? MISLEADING : PLAIN;
    case 6:
      return spells(bytes, at, 'expect') ? EXPECT : spells(bytes, at, 'server') ? SERVER : PLAIN;
    case 7:
      return spells(bytes, at, 'upgrade') ? UPGRADE : spells(bytes, at, 'trailer') ? TRAILER : PLAIN;
    case 9:
      return spells(bytes, at, 'forwarded') ? FORWARDED : likened(bytes, at, 'x-real-ip', X_REAL_IP);
    case 10:
      return spells(bytes, at, 'connection') ? CONNECTION : spells(bytes, at, 'keep-alive') ? HOP : PLAIN;
    case 14:
      return likened(bytes, at, 'content-length', CONTENT_LENGTH);
    case 15:
      return likened(bytes, at, 'x-forwarded-for', X_FORWARDED_FOR);
    case 16:
      if (spells(bytes, at, 'proxy-connection')) return HOP;
      return (
        likened(bytes, at, 'x-forwarded-host', X_FORWARDED_HOST) ||
        likened(bytes, at, 'x-forwarded-port', X_FORWARDED_PORT)
      );
    case 17:
      return (
        likened(bytes, at, 'transfer-encoding', TRANSFER_ENCODING) ||
        likened(bytes, at, 'x-forwarded-proto', X_FORWARDED_PROTO)
      );
    case 18:
      return spells(bytes, at, 'x-gatewright-error') ? REASON : PLAIN;
    default:
      return PLAIN;
  }
}

/** @returns `kind` for that name, `MISLEADING` for one that differs only in underscores for hyphens, `PLAIN` for any other */
function likened(bytes: Uint8Array, at: number, name: string, kind: number): number {
  let found = kind;
  for (let k = 0; k < name.length; k++) {
    const code = name.charCodeAt(k);
    if ((bytes[at + k] | 0x20) === code) continue;
    if (code !== HYPHEN || bytes[at + k] !== UNDERSCORE) return PLAIN;
    found = MISLEADING;
  }
  return found;
}

/** Records what a field of a known kind says. @returns 0 or a fault */
function note(bytes: Uint8Array, kind: number, valueStart: number, valueEnd: number, index: number): number {
  const repeated = (parsed.kindsSeen & (1 << kind)) !== 0;
  parsed.kindsSeen |= 1 << kind;
  const length = valueEnd - valueStart;
  switch (kind) {
    case HOST:
      if (repeated) parsed.hostRepeated = true;
      parsed.host = index;
      return 0;
    case CONTENT_LENGTH:
      if (repeated) return AMBIGUOUS_FRAMING;
      return noteContentLength(bytes, valueStart, valueEnd);
    case TRANSFER_ENCODING:
      // RFC 9112 §5.1 allows tabs around a value, but this field is passed on as it came, and with a tab some recipients
      // do not recognise it: they would see another body.
      if (repeated || hasTabAround(bytes, valueStart, valueEnd)) return AMBIGUOUS_FRAMING;
      if (length === 7 && spells(bytes, valueStart, 'chunked')) {
        parsed.chunked = true;
        return 0;
      }
      return refusedCoding(listOf(bytes, valueStart, valueEnd));
    case CONNECTION:
      if (length === 5 && spells(bytes, valueStart, 'close')) parsed.connectionClose = true;
      else if (length === 10 && spells(bytes, valueStart, 'keep-alive')) parsed.connectionKeepAlive = true;
      else {
        parsed.nominates = true;
        for (const option of listOf(bytes, valueStart, valueEnd)) {
          if (option === 'close') parsed.connectionClose = true;
          else if (option === 'keep-alive') parsed.connectionKeepAlive = true;
        }
      }
      return 0;
    case EXPECT:
      // RFC 9110 §10.1.1 defines this one expectation only.
      if (length === 12 && spells(bytes, valueStart, '100-continue')) parsed.expectContinue = true;
      else parsed.badExpectation = true;
      return 0;
    case TE:
      if (listOf(bytes, valueStart, valueEnd).includes('trailers')) parsed.acceptsTrailers = true;
      return 0;
    case UPGRADE:
      parsed.upgrade = true;
      return 0;
    default:
      return 0;
  }
}

/** Whether a tab stands between the colon and the value, or between the value and the end of its line. */
function hasTabAround(bytes: Uint8Array, valueStart: number, valueEnd: number): boolean {
  for (let k = valueStart - 1; bytes[k] !== COLON; k--) if (bytes[k] === TAB) return true;
  for (let k = valueEnd; bytes[k] !== CR; k++) if (bytes[k] === TAB) return true;
  return false;
}

function noteContentLength(bytes: Uint8Array, start: number, end: number): number {
  // As of Transfer-Encoding: with a tab around it, some recipients see no length, and another body.
  if (hasTabAround(bytes, start, end)) return BAD_CONTENT_LENGTH;
  // 15 digits stay below 2^53, where JavaScript's integers end.
  if (end === start || end - start > 15) return BAD_CONTENT_LENGTH;
  let value = 0;
  for (let k = start; k < end; k++) {
    const digit = bytes[k] - 48;
    if (digit < 0 || digit > 9) return BAD_CONTENT_LENGTH;
    value = value * 10 + digit;
  }
  parsed.contentLength = value;
  return 0;
}

/**
 * RFC 9112 §6.1: a coding that is not implemented is 501; a list in which `chunked` is not last and alone leaves the
 * length of the message open, which is 400.
 */
function refusedCoding(codings: string[]): number {
  const last = codings.at(-1);
  const chunkedOnce = codings.indexOf('chunked') === codings.length - 1;
  return last === 'chunked' && chunkedOnce ? TRANSFER_CODING : AMBIGUOUS_FRAMING;
}

/** RFC 9110 §5.6.3: no other space than these two; `trim` would take the byte A0 for one. */
const SPACE_AROUND = /^[\t ]+|[\t ]+$/g;

function listOf(bytes: Uint8Array, start: number, end: number): string[] {
  return latin1(bytes, start, end)
    .toLowerCase()
    .split(',')
    .map((item) => item.replaceAll(SPACE_AROUND, ''));
}

/**
 * RFC 9110 §7.6.1: fields that Connection names go no further than this hop. A client must not be able to strip
 * what identifies it, or what frames the message, on its way to the upstream.
 */
const UNSTRIPPABLE = new Set(['host', 'content-length', 'transfer-encoding', 'authorization', 'cookie', 'set-cookie']);

function isUnstrippable(name: string): boolean {
  return UNSTRIPPABLE.has(name) || name.startsWith('x-forwarded-') || name === 'x-real-ip' || name === 'via';
}

function markNominated(bytes: Uint8Array, base: number): void {
  const nominated = new Set<string>();
  for (let k = 0; k < parsed.count; k++) {
    const o = k * STRIDE;
    if (scratchFields[o + 4] !== CONNECTION) continue;
    const length = scratchFields[o + 3] - scratchFields[o + 2];
    const at = base + scratchFields[o + 2];
    if ((length === 5 && spells(bytes, at, 'close')) || (length === 10 && spells(bytes, at, 'keep-alive'))) continue;
    for (const option of listOf(bytes, at, at + length)) if (!isUnstrippable(option)) nominated.add(option);
  }
  if (nominated.size === 0) return;
  for (let k = 0; k < parsed.count; k++) {
    const o = k * STRIDE;
    if (scratchFields[o + 4] !== PLAIN) continue;
    const name = latin1(bytes, base + scratchFields[o], base + scratchFields[o + 1]).toLowerCase();
    if (nominated.has(name)) scratchFields[o + 4] = HOP;
  }
}
