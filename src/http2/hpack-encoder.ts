/**
 * Encoding of header blocks (RFC 7541). What a line of a head becomes is found out once per worker; which lines stand in
 * a client's table is known per connection. A line goes into tables from its second appearance on: what never comes
 * again (an id, a length) must not push out what does.
 */
import { writeLatin1 } from '../http1/bytes.ts';
import { huffmanEncode, huffmanLength } from './huffman.ts';
import { FIRST_DYNAMIC, STATIC_FIELDS } from './static-table.ts';

const STATIC_NAMES: ReadonlyMap<string, number> = new Map(
  STATIC_FIELDS.map(([name], i): [string, number] => [name, i + 1]).toReversed(),
);
const STATIC_LINES: ReadonlyMap<string, number> = new Map(
  STATIC_FIELDS.map(([name, value], i): [string, number] => [`${name}\0${value}`, i + 1]),
);

/** RFC 7541 §7.1.3: these never enter a table, here or at anybody who passes them on. */
const NEVER_INDEXED: ReadonlySet<string> = new Set(['set-cookie', 'authorization', 'proxy-authorization', 'cookie']);

const OF_CONNECTION: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** Larger fields would push out everything else. */
const LARGEST_INDEXED = 512;

/** A line of a head: what it is in HPACK. */
export class Line {
  readonly name: string;
  readonly value: string;
  readonly size: number;
  /** Of name and value in the static table, 0 if they are not in it. */
  readonly staticIndex: number;
  /** Of the name. */
  readonly nameIndex: number;
  readonly mayBeIndexed: boolean;
  /** RFC 9113 §8.2.2: what belongs to one connection of HTTP/1.1 has no place in HTTP/2. */
  readonly isOfConnection: boolean;
  /** How often it was looked up, up to 2. */
  seen = 0;
  /** The literal that goes into no table. */
  private plain: Buffer | null = null;
  /** The literal that goes into the table. */
  private indexed: Buffer | null = null;

  constructor(name: string, value: string) {
    this.name = name;
    this.value = value;
    this.size = name.length + value.length + 32;
    this.staticIndex = STATIC_LINES.get(`${name}\0${value}`) ?? 0;
    this.nameIndex = STATIC_NAMES.get(name) ?? 0;
    this.isOfConnection = OF_CONNECTION.has(name);
    this.mayBeIndexed = !NEVER_INDEXED.has(name) && this.size <= LARGEST_INDEXED;
  }

  get plainBytes(): Buffer {
    return (this.plain ??= literal(this, NEVER_INDEXED.has(this.name) ? 0x10 : 0x00, 4));
  }

  get indexedBytes(): Buffer {
    return (this.indexed ??= literal(this, 0x40, 6));
  }
}

function literal(line: Line, pattern: number, prefixBits: number): Buffer {
  const { name, value, nameIndex } = line;
  const out = Buffer.allocUnsafe(name.length + value.length + 24);
  let at = writeInteger(out, 0, nameIndex, prefixBits, pattern);
  if (nameIndex === 0) at = writeString(out, at, name);
  return out.subarray(0, writeString(out, at, value));
}

/** RFC 7541 §5.1. @returns the offset behind it */
export function writeInteger(
  out: Uint8Array,
  offset: number,
  value: number,
  prefixBits: number,
  pattern: number,
): number {
  const most = (1 << prefixBits) - 1;
  if (value < most) {
    out[offset] = pattern | value;
    return offset + 1;
  }
  out[offset] = pattern | most;
  let at = offset + 1;
  let left = value - most;
  for (; left >= 128; left >>>= 7) out[at++] = (left & 0x7f) | 0x80;
  out[at++] = left;
  return at;
}

function writeString(out: Buffer, offset: number, text: string): number {
  const coded = huffmanLength(text);
  if (coded < text.length) return huffmanEncode(text, out, writeInteger(out, offset, coded, 7, 0x80));
  const at = writeInteger(out, offset, text.length, 7, 0);
  return at + writeLatin1(out, text, at);
}

const GENERATION = 2_048;
/** Nor more of their text: clients can have upstreams send lines of many kilobytes, each another one. */
const GENERATION_BYTES = 1_048_576;

/** The lines that this worker has written lately, by their spelling in a head. Bounded: two generations. */
export class LineMemo {
  private young = new Map<string, Line>();
  private old = new Map<string, Line>();
  /** Of the young. */
  private bytes = 0;

