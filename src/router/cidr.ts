/** Internet addresses and CIDR blocks (RFC 4632, RFC 4291 §2.2). An IPv4-mapped IPv6 address is the IPv4 address. */
import { hexValue } from './path.ts';

/** The address that was parsed last: one word for IPv4, four for IPv6. */
const words = new Uint32Array(4);
/** The groups of the IPv6 address that is being parsed. */
const groups = new Uint16Array(8);

const MAPPED = 0xffff;
const DOT = 46;
const COLON = 58;

/** What is wrong with an address or CIDR block, null if nothing is. Bits beyond the prefix are allowed, as in `fe80::1/64`. */
export function checkCidr(text: string): string | null {
  const slash = text.indexOf('/');
  const family = parse(text, slash < 0 ? text.length : slash);
  if (family === 0 || text.includes('%')) {
    return `"${text}" is no address: write one such as 192.0.2.1, 192.0.2.0/24, 2001:db8::1 or 2001:db8::/32`;
  }
  if (slash < 0) return null;
  const prefix = text.slice(slash + 1);
  const longest = text.includes(':') ? 128 : 32;
  if (!/^(0|[1-9][0-9]{0,2})$/.test(prefix) || Number(prefix) > longest) {
    return `"${text}" has the prefix length "${prefix}": it must be a number from 0 to ${longest}`;
  }
  if (family === 4 && longest === 128 && Number(prefix) < 96) {
    return `"${text}" mixes the families: an IPv4-mapped block has a prefix length of at least 96`;
  }
  return null;
}

/**
 * The network that an address belongs to, as a text that no address is: for IPv6 its first `bits` bits. An IPv4 address is
 * itself, also where it is mapped into IPv6; a text that is no address stays as it is.
 */
export function networkOf(address: string, bits: number): string {
  const family = parse(address, address.length);
  if (family === 0) return address;
  if (family === 4) {
    return address.includes(':') ? [24, 16, 8, 0].map((shift) => (words[0] >>> shift) & 255).join('.') : address;
  }
  let text = '';
  for (let word = 0; word < 4; word++) {
    const left = Math.min(32, Math.max(0, bits - 32 * word));
    const kept = left === 0 ? 0 : words[word] & (-1 << (32 - left));
    text += (kept >>> 0).toString(16).padStart(8, '0');
  }
  return `${text}/${bits}`;
}

/** A set of addresses, looked up in logarithmic time. */
export interface AddressSet {
  /** False for a text that is no address. */
  has(address: string): boolean;
}

/**
 * A hundred thousand blocks take some tens of milliseconds, and 1 MB.
 *
 * @throws {TypeError} if `checkCidr` finds fault with one of them
 */
export function createAddressSet(cidrs: readonly string[]): AddressSet {
  const blocks4 = new Blocks(1);
  const blocks6 = new Blocks(4);
  for (const cidr of cidrs) {
    const problem = checkCidr(cidr);
    if (problem !== null) throw new TypeError(problem);
    const slash = cidr.indexOf('/');
    const family = parse(cidr, slash < 0 ? cidr.length : slash);
    const isMapped = family === 4 && cidr.includes(':');
    const prefix = slash < 0 ? 128 : Number(cidr.slice(slash + 1)) - (isMapped ? 96 : 0);
    (family === 4 ? blocks4 : blocks6).add(prefix);
  }
  const ranges4 = blocks4.ranges();
  const ranges6 = blocks6.ranges();
  return {
    has(address) {
      const family = parse(address, address.length);
      if (family === 0) return false;
      return family === 4 ? covers(ranges4, 1) : covers(ranges6, 4);
    },
  };
}

/** Disjoint ranges in ascending order, as words. */
interface Ranges {
  readonly count: number;
  readonly firsts: Uint32Array;
  readonly lasts: Uint32Array;
}

/** So many find room beside 32 bits in a number. */
const MOST_NUMBERED = 2 ** 21;

/** Blocks of one family, in any order; words of one address stand side by side. */
class Blocks {
  private readonly width: number;
  private readonly firsts: number[] = [];
  private readonly lasts: number[] = [];

  constructor(width: number) {
    this.width = width;
  }

  /** The network of the address that was parsed last. */
  add(prefix: number): void {
    for (let word = 0; word < this.width; word++) {
      const bits = Math.min(32, Math.max(0, prefix - 32 * word));
      const mask = bits === 0 ? 0 : -1 << (32 - bits);
      this.firsts.push((words[word] & mask) >>> 0);
      this.lasts.push((words[word] | ~mask) >>> 0);
    }
  }

  ranges(): Ranges {
    const { width } = this;
    const kept: { first: number; last: number }[] = [];
    for (const at of this.inOrder()) {
      const previous = kept.at(-1);
      if (previous === undefined || this.compare(this.firsts, at, this.lasts, previous.last) > 0) {
        kept.push({ first: at, last: at });
      } else if (this.compare(this.lasts, at, this.lasts, previous.last) > 0) previous.last = at;
    }
    const column = (values: readonly number[], side: 'first' | 'last'): Uint32Array => {
      const made = new Uint32Array(kept.length * width);
      kept.forEach((one, i) => {
        for (let word = 0; word < width; word++) made[i * width + word] = values[one[side] + word];
      });
      return made;
    };
    return { count: kept.length, firsts: column(this.firsts, 'first'), lasts: column(this.lasts, 'last') };
  }

