/**
 * The first message of a TLS client (RFC 8446 §4.1.2, RFC 5246 §7.4.1.2), read before anything is computed: which name it
 * asks for decides by which certificate and by which rules the handshake goes on.
 */

export interface ClientHello {
  /** RFC 6066 §3, in lower case; '' where the client names none. */
  readonly serverName: string;
}

/** More is needed, or it is no ClientHello. */
export type HelloFault = 'incomplete' | 'malformed';

/** A hello with the largest key shares of today has 2 KiB. */
export const MOST_HELLO_BYTES = 16_384;

const RECORD_HEAD = 5;
const HANDSHAKE_RECORD = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const HOST_NAME = 0;

/** @param bytes all that came so far */
export function readClientHello(bytes: Buffer): ClientHello | HelloFault {
  const message = joinRecords(bytes);
  if (typeof message === 'string') return message;
  const reader = new Reader(message);
  // legacy_version, random, legacy_session_id, cipher_suites, legacy_compression_methods.
  reader.skip(34);
  reader.skip(reader.number(1));
  reader.skip(reader.number(2));
  reader.skip(reader.number(1));
  if (reader.isBroken) return 'malformed';
  // Before TLS 1.2 a hello might have no extensions.
  if (reader.isAtEnd) return { serverName: '' };
  const extensions = reader.part(reader.number(2));
  if (reader.isBroken || !reader.isAtEnd) return 'malformed';
  return readExtensions(extensions);
}

/** The handshake message, which may come in several records (RFC 8446 §5.1). */
function joinRecords(bytes: Buffer): Buffer | HelloFault {
  const parts: Buffer[] = [];
  let have = 0;
  let wanted = 4;
  for (let at = 0; have < wanted;) {
    if (bytes.length > at && bytes[at] !== HANDSHAKE_RECORD) return 'malformed';
    if (bytes.length > at + 1 && bytes[at + 1] !== 3) return 'malformed';
    if (bytes.length < at + RECORD_HEAD) return tooFew(bytes);
    const length = bytes.readUInt16BE(at + 3);
    if (length === 0 || length > MOST_HELLO_BYTES) return 'malformed';
    const part = bytes.subarray(at + RECORD_HEAD, at + RECORD_HEAD + length);
    if (part.length > 0 && parts.length === 0 && part[0] !== CLIENT_HELLO) return 'malformed';
    parts.push(part);
    have += part.length;
    if (parts.length === 1 && part.length >= 4) wanted = 4 + part.readUIntBE(1, 3);
    else if (have >= 4) wanted = 4 + Buffer.concat(parts).readUIntBE(1, 3);
    if (wanted > MOST_HELLO_BYTES) return 'malformed';
    if (part.length < length && have < wanted) return tooFew(bytes);
    at += RECORD_HEAD + length;
  }
  return Buffer.concat(parts).subarray(4, wanted);
}

function tooFew(bytes: Buffer): HelloFault {
  return bytes.length >= MOST_HELLO_BYTES ? 'malformed' : 'incomplete';
}

function readExtensions(extensions: Reader): ClientHello | HelloFault {
  let serverName = '';
  let hasName = false;
  while (!extensions.isAtEnd && !extensions.isBroken) {
    const type = extensions.number(2);
    const content = extensions.part(extensions.number(2));
    if (type !== SERVER_NAME) continue;
    // RFC 8446 §4.2: no type twice.
    if (hasName) return 'malformed';
    hasName = true;
    const name = readServerName(content);
    if (name === null) return 'malformed';
    serverName = name;
  }
  return extensions.isBroken ? 'malformed' : { serverName };
}

const NAME = /^[a-z0-9_](?:[a-z0-9_.-]{0,253}[a-z0-9_])?$/;

/** @returns null if it is malformed */
function readServerName(content: Reader): string | null {
  const list = content.part(content.number(2));
  if (list.number(1) !== HOST_NAME) return null;
  const name = list.text(list.number(2)).toLowerCase();
  if (list.isBroken || content.isBroken || !list.isAtEnd || !content.isAtEnd) return null;
  return NAME.test(name) ? name : null;
}

/** Reads parts of a message; what is beyond its end makes it broken. */
class Reader {
  private readonly bytes: Buffer;
  private at = 0;
  isBroken = false;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  number(length: number): number {
    return this.has(length) ? this.bytes.readUIntBE((this.at += length) - length, length) : 0;
  }

  skip(length: number): void {
    if (this.has(length)) this.at += length;
  }

  part(length: number): Reader {
    const isThere = this.has(length);
    const part = new Reader(this.bytes.subarray(this.at, isThere ? this.at + length : this.at));
    part.isBroken = !isThere;
    if (isThere) this.at += length;
    return part;
  }

  text(length: number): string {
    if (!this.has(length)) return '';
    this.at += length;
    return this.bytes.toString('latin1', this.at - length, this.at);
  }

  private has(length: number): boolean {
    if (this.at + length <= this.bytes.length) return true;
    this.isBroken = true;
    return false;
  }
}
