/**
 * One spelling for every path. What is matched is what is forwarded, so a path and a route pattern must be compared in
 * the same spelling: RFC 3986 §6.2.2 (dot segments, case of the hex digits, unreserved characters), and beyond it the
 * spellings that servers behind a gateway are known to read differently.
 */

const SLASH = 47;

/** What a raw character means to the scan: 0 stays as it is. */
const BESIDE_SLASH = 1;
/** Not allowed raw by RFC 3986, but sent by real clients: has one spelling, the encoded one. */
const ENCODE = 2;
/** Delimits or corrupts a request target: never part of a path, but a pattern may mean it literally. */
const FOREIGN = 3;
const ESCAPE = 4;

const CLASSES = new Uint8Array(128).fill(FOREIGN);
/** Of every octet: the one spelling of its escape. */
const SPELLINGS = Array.from({ length: 256 }, (_, code) => `%${code.toString(16).toUpperCase().padStart(2, '0')}`);
for (let code = 0x21; code < 0x7f; code++) {
  const char = String.fromCharCode(code);
  if (/[A-Za-z0-9._~-]/.test(char)) SPELLINGS[code] = char;
  if (/[A-Za-z0-9_~!$&'()*+,;=:@-]/.test(char)) CLASSES[code] = 0;
  else if (char === '/' || char === '.') CLASSES[code] = BESIDE_SLASH;
  else if (char === '%') CLASSES[code] = ESCAPE;
  else if (char !== '?' && char !== '#') CLASSES[code] = ENCODE;
}

/**
 * A dot segment that only some servers see: beside an encoded slash or backslash, or with path parameters (`..;x`).
 * Whoever decodes or strips first walks up the tree after the rules were applied.
 */
const HIDDEN_DOT_SEGMENT = /(?:\/|%2F|%5C)\.\.?(?:;|%2F|%5C)|(?:%2F|%5C)\.\.?(?:\/|$)/;

/**
 * The canonical spelling of the path of a request target (without query), the argument itself if it already is.
 * An empty path (absolute form) is `/`. Doubled slashes are merged if `mergeSlashes`; `%2F` stays encoded, as does every
 * other reserved character (RFC 3986 §2.2: `%21` and `!` differ).
 *
 * null (answer 400) for: no leading slash, a malformed escape, `%00`, raw characters that no path can hold (controls, space,
 * `?`, `#`, anything above ASCII), a path that climbs above the root, and a hidden dot segment (`..%2F`, `..%5C`, `..;`).
 */
export function normalizePath(path: string, mergeSlashes: boolean): string | null {
  const length = path.length;
  if (length === 0) return '/';
  if (path.charCodeAt(0) !== SLASH) return null;
  let previous = SLASH;
  for (let i = 1; i < length; i++) {
    const code = path.charCodeAt(i);
    if (code > 127) return null;
    const kind = CLASSES[code];
    if (kind !== 0 && (kind !== BESIDE_SLASH || previous === SLASH)) return respell(path, mergeSlashes, false);
    previous = code;
  }
  return path;
}

/**
 * The canonical spelling of a route's `uri`, to be compared with paths from `normalizePath`: characters that a path
 * cannot hold raw (UTF-8, space, `?`) become their escapes, `*` and `:` keep their meaning (`%2A` and `%3A` are the
 * characters themselves). `*` alone is `/*`. null where no request could match: see `normalizePath`.
 */
export function normalizePattern(pattern: string, mergeSlashes: boolean): string | null {
  if (pattern === '*') return '/*';
  return pattern.charCodeAt(0) === SLASH ? respell(pattern, mergeSlashes, true) : null;
}

function respell(text: string, mergeSlashes: boolean, isPattern: boolean): string | null {
  const spelled = respellCharacters(text, isPattern);
  if (spelled === null || HIDDEN_DOT_SEGMENT.test(spelled)) return null;
  return spelled.includes('/.') || (mergeSlashes && spelled.includes('//'))
    ? removeDotSegments(spelled, mergeSlashes)
    : spelled;
}

function respellCharacters(text: string, isPattern: boolean): string | null {
  let spelled = '';
  let copied = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.codePointAt(i)!;
    const kind = code > 127 ? FOREIGN : CLASSES[code];
    if (kind <= BESIDE_SLASH) continue;
    const end = kind === ESCAPE ? i + 3 : code > 0xffff ? i + 2 : i + 1;
    let spelling: string | null = SPELLINGS[code];
    if (kind === ESCAPE) spelling = respellEscape(text, i);
    else if (kind === FOREIGN) spelling = isPattern ? encodeCharacter(text, i) : null;
    if (spelling === null) return null;
    spelled += text.slice(copied, i) + spelling;
    i = end - 1;
    copied = end;
  }
  return copied === 0 ? text : spelled + text.slice(copied);
}

/** The escape at `at` in its one spelling; null if malformed or NUL. */
function respellEscape(text: string, at: number): string | null {
  const high = hexValue(text.charCodeAt(at + 1));
  const low = hexValue(text.charCodeAt(at + 2));
  const code = high * 16 + low;
  return high < 0 || low < 0 || code === 0 ? null : SPELLINGS[code];
}

/** -1 if the code unit is no hex digit, as NaN is not, from beyond the end of a text. */
export function hexValue(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

/** null for NUL and for half a surrogate pair, which have no UTF-8 that a request could carry. */
function encodeCharacter(text: string, at: number): string | null {
  const character = String.fromCodePoint(text.codePointAt(at)!);
  return character === '\0' || !character.isWellFormed() ? null : encodeURIComponent(character);
}

/** RFC 3986 §5.2.4, except that a climb above the root is null, not the root. */
function removeDotSegments(path: string, mergeSlashes: boolean): string | null {
  const kept: string[] = [];
  const segments = path.split('/');
  const last = segments.length - 1;
  for (let i = 1; i <= last; i++) {
    const segment = segments[i];
    const isDot = segment === '.' || segment === '..';
    if (segment === '..' && kept.pop() === undefined) return null;
    if (isDot ? i === last : segment !== '' || !mergeSlashes || i === last) kept.push(isDot ? '' : segment);
  }
  return `/${kept.join('/')}`;
}
