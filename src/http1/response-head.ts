/** Parsing of a response head, RFC 9112 §4 and §5. Any fault makes the response unusable: which one is of no interest. */
import { CR, LF, SPACE, VALUE } from './chars.ts';
import { BAD_START_LINE, HEADER_TOO_LARGE, INCOMPLETE } from './faults.ts';
import { type HeadLimits, parsed, parseFields } from './fields.ts';

const VERSION_TEXT = 'HTTP/1.';

/** `HTTP/1.1 200`. */
const STATUS_END = 12;

/**
 * Parses a response head that starts at `start`. The results stand in `parsed` and `scratchFields`; `targetEnd` is
 * where the reason phrase ends.
 * @returns the offset of the body, `INCOMPLETE`, or a negative fault
 */
export function parseResponseHead(bytes: Uint8Array, start: number, end: number, limits: HeadLimits): number {
  const window = start + limits.head_bytes;
  const stop = end < window ? end : window;
  const result = parseWithin(bytes, start, stop, limits);
  return result === INCOMPLETE && stop === window ? HEADER_TOO_LARGE : result;
}

function parseWithin(bytes: Uint8Array, start: number, end: number, limits: HeadLimits): number {
  const known = end - start < STATUS_END ? end - start : STATUS_END;
  for (let k = 0; k < known; k++) if (!isExpected(bytes[start + k], k)) return BAD_START_LINE;
  if (known < STATUS_END) return INCOMPLETE;
  const status = (bytes[start + 9] - 48) * 100 + (bytes[start + 10] - 48) * 10 + bytes[start + 11] - 48;
  // RFC 9110 §15: other classes do not exist, and guessing at their framing would be unsafe.
  if (status < 100 || status > 599) return BAD_START_LINE;
  let i = start + STATUS_END;
  if (i >= end) return INCOMPLETE;
  // Many servers leave out the space before an empty reason phrase; nothing else may stand here.
  if (bytes[i] !== SPACE && bytes[i] !== CR) return BAD_START_LINE;
  while (i < end && VALUE[bytes[i]] === 1) i++;
  if (i - start > limits.line_bytes) return HEADER_TOO_LARGE;
  if (i >= end) return INCOMPLETE;
  if (bytes[i] !== CR) return BAD_START_LINE;
  if (i + 1 >= end) return INCOMPLETE;
  if (bytes[i + 1] !== LF) return BAD_START_LINE;
  parsed.targetEnd = i - start;
  parsed.minorVersion = bytes[start + 7] - 48;
  parsed.status = status;
  return parseFields(bytes, i + 2, end, start, limits);
}

function isExpected(code: number, position: number): boolean {
  if (position < 7) return code === VERSION_TEXT.charCodeAt(position);
  if (position === 7) return code === 48 || code === 49;
  if (position === 8) return code === SPACE;
  return code >= 48 && code <= 57;
}
