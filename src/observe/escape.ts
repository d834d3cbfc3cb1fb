/**
 * Values on their way into a log line. What clients send is a latin1 string in which each character stands for one
 * byte; what comes from the configuration is Unicode. Either way a line comes out as printable ASCII: no value can
 * begin a line of its own, end its field, or send control sequences to a terminal.
 */

const PLAIN_TEXT = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;
const UNSAFE_IN_TEXT = /[^\x20\x21\x23-\x5b\x5d-\x7e]/g;
const BEYOND_ASCII = /[^\x00-\x7e]/;
const EACH_BEYOND_ASCII = /[^\x00-\x7e]/g;
const BEYOND_LATIN1 = /[^\x00-\xff]/;

/** Bytes in a text line: quotes, backslashes, control and non-ASCII bytes in hexadecimal, `\x0A`, as nginx writes them. */
export function escapeText(value: string): string {
  return PLAIN_TEXT.test(value) ? value : escapeBytes(value);
}

/** Unicode in a text line: as `escapeText` does, with the UTF-8 bytes of what is not ASCII. */
export function escapeUnicodeText(value: string): string {
  return PLAIN_TEXT.test(value) ? value : escapeBytes(Buffer.from(value, 'utf8').toString('latin1'));
}

function escapeBytes(value: string): string {
  const bytes = BEYOND_LATIN1.test(value) ? Buffer.from(value, 'utf8').toString('latin1') : value;
  return bytes.replace(UNSAFE_IN_TEXT, (byte) => `\\x${hexadecimal(byte, 2).toUpperCase()}`);
}

/** Bytes inside the quotes of a JSON string: read as UTF-8 where they are, else each byte as the character of its number. */
export function escapeJson(value: string): string {
  if (PLAIN_TEXT.test(value)) return value;
  if (!BEYOND_ASCII.test(value) || BEYOND_LATIN1.test(value)) return escapeUnicodeJson(value);
  const decoded = Buffer.from(value, 'latin1').toString('utf8');
  return escapeUnicodeJson(decoded.includes('\ufffd') ? value : decoded);
}

/** Unicode inside the quotes of a JSON string. */
export function escapeUnicodeJson(value: string): string {
  if (PLAIN_TEXT.test(value)) return value;
  const quoted = JSON.stringify(value);
  return quoted.slice(1, -1).replace(EACH_BEYOND_ASCII, (unit) => `\\u${hexadecimal(unit, 4)}`);
}

const hexadecimal = (unit: string, digits: number): string => unit.charCodeAt(0).toString(16).padStart(digits, '0');
