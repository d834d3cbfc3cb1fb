/** What a Location field may say, made of a configuration and of a request. */

/** Valid escapes stay; whatever RFC 3986 does not allow in a URI becomes one, byte by byte. */
const FORBIDDEN = /%(?![0-9A-Fa-f]{2})|[^!#$%&'()*+,\-./0-9:;=?@A-Z[\]_a-z~]/g;
/** What would end the field, or what browsers take for a slash. */
const DANGEROUS = /[\\\x00-\x20\x7f]/g;

const escaped = (byte: string): string => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;

/** @param bytes each character is a byte */
export function encodeUri(bytes: string): string {
  return bytes.replace(FORBIDDEN, escaped);
}

/**
 * Keeps a place on this host on this host: a path of the client's that begins with two slashes would name another one.
 * @param isHostFixed the configuration itself says which host
 */
export function safeLocation(bytes: string, isHostFixed: boolean): string {
  const text = bytes.replace(DANGEROUS, escaped);
  return isHostFixed ? text : text.replace(/^\/{2,}/, '/');
}

/** Whether a configured URI says by itself where it leads: with a scheme, or with two slashes. */
export function namesHost(uri: string): boolean {
  return /^(?:[A-Za-z][A-Za-z0-9+.-]*:|\/\/)/.test(uri);
}

/** The query goes before a fragment, and behind a query that there is. */
export function withQuery(location: string, query: string): string {
  if (query === '') return location;
  const mark = location.indexOf('#');
  const [front, fragment] = mark < 0 ? [location, ''] : [location.slice(0, mark), location.slice(mark)];
  return `${front}${front.includes('?') ? '&' : '?'}${query}${fragment}`;
}
