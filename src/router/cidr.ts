/** Internet addresses and CIDR blocks (RFC 4632, RFC 4291 §2.2). An IPv4-mapped IPv6 address is the IPv4 address. */
import { AddressBlocks, type Ranges } from './address-blocks.ts';
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
  const steps = addressSetSteps(cidrs);
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  return step.value;
}

/** The same in steps of less than a millisecond. @yields wherever it may be interrupted */
export function* addressSetSteps(cidrs: readonly string[]): Generator<void, AddressSet> {
  const blocks4 = new AddressBlocks(1);
  const blocks6 = new AddressBlocks(4);
  for (let i = 0; i < cidrs.length; i++) {
    addBlock(cidrs[i], blocks4, blocks6);
    if (i % BLOCKS_AT_ONCE === BLOCKS_AT_ONCE - 1) yield;
  }
  const ranges4 = yield* blocks4.ranges();
  const ranges6 = yield* blocks6.ranges();
  return {
    has(address) {
      const family = parse(address, address.length);
      if (family === 0) return false;
      return family === 4 ? covers(ranges4, 1) : covers(ranges6, 4);
    },
  };
}

const BLOCKS_AT_ONCE = 2_048;

function addBlock(cidr: string, blocks4: AddressBlocks, blocks6: AddressBlocks): void {
  const slash = cidr.indexOf('/');
  const family = parse(cidr, slash < 0 ? cidr.length : slash);
  const isColoned = cidr.includes(':');
  const longest = isColoned ? 128 : 32;
  const prefix = slash < 0 ? longest : prefixFrom(cidr, slash + 1);
  const isMapped = family === 4 && isColoned;
  const isFaulty =
    family === 0 || prefix < (isMapped ? 96 : 0) || prefix > longest || (isColoned && cidr.includes('%'));
  if (isFaulty) throw new TypeError(checkCidr(cidr) ?? cidr);
  (family === 4 ? blocks4 : blocks6).add(words, isMapped ? prefix - 96 : prefix);
}

/** @returns -1 if there is no number without leading zeros */
function prefixFrom(text: string, start: number): number {
  const { length } = text;
  if (length === start || length > start + 3 || (text.charCodeAt(start) === 48 && length > start + 1)) return -1;
  let prefix = 0;
  for (let i = start; i < length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return -1;
    prefix = prefix * 10 + digit;
  }
  return prefix;
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
