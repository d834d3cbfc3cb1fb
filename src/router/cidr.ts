/** Internet addresses and CIDR blocks (RFC 4632, RFC 4291 §2.2). An IPv4-mapped IPv6 address is the IPv4 address. */

/** The address that was parsed last: one word for IPv4, four for IPv6. */
const words = new Uint32Array(4);
const MAPPED = 0xffff;

/** What is wrong with an address or CIDR block, null if nothing is. Bits beyond the prefix are allowed, as in `fe80::1/64`. */
export function checkCidr(text: string): string | null {
  const slash = text.indexOf('/');
  const family = slash < 0 ? parse(text) : parse(text.slice(0, slash));
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

/** A set of addresses, looked up in logarithmic time. */
export interface AddressSet {
  /** False for a text that is no address. */
  has(address: string): boolean;
}

/** @throws {TypeError} if `checkCidr` finds fault with one of them */
export function createAddressSet(cidrs: readonly string[]): AddressSet {
  const blocks4: Range[] = [];
  const blocks6: Range[] = [];
  for (const cidr of cidrs) {
    const problem = checkCidr(cidr);
    if (problem !== null) throw new TypeError(problem);
    const slash = cidr.indexOf('/');
    const family = parse(slash < 0 ? cidr : cidr.slice(0, slash));
    const bits = family === 4 ? 32 : 128;
    let prefix = slash < 0 ? bits : Number(cidr.slice(slash + 1));
    if (slash >= 0 && family === 4 && cidr.includes(':')) prefix -= 96;
    let address = 0n;
    for (let i = 0; i < bits / 32; i++) address = (address << 32n) | BigInt(words[i]);
    const rest = BigInt(bits - prefix);
    const first = (address >> rest) << rest;
    (family === 4 ? blocks4 : blocks6).push([first, first + (1n << rest) - 1n]);
  }
  const ranges4 = rangesOf(blocks4, 1);
  const ranges6 = rangesOf(blocks6, 4);
  return {
    has(address) {
      const family = parse(address);
      if (family === 0) return false;
      return family === 4 ? covers(ranges4, 1) : covers(ranges6, 4);
    },
  };
}

/** First and last address. */
type Range = readonly [bigint, bigint];

/** Disjoint ranges in ascending order, as words. */
interface Ranges {
  readonly count: number;
  readonly firsts: Uint32Array;
  readonly lasts: Uint32Array;
}

function rangesOf(blocks: Range[], width: number): Ranges {
  const merged: Range[] = [];
  for (const block of blocks.toSorted((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0))) {
    const previous = merged.at(-1);
    if (previous === undefined || block[0] > previous[1] + 1n) merged.push(block);
    else if (block[1] > previous[1]) merged[merged.length - 1] = [previous[0], block[1]];
  }
  const column = (side: 0 | 1): Uint32Array =>
    Uint32Array.from({ length: merged.length * width }, (_, i) =>
      Number((merged[Math.floor(i / width)][side] >> BigInt(32 * (width - 1 - (i % width)))) & 0xffff_ffffn),
    );
  return { count: merged.length, firsts: column(0), lasts: column(1) };
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

/** Fills `words`. @returns the family, 0 if the text is no address */
function parse(text: string): 0 | 4 | 6 {
  if (!text.includes(':')) return parse4(text, 0) ? 4 : 0;
  const zone = text.indexOf('%');
  if (!parse6(zone < 0 ? text : text.slice(0, zone))) return 0;
  if (words[0] !== 0 || words[1] !== 0 || words[2] !== MAPPED) return 6;
  words[0] = words[3];
  return 4;
}

/** Leading zeros are refused: some programs read such a number as octal. */
function parse4(text: string, word: number): boolean {
  let address = 0;
  let octet = -1;
  let dots = 0;
  for (let i = 0; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : 46;
    if (code === 46) {
      if (octet < 0 || dots === 4) return false;
      address = address * 256 + octet;
      dots++;
      octet = -1;
    } else {
      if (code < 48 || code > 57 || octet === 0) return false;
      octet = (octet < 0 ? 0 : octet * 10) + code - 48;
      if (octet > 255) return false;
    }
  }
  words[word] = address;
  return dots === 4;
}

function parse6(text: string): boolean {
  const gap = text.indexOf('::');
  if (gap >= 0 && text.includes('::', gap + 1)) return false;
  words.fill(0);
  if (gap < 0) return parseGroups(text, 0) === 8;
  const head = text.slice(0, gap);
  const tail = text.slice(gap + 2);
  const inHead = head === '' ? 0 : parseGroups(head, 0);
  if (inHead < 0) return false;
  const inTail = tail === '' ? 0 : countGroups(tail);
  // RFC 5952 §4.2.2 wants `::` for two groups at least, RFC 4291 allows it for one.
  return inHead + inTail <= 7 && (inTail === 0 || parseGroups(tail, 8 - inTail) === inTail);
}

function countGroups(text: string): number {
  return text.split(':').length + (text.includes('.') ? 1 : 0);
}

/** Writes the groups from the one at `at` on. @returns how many there were, -1 if malformed or too many */
function parseGroups(text: string, at: number): number {
  const parts = text.split(':');
  let group = at;
  for (const [i, part] of parts.entries()) {
    if (part.includes('.')) {
      // An IPv4 tail is the last part and takes the last two groups.
      if (group !== 6 || i !== parts.length - 1 || !parse4(part, 3)) return -1;
      group += 2;
    } else {
      if (group > 7 || !/^[0-9a-f]{1,4}$/i.test(part)) return -1;
      words[group >> 1] += Number.parseInt(part, 16) * (group % 2 === 0 ? 0x10000 : 1);
      group++;
    }
  }
  return group - at;
}
