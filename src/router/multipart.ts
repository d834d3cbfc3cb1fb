/** The fields of a multipart/form-data body (RFC 7578), without its files. */

/** First value of each field by name; null if the content type names no boundary or the body does not begin with it. */
export function parseMultipart(contentType: string, text: string): ReadonlyMap<string, string> | null {
  const match = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType);
  const boundary = match?.[1] ?? match?.[2];
  if (boundary === undefined) return null;
  const whole = `\r\n${text}`;
  const delimiters = delimitersOf(whole, `\r\n--${boundary}`);
  if (delimiters.length === 0) return null;
  const fields = new Map<string, string>();
  // What no delimiter follows is not a complete part.
  for (const [i, { end }] of delimiters.slice(0, -1).entries()) {
    const next = delimiters[i + 1].start;
    const blank = whole.indexOf('\r\n\r\n', end);
    if (blank < 0 || blank > next) continue;
    const name = fieldName(whole.slice(end, blank));
    if (name !== null && !fields.has(name)) fields.set(name, whole.slice(blank + 4, next));
  }
  return fields;
}

interface Delimiter {
  readonly start: number;
  readonly end: number;
}

/** Up to and with the closing one. A longer boundary that begins with this one is none. */
function delimitersOf(whole: string, delimiter: string): Delimiter[] {
  const found: Delimiter[] = [];
  for (let start = whole.indexOf(delimiter); start >= 0; start = whole.indexOf(delimiter, start + 1)) {
    const end = start + delimiter.length;
    const isClosing = whole.startsWith('--', end);
    if (isClosing || /^[ \t]{0,20}\r\n/.test(whole.slice(end, end + 24))) found.push({ start, end });
    if (isClosing) break;
  }
  return found;
}

/** null for a file. */
function fieldName(head: string): string | null {
  const disposition = /^content-disposition:[ \t]*form-data[ \t]*(;.*)$/im.exec(head)?.[1];
  if (disposition === undefined || /;[ \t]*filename\*?=/i.test(disposition)) return null;
  const name = /;[ \t]*name=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/i.exec(disposition);
  return name === null ? null : (name[1]?.replaceAll(/\\(.)/g, '$1') ?? name[2]);
}
