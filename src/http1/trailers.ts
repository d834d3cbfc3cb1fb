/**
 * RFC 9110 §6.5.1: what frames a message, says where it goes, who sent it or how it is to be read has to stand before its body.
 * Behind it, such a field is of use only to who wants recipients to disagree.
 */
const REFUSED: ReadonlySet<string> = new Set([
  'age',
  'authorization',
  'cache-control',
  'connection',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'cookie',
  'date',
  'expect',
  'expires',
  'forwarded',
  'host',
  'keep-alive',
  'location',
  'max-forwards',
  'pragma',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'range',
  'retry-after',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'vary',
  'via',
  'warning',
  'www-authenticate',
  'x-real-ip',
]);

/** Of a trailer section, lines with their CRLF: what may go further. */
export function passableTrailers(text: string): string {
  let passed = '';
  let start = 0;
  for (let end = text.indexOf('\r\n'); end > start; end = text.indexOf('\r\n', start)) {
    const line = text.slice(start, end + 2);
    const name = line.slice(0, line.indexOf(':')).toLowerCase();
    if (!REFUSED.has(name) && !name.startsWith('x-forwarded-')) passed += line;
    start = end + 2;
  }
  return passed;
}