  /** @param name of a pseudo field */
  pseudo(name: string, value: string): Line {
    return this.find(`${name}\0${value}`, name, value);
  }

  /** @param text `Name: value` in any case of the name, one character per byte, without CRLF */
  lineOf(text: string): Line {
    return this.find(text, '', '');
  }

  private find(text: string, name: string, value: string): Line {
    let line = this.young.get(text);
    if (line === undefined) {
      line = this.old.get(text) ?? (name === '' ? parseLine(text) : new Line(name, value));
      if (this.young.size >= GENERATION || this.bytes >= GENERATION_BYTES) {
        this.old = this.young;
        this.young = new Map();
        this.bytes = 0;
      }
      this.young.set(text, line);
      this.bytes += text.length;
    }
    if (line.seen < 2) line.seen++;
    return line;
  }
}

/** RFC 9110 §5.6.3: no other space than these two; `trim` would take the byte A0 for one. */
const SPACE_AROUND = /^[\t ]+|[\t ]+$/g;

function parseLine(text: string): Line {
  const colon = text.indexOf(':');
  return new Line(text.slice(0, colon).toLowerCase(), text.slice(colon + 1).replaceAll(SPACE_AROUND, ''));
}

const STATUS_LINES = new Map<number, Line>();
for (let status = 100; status < 600; status++) STATUS_LINES.set(status, new Line(':status', String(status)));

export class HpackEncoder {
  /** What the other side allows, and what is in use. */
  private most = 4_096;
  private tableSize = 4_096;
  /** The smallest size since the last block, −1 if there was no change. */
  private pendingSize = -1;
  private used = 0;
  /** Fields that were ever inserted: the newest has this number. */
  private inserted = 0;
  private readonly numbers = new Map<Line, number>();
  /** In the order of insertion, from the oldest that is still in the table. */
  private order: Line[] = [];
  private oldest = 0;

  /** The other side's SETTINGS_HEADER_TABLE_SIZE. We use at most our own share of it. */
  allow(size: number): void {
    const next = Math.min(size, 4_096);
    this.most = next;
    this.pendingSize = this.pendingSize < 0 ? next : Math.min(this.pendingSize, next);
  }

  /** To be called before the first field of a block. @returns the offset behind what was written */
  begin(out: Uint8Array, offset: number): number {
    if (this.pendingSize < 0) return offset;
    // RFC 7541 §4.2: where the size went down and up again, both are said.
    let at = offset;
    if (this.pendingSize < this.most) at = this.announce(out, at, this.pendingSize);
    at = this.announce(out, at, this.most);
    this.pendingSize = -1;
    return at;
  }

  private announce(out: Uint8Array, offset: number, size: number): number {
    this.tableSize = size;
    this.evict(size);
    return writeInteger(out, offset, size, 5, 0x20);
  }

  status(out: Uint8Array, offset: number, status: number): number {
    const line = STATUS_LINES.get(status);
    if (line === undefined) throw new RangeError(`${status} is no status`);
    return this.field(out, offset, line);
  }

  /** Writes one field; `out` must have room for `line.size`. @returns the offset behind it */
  field(out: Uint8Array, offset: number, line: Line): number {
    if (line.staticIndex > 0) return writeInteger(out, offset, line.staticIndex, 7, 0x80);
    const number = this.numbers.get(line);
    if (number !== undefined) return writeInteger(out, offset, FIRST_DYNAMIC + this.inserted - number, 7, 0x80);
    const isInserted = line.mayBeIndexed && line.seen > 1 && line.size <= this.tableSize;
    const bytes = isInserted ? line.indexedBytes : line.plainBytes;
    out.set(bytes, offset);
    if (isInserted) this.insert(line);
    return offset + bytes.length;
  }

  private insert(line: Line): void {
    this.evict(this.tableSize - line.size);
    this.order.push(line);
    this.numbers.set(line, ++this.inserted);
    this.used += line.size;
  }

  private evict(most: number): void {
    while (this.used > most && this.oldest < this.order.length) {
      const line = this.order[this.oldest++];
      this.used -= line.size;
      this.numbers.delete(line);
    }
    if (this.oldest < 64) return;
    this.order = this.order.slice(this.oldest);
    this.oldest = 0;
  }
}
