/** Decoding of header blocks (RFC 7541). One per connection: both sides keep the same table of fields. */
import { latin1 } from '../http1/bytes.ts';
import { Field } from './hpack-field.ts';
import { huffmanDecode } from './huffman.ts';
import { STATIC_FIELDS } from './static-table.ts';

const STATICS: readonly Field[] = STATIC_FIELDS.map(([name, value]) => new Field(name, value));
const STATIC_COUNT = STATICS.length;

/** Room for what one string of a block decodes to. Blocks are bounded far below it. */
let text = Buffer.allocUnsafeSlow(16_384);

/** A list so many times larger than its bound is made of references to one large field, to cost us more than its sender. */
const MOST_EXCESS = 8;

/** Changes of the table's size in one block. */
const MOST_RESIZES = 2;

export interface HeaderListLimits {
  /** Of all fields together, as RFC 9113 §6.5.2 counts them. */
  readonly head_bytes: number;
  readonly fields: number;
}

export class HpackDecoder {
  private readonly mostTable: number;
  private tableSize: number;
  private used = 0;
  /** The newest last; entries before `oldest` are gone. */
  private entries: Field[] = [];
  private oldest = 0;

  /** Whether anybody looks at the fields of the next block: if not, only the table is kept. */
  isWanted = true;
  /** Fields of the last block, as far as the limits allow. */
  fields: Field[] = [];
  /** The last block had more than the limits allow. */
  isTooLarge = false;
  /** The last block had so much more that nobody can have meant it; it was not read to its end. */
  isBomb = false;
  private at = 0;
  private listSize = 0;

  /** @param mostTable what we allow the other side to make of the table, in bytes */
  constructor(mostTable: number) {
    this.mostTable = this.tableSize = mostTable;
  }

  /** Bytes of the dynamic table, as RFC 7541 §4.1 counts them. */
  get tableBytes(): number {
    return this.used;
  }

  /** @returns false if the block is malformed, or a bomb: the connection is lost, since the tables differ from now on */
  decode(bytes: Uint8Array, start: number, end: number, limits: HeaderListLimits): boolean {
    this.fields = [];
    this.isTooLarge = this.isBomb = false;
    this.listSize = 0;
    this.at = start;
    let resizes = 0;
    while (this.at < end) {
      const octet = bytes[this.at];
      if ((octet & 0xe0) === 0x20) {
        // RFC 7541 §4.2: changes of size stand at the beginning of a block.
        // There are two at most: the smallest since the last block, and the last one.
        const size = this.integer(bytes, end, 5);
        if (++resizes > MOST_RESIZES || size < 0 || size > this.mostTable) return false;
        this.resize(size);
        continue;
      }
      resizes = MOST_RESIZES;
      if (octet < 0x20 && (this.isTooLarge || !this.isWanted)) {
        // What is dropped and enters no table is not read either.
        if (!this.skipLiteral(bytes, end)) return false;
        continue;
      }
      const field = octet >= 0x80 ? this.field(this.integer(bytes, end, 7)) : this.literal(bytes, end, octet);
      if (field === undefined) return false;
      this.listSize += field.size;
      if (this.listSize > limits.head_bytes * MOST_EXCESS) {
        this.isBomb = true;
        return false;
      }
      if (this.listSize > limits.head_bytes || this.fields.length >= limits.fields) this.isTooLarge = true;
      else this.fields.push(field);
    }
    return true;
  }

  private field(index: number): Field | undefined {
    if (index <= STATIC_COUNT) return STATICS[index - 1];
    const at = this.entries.length - (index - STATIC_COUNT);
    return at >= this.oldest ? this.entries[at] : undefined;
  }

  private literal(bytes: Uint8Array, end: number, octet: number): Field | undefined {
    const isIndexed = octet >= 0x40;
    const nameIndex = this.integer(bytes, end, isIndexed ? 6 : 4);
    if (nameIndex < 0) return undefined;
    const name = nameIndex === 0 ? this.string(bytes, end) : this.field(nameIndex)?.name;
    const value = name === undefined ? undefined : this.string(bytes, end);
    if (name === undefined || value === undefined) return undefined;
    const field = new Field(name, value);
    if (isIndexed) this.insert(field);
    return field;
  }

  /** @returns false if it is malformed */
  private skipLiteral(bytes: Uint8Array, end: number): boolean {
    const nameIndex = this.integer(bytes, end, 4);
    if (nameIndex < 0 || (nameIndex > 0 && this.field(nameIndex) === undefined)) return false;
    return (nameIndex > 0 || this.skipString(bytes, end)) && this.skipString(bytes, end);
  }

  private skipString(bytes: Uint8Array, end: number): boolean {
    if (this.at >= end) return false;
    const length = this.integer(bytes, end, 7);
    if (length < 0 || this.at + length > end) return false;
    this.at += length;
    return true;
  }

  /** RFC 7541 §5.1. @returns −1 if it is cut off or larger than anything that could be meant */
  private integer(bytes: Uint8Array, end: number, prefixBits: number): number {
    const most = (1 << prefixBits) - 1;
    let value = bytes[this.at++] & most;
    if (value < most) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      if (this.at >= end) return -1;
      const octet = bytes[this.at++];
      value += (octet & 0x7f) << shift;
      if (octet < 0x80) return value;
    }
    return -1;
  }

  private string(bytes: Uint8Array, end: number): string | undefined {
    if (this.at >= end) return undefined;
    const isCoded = bytes[this.at] >= 0x80;
    const length = this.integer(bytes, end, 7);
    const start = this.at;
    if (length < 0 || start + length > end) return undefined;
    this.at = start + length;
    if (!isCoded) return latin1(bytes, start, this.at);
    if (length * 2 > text.length) text = Buffer.allocUnsafeSlow(length * 2);
    const decoded = huffmanDecode(bytes, start, this.at, text);
    return decoded < 0 ? undefined : latin1(text, 0, decoded);
  }

  private insert(field: Field): void {
    this.evict(this.tableSize - field.size);
    // RFC 7541 §4.4: a field larger than the table empties it, and is no error.
    if (field.size > this.tableSize) return;
    this.entries.push(field);
    this.used += field.size;
  }

  private resize(size: number): void {
    this.tableSize = size;
    this.evict(size);
  }

  private evict(most: number): void {
    while (this.used > most && this.oldest < this.entries.length) this.used -= this.entries[this.oldest++].size;
    if (this.oldest < 256 && this.oldest < this.entries.length) return;
    this.entries = this.entries.slice(this.oldest);
    this.oldest = 0;
  }
}
