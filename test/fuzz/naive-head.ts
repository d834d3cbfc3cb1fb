/**
 * Heads parsed the plain way: the whole text at hand, split into lines, judged by regular expressions made from the
 * grammar of RFC 9112. It knows nothing of incomplete heads and little of which fault comes first; it is what the
 * parser is held against: what the one accepts, the other does, and both see the same in it.
 */
import type { CorpusLimits } from '../parsers/corpus.ts';

export interface NaiveHead {
  readonly start: readonly string[];
  readonly fields: readonly (readonly [string, string])[];
  readonly minorVersion: number;
  /** −1 without. */
  readonly contentLength: number;
  readonly isChunked: boolean;
  readonly expectsContinue: boolean;
  readonly closes: boolean;
  readonly keeps: boolean;
  readonly acceptsTrailers: boolean;
  /** Offset of the body. */
  readonly end: number;
}

const REQUEST_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}) ([\x21-\x7e]+) HTTP\/1\.([01])$/;
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?$/;
const FIELD_LINE =
  /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[\t ]*((?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)[\t ]*$/;

/** @returns null for a head that is malformed, too large or not complete */
export function parseNaively(text: string, kind: 'request' | 'response', limits: CorpusLimits): NaiveHead | null {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0 || end + 4 > limits.head) return null;
  const [startLine = '', ...lines] = text.slice(0, end).split('\r\n');
  const start = (kind === 'request' ? REQUEST_LINE : STATUS_LINE).exec(startLine);
  if (start === null || lines.length > limits.fields) return null;
  const longest = kind === 'request' ? (start[2] ?? '').length : startLine.length;
  if (longest > limits.line) return null;
  const fields: (readonly [string, string])[] = [];
  for (const line of lines) {
    const field = FIELD_LINE.exec(line);
    if (field === null || line.length > limits.line) return null;
    fields.push([field[1] ?? '', field[2] ?? '']);
  }
  const minorVersion = Number(kind === 'request' ? start[3] : start[1]);
  const framing = framingOf(fields, lines);
  if (framing === null) return null;
  const found = { start: start.slice(1), fields, minorVersion, ...framing, ...connectionOf(fields), end: end + 4 };
  return kind === 'request' ? checked(found) : found;
}

function valuesOf(fields: readonly (readonly [string, string])[], name: string): string[] {
  return fields.filter(([other]) => other.toLowerCase() === name).map(([, value]) => value);
}

function framingOf(
  fields: readonly (readonly [string, string])[],
  lines: readonly string[],
): { contentLength: number; isChunked: boolean } | null {
  const lengths = valuesOf(fields, 'content-length');
  const codings = valuesOf(fields, 'transfer-encoding');
  if (lengths.length + codings.length > 1) return null;
  if (
    lengths.some((length) => !/^[0-9]{1,15}$/.test(length)) ||
    codings.some((coding) => coding.toLowerCase() !== 'chunked')
  )
    return null;
  if (lines.some((line) => /^(?:transfer-encoding|content-length):.*\t/i.test(line))) return null;
  return { contentLength: lengths[0] === undefined ? -1 : Number(lengths[0]), isChunked: codings.length > 0 };
}

function connectionOf(
  fields: readonly (readonly [string, string])[],
): Pick<NaiveHead, 'closes' | 'keeps' | 'expectsContinue' | 'acceptsTrailers'> {
  const options = valuesOf(fields, 'connection').flatMap((value) => listOf(value));
  const expectations = valuesOf(fields, 'expect').map((value) => value.toLowerCase());
  const codings = valuesOf(fields, 'te').flatMap((value) => listOf(value));
  return {
    closes: options.includes('close'),
    keeps: options.includes('keep-alive'),
    expectsContinue: expectations.includes('100-continue'),
    acceptsTrailers: codings.includes('trailers'),
  };
}

function listOf(value: string): string[] {
  return value.split(',').map((item) => item.replaceAll(/^[\t ]+|[\t ]+$/g, '').toLowerCase());
}

/** What requests have to be beyond that. */
function checked(head: NaiveHead): NaiveHead | null {
  const hosts = valuesOf(head.fields, 'host').length;
  if (hosts > 1 || (hosts === 0 && head.minorVersion === 1)) return null;
  if (head.minorVersion === 1)
    return valuesOf(head.fields, 'expect').every((value) => value.toLowerCase() === '100-continue') ? head : null;
  const lacksLength = head.start[0] === 'POST' && head.contentLength < 0;
  return head.isChunked || lacksLength ? null : { ...head, expectsContinue: false };
}