  /** Where blocks begin, by their first addresses. Numbers sort by themselves much faster than by a function. */
  private inOrder(): Uint32Array {
    const { width, firsts } = this;
    const count = firsts.length / width;
    if (count > MOST_NUMBERED) throw new RangeError(`${count} addresses are too many: at most ${MOST_NUMBERED}`);
    const numbered = new Float64Array(count);
    for (let i = 0; i < count; i++) numbered[i] = firsts[i * width] * MOST_NUMBERED + i;
    numbered.sort();
    const order = new Uint32Array(count);
    for (let i = 0; i < count; i++) order[i] = (numbered[i] % MOST_NUMBERED) * width;
    for (let start = 0, end = 1; width > 1 && start < count; start = end++) {
      while (end < count && firsts[order[end]] === firsts[order[start]]) end++;
      if (end > start + 1) order.subarray(start, end).sort((a, b) => this.compare(firsts, a, firsts, b));
    }
    return order;
  }

  private compare(one: readonly number[], at: number, other: readonly number[], otherAt: number): number {
    for (let word = 0; word < this.width; word++) {
      const difference = one[at + word] - other[otherAt + word];
      if (difference !== 0) return difference;
    }
    return 0;
  }
}

/** Whether a range holds the address parsed last. */
function covers({ count, firsts, lasts }: Ranges, width: number): boolean {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(firsts, middle * width, width) <= 0) low = middle + 1;
    else high = middle;
  }
  return low > 0 && compare(lasts, (low - 1) * width, width) >= 0;
}

/** The entry at `at` against the address parsed last: negative, 0 or positive. */
function compare(column: Uint32Array, at: number, width: number): number {
  for (let i = 0; i < width; i++) {
    const difference = column[at + i] - words[i];
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Fills `words` with the address in the first `end` characters. @returns its family, 0 if it is none */
function parse(text: string, end: number): 0 | 4 | 6 {
  if (!text.includes(':')) {
    const address = parse4(text, 0, end);
    words[0] = address;
    return address < 0 ? 0 : 4;
  }
  const zone = text.indexOf('%');
  if (!parse6(text, zone < 0 ? end : Math.min(zone, end))) return 0;
  if (words[0] !== 0 || words[1] !== 0 || words[2] !== MAPPED) return 6;
  words[0] = words[3];
  return 4;
}

/** @returns -1 if it is no address. Leading zeros are refused: some programs read such a number as octal */
function parse4(text: string, start: number, end: number): number {
  let address = 0;
  let octet = -1;
  let dots = 0;
  for (let i = start; i <= end; i++) {
    const code = i < end ? text.charCodeAt(i) : DOT;
    if (code === DOT) {
      if (octet < 0 || dots === 4) return -1;
      address = address * 256 + octet;
      dots++;
      octet = -1;
    } else {
      if (code < 48 || code > 57 || octet === 0) return -1;
      octet = (octet < 0 ? 0 : octet * 10) + code - 48;
      if (octet > 255) return -1;
    }
  }
  return dots === 4 ? address : -1;
}

function parse6(text: string, end: number): boolean {
  let count = 0;
  /** Groups before `::`. */
  let gap = -1;
  for (let at = 0; at < end;) {
    if (text.charCodeAt(at) === COLON) {
      if (gap >= 0 || at + 1 >= end || text.charCodeAt(at + 1) !== COLON) return false;
      gap = count;
      at += 2;
      if (at < end && text.charCodeAt(at) === COLON) return false;
      continue;
    }
    const start = at;
    let group = 0;
    for (; at < end && at < start + 4 && hexValue(text.charCodeAt(at)) >= 0; at++) {
      group = group * 16 + hexValue(text.charCodeAt(at));
    }
    if (at < end && text.charCodeAt(at) === DOT) {
      const tail = parse4(text, start, end);
      if (tail < 0 || count > 6) return false;
      groups[count++] = tail >>> 16;
      groups[count++] = tail & 0xffff;
      break;
    }
    if (at === start || count === 8) return false;
    groups[count++] = group;
    if (at === end) break;
    if (text.charCodeAt(at) !== COLON || at + 1 === end) return false;
    if (text.charCodeAt(at + 1) !== COLON) at++;
  }
  // RFC 4291 §2.2: `::` stands for one group or more.
  if (gap < 0 ? count !== 8 : count > 7) return false;
  spread(count, gap);
  return true;
}

/** Groups into words, with zeros for the `8 - count` at `gap`. */
function spread(count: number, gap: number): void {
  const missing = 8 - count;
  for (let word = 0; word < 4; word++) {
    words[word] = groupAt(2 * word, gap, missing) * 0x10000 + groupAt(2 * word + 1, gap, missing);
  }
}

function groupAt(place: number, gap: number, missing: number): number {
  if (missing === 0 || place < gap) return groups[place];
  return place < gap + missing ? 0 : groups[place - missing];
}
