/** One header field as HPACK knows it, with everything about it that is found out once instead of once per request. */
import {
  CONTENT_LENGTH,
  DATE,
  EXPECT,
  FORWARDED,
  HOST,
  MISLEADING,
  PLAIN,
  REASON,
  SERVER,
  TE,
  TRAILER,
  VIA,
  X_FORWARDED_FOR,
  X_FORWARDED_HOST,
  X_FORWARDED_PORT,
  X_FORWARDED_PROTO,
  X_REAL_IP,
} from '../http1/fields.ts';
import { TOKEN, VALUE } from '../http1/chars.ts';

/** Roles beside the kinds that HTTP/1.1's fields have. */
export const COOKIE = 32;
export const METHOD = 33;
export const SCHEME = 34;
export const PATH = 35;
export const AUTHORITY = 36;
export const PROTOCOL = 37;
export const STATUS = 38;
/** No message may have the field: its name or value is malformed, or it belongs to a connection (RFC 9113 §8.2). */
export const MALFORMED = 39;

const ROLES: ReadonlyMap<string, number> = new Map([
  ['te', TE],
  ['via', VIA],
  ['host', HOST],
  ['date', DATE],
  ['proxy', MISLEADING],
  ['expect', EXPECT],
  ['server', SERVER],
  ['trailer', TRAILER],
  ['x-real-ip', X_REAL_IP],
  ['forwarded', FORWARDED],
  ['content-length', CONTENT_LENGTH],
  ['x-forwarded-for', X_FORWARDED_FOR],
  ['x-forwarded-host', X_FORWARDED_HOST],
  ['x-forwarded-port', X_FORWARDED_PORT],
  ['x-forwarded-proto', X_FORWARDED_PROTO],
  ['x-gatewright-error', REASON],
  ['cookie', COOKIE],
  [':method', METHOD],
  [':scheme', SCHEME],
  [':path', PATH],
  [':authority', AUTHORITY],
  [':protocol', PROTOCOL],
  [':status', STATUS],
  // RFC 9113 §8.2.2.
  ['connection', MALFORMED],
  ['proxy-connection', MALFORMED],
  ['keep-alive', MALFORMED],
  ['transfer-encoding', MALFORMED],
  ['upgrade', MALFORMED],
]);

/** What an entry of the dynamic table takes besides its name and value (RFC 7541 §4.1). */
const ENTRY_BYTES = 32;

export class Field {
  readonly name: string;
  readonly value: string;
  /** As RFC 7541 §4.1 counts it. */
  readonly size: number;
  /** A kind of HTTP/1.1's fields, or one of the roles above. */
  readonly role: number;
  /** As it stands in a head of HTTP/1.1. */
  readonly line: string;

  constructor(name: string, value: string) {
    this.name = name;
    this.value = value;
    this.size = name.length + value.length + ENTRY_BYTES;
    this.role = roleOf(name, value);
    this.line = `${name}: ${value}\r\n`;
  }
}

/** Names whose spellings with underscores CGI and its heirs take for them. */
const LIKENED: ReadonlySet<string> = new Set([
  'x-real-ip',
  'content-length',
  'transfer-encoding',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
]);

function roleOf(name: string, value: string): number {
  const role = ROLES.get(name) ?? (LIKENED.has(name.replaceAll('_', '-')) ? MISLEADING : PLAIN);
  if (role < METHOD && !isFieldName(name)) return MALFORMED;
  if (!isFieldValue(value)) return MALFORMED;
  return role === TE && value !== 'trailers' ? MALFORMED : role;
}

/** RFC 9113 §8.2.1: a token, and no upper case in it. */
function isFieldName(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (TOKEN[code] !== 1 || (code >= 65 && code <= 90)) return false;
  }
  return name.length > 0;
}

/** RFC 9113 §8.2.1: no control characters, and no white space around the value. */
function isFieldValue(value: string): boolean {
  const { length } = value;
  if (length === 0) return true;
  for (let i = 0; i < length; i++) if (VALUE[value.charCodeAt(i)] !== 1) return false;
  return !isSpace(value.charCodeAt(0)) && !isSpace(value.charCodeAt(length - 1));
}

function isSpace(code: number): boolean {
  return code === 32 || code === 9;
}
