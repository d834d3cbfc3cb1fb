/** Distinguished names as text (RFC 4514). */

/** Characters with a meaning of their own anywhere in a value (RFC 4514 §2.4). */
const SPECIAL = /[,+=<>;"\\]/g;
const CONTROLS = /[\x00-\x1f\x7f]/g;

/** A value as it stands in a DN: whatever it holds, it is one value and no more. */
export function escapeValue(value: string): string {
  const escaped = value
    .replaceAll(SPECIAL, '\\$&')
    .replaceAll(CONTROLS, (one) => `\\${one.charCodeAt(0).toString(16).padStart(2, '0')}`);
  const headed = /^[ #]/.test(escaped) ? `\\${escaped}` : escaped;
  return headed.endsWith(' ') && value.length > 1 ? `${headed.slice(0, -1)}\\ ` : headed;
}

/**
 * The same text for each way of writing a DN: types in lower case, no spaces around, one way of escaping. Values are kept as
 * they are: whether case matters in them, the directory alone knows. Null for what is no DN.
 */
export function canonicalDn(text: string): string | null {
  const parts: string[] = [];
  let pairs: string[] = [];
  let at = 0;
  for (;;) {
    const found = attributeAt(text, at);
    if (found === null) return null;
    pairs.push(`${found.type}=${found.value}`);
    const next = text[found.end];
    at = found.end + 1;
    if (next === '+') continue;
    parts.push(pairs.toSorted().join('+'));
    pairs = [];
    if (next === undefined) return parts.join(',');
  }
}

interface Attribute {
  readonly type: string;
  readonly value: string;
  /** Of the separator behind it, or of the text. */
  readonly end: number;
}

const TYPE = /\s*([A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)*)\s*=\s*/y;
/** Escaped pairs, and what needs no escape; spaces at the end are cut off below. */
const VALUE = /(?:\\[0-9A-Fa-f]{2}|\\[ "#+,;<=>\\]|[^\\,+;"<>\x00])*/y;

function attributeAt(text: string, start: number): Attribute | null {
  TYPE.lastIndex = start;
  const type = TYPE.exec(text)?.[1];
  if (type === undefined) return null;
  VALUE.lastIndex = TYPE.lastIndex;
  const raw = VALUE.exec(text)?.[0] ?? '';
  const end = VALUE.lastIndex;
  if (end < text.length && !/[,+;]/.test(text[end] ?? '')) return null;
  const value = unescapeValue(raw.replace(/(?<!\\)((?:\\\\)*) +$/, '$1'));
  return value === null ? null : { type: type.toLowerCase(), value: escapeValue(value), end };
}

/** Null where the bytes are no text. */
function unescapeValue(raw: string): string | null {
  const bytes = raw.replaceAll(/\\([0-9A-Fa-f]{2})|\\(.)|([^\\]+)/g, (_, hex?: string, one?: string, plain?: string) =>
    hex === undefined ? Buffer.from(one ?? plain ?? '').toString('latin1') : String.fromCharCode(parseInt(hex, 16)),
  );
  const text = Buffer.from(bytes, 'latin1').toString();
  return text.includes('\ufffd') ? null : text;
}
