/**
 * The head of a response (RFC 9113 §8.3.2), put into the form in which HTTP/1.1's parser leaves one: from there on nobody needs to
 * know which protocol it came by. Strict: nothing is repaired.
 */
import { STATUS_CODES } from 'node:http';
import { CONTENT_LENGTH, parsed, PLAIN, TRANSFER_ENCODING } from '../http1/fields.ts';
import { addLine, beginHead, lengthOf } from './head-text.ts';
import { COOKIE, type Field, METHOD, STATUS } from './hpack-field.ts';

const CHUNKED = 'transfer-encoding: chunked\r\n';
const FORM = /^[1-5]\d\d$/;

const START_LINES: readonly string[] = Array.from(
  { length: 600 },
  (_, status) => `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`,
);

/**
 * Reads the fields of a response. `parsed` and `scratchFields` are those of the text that it returns.
 * @param isHead the response to a HEAD
 * @returns the head's text without its empty line, '' if it is malformed
 */
export function readResponseHead(fields: readonly Field[], isHead: boolean): string {
  const [first] = fields;
  if (first === undefined || first.role !== STATUS || !FORM.test(first.value)) return '';
  const status = Number(first.value);
  const start = START_LINES[status] ?? '';
  beginHead(start.length);
  parsed.status = status;
  parsed.targetEnd = start.length - 2;
  let text = start;
  for (let k = 1; k < fields.length; k++) {
    const field = fields[k];
    const { role } = field;
    if (role >= METHOD) return '';
    if (role === CONTENT_LENGTH) {
      if (parsed.contentLength >= 0) return '';
      parsed.contentLength = lengthOf(field.value);
      if (parsed.contentLength < 0) return '';
    }
    text = addLine(text, field.line, field.name.length, role === COOKIE ? PLAIN : role);
  }
  // RFC 9110 §6.4.1: these have no content, whatever their fields say.
  const isBodiless = isHead || status < 200 || status === 204 || status === 304;
  if (isBodiless || parsed.contentLength >= 0) return text;
  parsed.chunked = true;
  return addLine(text, CHUNKED, 17, TRANSFER_ENCODING);
}
