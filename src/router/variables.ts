/** Values of variables, taken out of the parts of a request that hold them. */
import { unescape } from 'node:querystring';

/**
 * `arg_NAME`: the value of the first argument of that name in a query string (without `?`) or in a form; names and values are
 * decoded, because the service decodes them too. '' for an argument without value, undefined if there is none.
 *
 * @param from where the query begins in the text
 */
export function argumentOf(query: string, name: string, from = 0): string | undefined {
  for (let start = from; start <= query.length;) {
    const ampersand = query.indexOf('&', start);
    const end = ampersand < 0 ? query.length : ampersand;
    const equals = query.indexOf('=', start);
    const hasValue = equals >= 0 && equals < end;
    if (isNamed(query, start, hasValue ? equals : end, name)) {
      return hasValue ? decoded(query.slice(equals + 1, end)) : '';
    }
    start = end + 1;
  }
  return undefined;
}

/** Whether the name between two offsets is that one; a part without a name is no argument. Most need no decoding. */
function isNamed(query: string, start: number, end: number, name: string): boolean {
  for (let at = start; at < end; at++) {
    const code = query.charCodeAt(at);
    if (code === PERCENT || code === PLUS || code > 0x7f) return decoded(query.slice(start, end)) === name;
    if (code !== name.charCodeAt(at - start)) return false;
  }
  return end > start && end - start === name.length;
}

const PERCENT = 0x25;
const PLUS = 0x2b;

/** `cookie_NAME`: the value of the first cookie of that name, as sent (RFC 6265 §5.4). Names are case-sensitive. */
export function cookieOf(header: string, name: string): string | undefined {
  for (let start = 0; start < header.length;) {
    const semicolon = header.indexOf(';', start);
    const end = semicolon < 0 ? header.length : semicolon;
    const equals = header.indexOf('=', start);
    if (equals >= 0 && equals < end && header.slice(start, equals).trim() === name) {
      return header.slice(equals + 1, end).trim();
    }
    start = end + 1;
  }
  return undefined;
}

/** application/x-www-form-urlencoded. Malformed escapes stay as they are. */
function decoded(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  return spaced.includes('%') ? unescape(spaced) : spaced;
}
