/** Sets of UTF-16 code units, as ascending, disjoint ranges: [first, last, first, last, …]. */
export type CharSet = readonly number[];

export const LAST_UNIT = 0xffff;
export const ANY: CharSet = [0, LAST_UNIT];
/** What a dot does not match unless it matches all: the line ends of JavaScript. */
export const LINE_ENDS: CharSet = [0x0a, 0x0a, 0x0d, 0x0d, 0x2028, 0x2029];
export const DIGITS: CharSet = [48, 57];
export const WORD: CharSet = [48, 57, 65, 90, 95, 95, 97, 122];
export const SPACE: CharSet = [
  9, 13, 32, 32, 0xa0, 0xa0, 0x1680, 0x1680, 0x2000, 0x200a, 0x2028, 0x2029, 0x202f, 0x202f,
].concat([0x205f, 0x205f, 0x3000, 0x3000, 0xfeff, 0xfeff]);

/** POSIX classes as PCRE has them in `[[:name:]]`, for ASCII. */
export const POSIX: Readonly<Record<string, CharSet>> = {
  alnum: [48, 57, 65, 90, 97, 122],
  alpha: [65, 90, 97, 122],
  ascii: [0, 127],
  blank: [9, 9, 32, 32],
  cntrl: [0, 31, 127, 127],
  digit: DIGITS,
  graph: [33, 126],
  lower: [97, 122],
  print: [32, 126],
  punct: [33, 47, 58, 64, 91, 96, 123, 126],
  space: [9, 13, 32, 32],
  upper: [65, 90],
  word: WORD,
  xdigit: [48, 57, 65, 70, 97, 102],
};

/** Scripts with cases lie here (but for Georgian, Cherokee and Deseret, whose cases are told apart). */
const CASED: CharSet = [0x41, 0x5a, 0x61, 0x7a, 0xb5, 0x587, 0x1e00, 0x1fff, 0x2c00, 0x2d2d];

/** Any ranges as a set. */
export function charSetOf(ranges: readonly number[]): CharSet {
  const pairs = Array.from({ length: ranges.length / 2 }, (_, i) => [ranges[2 * i], ranges[2 * i + 1]] as const);
  const merged: number[] = [];
  for (const [first, last] of pairs.sort((a, b) => a[0] - b[0])) {
    if (merged.length > 0 && first <= merged[merged.length - 1] + 1) {
      merged[merged.length - 1] = Math.max(merged[merged.length - 1], last);
    } else merged.push(first, last);
  }
  return merged;
}

export function negate(set: CharSet): CharSet {
  const rest: number[] = [];
  let next = 0;
  for (let i = 0; i < set.length; i += 2) {
    if (set[i] > next) rest.push(next, set[i] - 1);
    next = set[i + 1] + 1;
  }
  if (next <= LAST_UNIT) rest.push(next, LAST_UNIT);
  return rest;
}

/** The set with both cases of each of its letters: two units are equal if their upper cases are. */
export function foldCase(set: CharSet): CharSet {
  const ranges = [...set];
  const add = (siblings: readonly number[]): void => {
    for (const unit of siblings) ranges.push(unit, unit);
  };
  let size = 0;
  for (let i = 0; i < set.length; i += 2) size += set[i + 1] - set[i] + 1;
  if (size > SIBLINGS.size) {
    for (const [unit, siblings] of SIBLINGS) if (includes(set, unit)) add(siblings);
  } else {
    for (let i = 0; i < set.length; i += 2) {
      for (let unit = set[i]; unit <= set[i + 1]; unit++) add(SIBLINGS.get(unit) ?? []);
    }
  }
  return charSetOf(ranges);
}

/** Of every letter that has another case: all units with its upper case (σ, ς and Σ are three). */
function siblingsByUnit(): ReadonlyMap<number, readonly number[]> {
  const byUpper = new Map<number, number[]>();
  for (let i = 0; i < CASED.length; i += 2) {
    for (let unit = CASED[i]; unit <= CASED[i + 1]; unit++) {
      const upper = upperOf(unit);
      if (upper !== unit) byUpper.set(upper, [...(byUpper.get(upper) ?? [upper]), unit]);
    }
  }
  return new Map([...byUpper.values()].flatMap((siblings) => siblings.map((unit) => [unit, siblings] as const)));
}

const SIBLINGS = siblingsByUnit();

/** A mapping into ASCII is ignored, as in JavaScript: `ſ` is no `s`, the Kelvin sign no `k`. */
function upperOf(unit: number): number {
  const upper = String.fromCharCode(unit).toUpperCase();
  if (upper.length !== 1) return unit;
  const code = upper.charCodeAt(0);
  return unit > 127 && code <= 127 ? unit : code;
}

export function includes(set: CharSet, unit: number): boolean {
  for (let i = 0; i < set.length; i += 2) if (unit <= set[i + 1]) return unit >= set[i];
  return false;
}
