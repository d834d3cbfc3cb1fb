/**
 * The chunked coding (RFC 9112 §7.1) decoded the plain way: the whole text at hand, regular expressions, no states.
 * Written from the grammar and not from the scanner, so that the two can be held against each other.
 */

export interface NaiveBody {
  /** `malformed` wins over `incomplete`: some prefix of the text already cannot be completed. */
  readonly verdict: 'complete' | 'incomplete' | 'malformed';
  readonly data: string;
  /** The trailer section without its closing empty line. */
  readonly trailers: string;
  /** The coding without chunk extensions and without trailers. */
  readonly coding: string;
  /** Where the body ends, if it is complete. */
  readonly end: number;
}

const MOST_SIZE_DIGITS = 12;
const MOST_EXTENSION_BYTES = 256;
const MOST_EXTENSIONS_BYTES = 16_384;
const MOST_TRAILER_BYTES = 8_192;

const SIZE_LINE = /^([0-9A-Fa-f]+)((?:;[\t\x20-\x7e\x80-\xff]*)?)\r\n/;
/** Every beginning of a size line: what is none of these is malformed. */
const SIZE_LINE_BEGUN = /^(?:[0-9A-Fa-f]+(?:(?:;[\t\x20-\x7e\x80-\xff]*)?\r?)?)?$/;
const TRAILER_LINE = /^(?!content-length:|transfer-encoding:)[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n/i;
const TRAILER_LINE_BEGUN =
  /^(?!content-length:|transfer-encoding:)(?:\r|(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?::[\t\x20-\x7e\x80-\xff]*\r?)?)?)$/i;

export function decodeChunks(text: string): NaiveBody {
  let data = '';
  let coding = '';
  let at = 0;
  let extensions = 0;
  const stopped = (verdict: 'incomplete' | 'malformed'): NaiveBody => ({
    verdict,
    data,
    trailers: '',
    coding,
    end: at,
  });
  for (;;) {
    const rest = text.slice(at, at + MOST_SIZE_DIGITS + MOST_EXTENSION_BYTES + 8);
    const line = SIZE_LINE.exec(rest);
    const [, digits = '', extension = ''] = line ?? /^([0-9A-Fa-f]*)(;[\t\x20-\x7e\x80-\xff]*)?/.exec(rest) ?? [];
    if (digits.length > MOST_SIZE_DIGITS || extension.length > MOST_EXTENSION_BYTES) return stopped('malformed');
    extensions += extension.length;
    if (extensions > MOST_EXTENSIONS_BYTES) return stopped('malformed');
    if (line === null) return stopped(SIZE_LINE_BEGUN.test(rest) ? 'incomplete' : 'malformed');
    const size = Number.parseInt(digits, 16);
    at += line[0].length;
    coding += `${digits}\r\n`;
    if (size === 0) return decodeTrailers(text, at, data, coding);
    const chunk = text.slice(at, at + size);
    data += chunk;
    coding += chunk;
    at += chunk.length;
    if (chunk.length < size) return stopped('incomplete');
    const after = text.slice(at, at + 2);
    if (!'\r\n'.startsWith(after)) return stopped('malformed');
    if (after !== '\r\n') return stopped('incomplete');
    coding += after;
    at += 2;
  }
}

function decodeTrailers(text: string, start: number, data: string, coding: string): NaiveBody {
  let at = start;
  const ended = (verdict: NaiveBody['verdict'], trailers: string): NaiveBody => ({
    verdict,
    data,
    trailers,
    coding,
    end: at,
  });
  for (;;) {
    const rest = text.slice(at);
    if (rest.startsWith('\r\n')) {
      const trailers = text.slice(start, at);
      at += 2;
      coding += '\r\n';
      return ended('complete', trailers);
    }
    const line = TRAILER_LINE.exec(rest);
    if (trailerBytes(text.slice(start, at) + (line?.[0] ?? goodStart(rest))) > MOST_TRAILER_BYTES)
      return ended('malformed', '');
    if (line === null) return ended(TRAILER_LINE_BEGUN.test(rest) ? 'incomplete' : 'malformed', '');
    at += line[0].length;
  }
}

/** Every byte of the trailer lines counts, their CRLF too. */
function trailerBytes(lines: string): number {
  return lines.length;
}

/** As much of an unfinished trailer line as is well-formed. */
function goodStart(rest: string): string {
  return /^(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?::[\t\x20-\x7e\x80-\xff]*\r?)?)?/.exec(rest)?.[0] ?? '';
}
