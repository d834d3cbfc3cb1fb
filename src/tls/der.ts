/** Reading and writing the little of DER (ITU-T X.690) that OCSP needs: one-byte tags, definite lengths. */

export class DerError extends Error {}

export interface Der {
  readonly tag: number;
  readonly content: Buffer;
  /** Tag and length included. */
  readonly whole: Buffer;
}

export const INTEGER = 0x02;
export const BIT_STRING = 0x03;
export const OCTET_STRING = 0x04;
export const NULL = 0x05;
export const OID = 0x06;
export const ENUMERATED = 0x0a;
export const GENERALIZED_TIME = 0x18;
export const SEQUENCE = 0x30;
/** Constructed, of a context: `[0]`, `[1]`, … */
export const inContext = (number: number): number => 0xa0 + number;

/** The value that bytes begin with. Throws DerError. */
function readAt(bytes: Buffer, at: number): Der {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined) throw new DerError('the value is cut off');
  if ((tag & 0x1f) === 0x1f) throw new DerError('the tag is too long');
  let start = at + 2;
  let length = first;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > 3) throw new DerError('the length cannot be');
    if (start + count > bytes.length) throw new DerError('the value is cut off');
    length = bytes.readUIntBE(start, count);
    start += count;
  }
  const end = start + length;
  if (end > bytes.length) throw new DerError('the value is cut off');
  return { tag, content: bytes.subarray(start, end), whole: bytes.subarray(at, end) };
}

/** The only value in these bytes. Throws DerError. */
export function readDer(bytes: Buffer, tag: number): Der {
  const value = readAt(bytes, 0);
  if (value.whole.length !== bytes.length) throw new DerError('something follows the value');
  if (value.tag !== tag) throw new DerError(`the tag is ${value.tag}, not ${tag}`);
  return value;
}

/** What a constructed value consists of, read one by one. */
export class DerReader {
  private readonly bytes: Buffer;
  private at = 0;

  constructor(content: Buffer) {
    this.bytes = content;
  }

  get isAtEnd(): boolean {
    return this.at === this.bytes.length;
  }

  /** Throws DerError if the next value has another tag. */
  next(tag: number): Der {
    const value = this.any();
    if (value.tag !== tag) throw new DerError(`the tag is ${value.tag}, not ${tag}`);
    return value;
  }

  /** Undefined, and nothing is read, if the next value has another tag, or there is none. */
  optional(tag: number): Der | undefined {
    return this.bytes[this.at] === tag ? this.any() : undefined;
  }

  /** Throws DerError at the end. */
  any(): Der {
    const value = readAt(this.bytes, this.at);
    this.at += value.whole.length;
    return value;
  }
}

export function writeDer(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content]);
  const count = length < 0x100 ? 1 : length < 0x1_0000 ? 2 : 3;
  const head = Buffer.alloc(2 + count);
  head[0] = tag;
  head[1] = 0x80 + count;
  head.writeUIntBE(length, 2, count);
  return Buffer.concat([head, content]);
}

/** An object identifier in dotted form; '' for one that is too large for its name to matter. */
export function oidText({ content }: Der): string {
  const numbers: number[] = [];
  let number = 0;
  for (const byte of content) {
    number = number * 128 + (byte & 0x7f);
    if (number > 0xffff_ffff) return '';
    if (byte >= 0x80) continue;
    if (numbers.length === 0)
      numbers.push(Math.min(2, Math.floor(number / 40)), number - 40 * Math.min(2, Math.floor(number / 40)));
    else numbers.push(number);
    number = 0;
  }
  return numbers.join('.');
}

/** Milliseconds since the epoch. Throws DerError for what RFC 5280 §4.1.2.5.2 does not allow. */
export function timeOf({ tag, content }: Der): number {
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(content.toString('latin1'));
  if (tag !== GENERALIZED_TIME || match === null) throw new DerError('a time is malformed');
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}
