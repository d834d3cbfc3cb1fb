/** Putting together what is forwarded: whatever a client can choose stays a part of the path or the query it was put into. */
import { percentEncoded } from '../header-actions.ts';
import { encodeQuery } from '../query.ts';
import { compileTemplate, type Template } from '../template.ts';

/** What a path may not hold raw (RFC 3986 §3.3); slashes divide it. */
const FOREIGN_IN_PATH = /[^A-Za-z0-9\-._~!$&'()*+,;=:@/]/g;
/** The same, where escapes are escapes already. */
const FOREIGN_IN_ENCODED_PATH = /[^A-Za-z0-9\-._~!$&'()*+,;=:@/%]|%(?![0-9A-Fa-f]{2})/g;
/** In an argument, everything that could end it. */
const FOREIGN_IN_ARGUMENT = /[^A-Za-z0-9\-._~!'()*,:@/]/g;
const FOREIGN_IN_ENCODED_ARGUMENT = /[^A-Za-z0-9\-._~!'()*,:@/%]|%(?![0-9A-Fa-f]{2})/g;
const FOREIGN_IN_LITERAL = /[^A-Za-z0-9\-._~!$&'()*+,;=:@/?%]|%(?![0-9A-Fa-f]{2})/g;

/** Variables that are a path or a query as it stands in a request. */
const PATHS: ReadonlySet<string> = new Set(['uri', 'request_uri']);
const QUERIES: ReadonlySet<string> = new Set(['args', 'query_string']);

/** Segments that lead elsewhere, also for servers that decode once more, or that strip path parameters. */
const DOT_SEGMENT = /(?:\/|%2F|%5C)(?:\.|%2E){1,2}(?:\/|;|%2F|%5C|$)/i;

/** Of a normalised path: what stands encoded only because a path cannot hold it raw. */
const ENCODED_TEXT = /%(?:20|22|23|3C|3E|3F|5B|5C|5D|5E|60|7B|7C|7D)|(?:%[89A-F][0-9A-F])+/g;

/** A path with, after a question mark, the arguments that go before those of the request. */
export function compileTarget(text: string): Template {
  return compileTemplate(text, {
    literal: (bytes) => bytes.replace(FOREIGN_IN_LITERAL, percentEncoded),
    value: (name, before) => {
      // A capture keeps the escapes that `readablePath` left.
      const isCapture = name === '';
      if (!before.includes('?')) return PATHS.has(name) || isCapture ? encodeEncodedPath : encodePath;
      if (QUERIES.has(name)) return encodeQuery;
      return isCapture ? encodeEncodedArgument : encodeArgument;
    },
  });
}

/** Whether a path has dot segments, in any spelling that is known to be followed. */
export function hasDotSegment(path: string): boolean {
  return DOT_SEGMENT.test(path);
}

/**
 * A normalised path as people write it, for regular expressions: UTF-8, spaces, `?` and the like stand for themselves. What
 * differs from its escape stays encoded (`%2F`, `%25`, other delimiters, control characters), so that nothing is lost.
 */
export function readablePath(path: string): string {
  return path.includes('%') ? path.replace(ENCODED_TEXT, decoded) : path;
}

/** The path of a request target as it was sent, ready to be sent on. */
export function rawPath(target: string): string {
  const path = target.replace(/^[A-Za-z]+:\/\/[^/?]*/, '').replace(/\?.*$/s, '');
  return encodeEncodedPath(path.startsWith('/') ? path : `/${path}`);
}

function encodePath(bytes: string): string {
  return bytes.replace(FOREIGN_IN_PATH, percentEncoded);
}

function encodeEncodedPath(bytes: string): string {
  return bytes.replace(FOREIGN_IN_ENCODED_PATH, percentEncoded);
}

function encodeArgument(bytes: string): string {
  return bytes.replace(FOREIGN_IN_ARGUMENT, percentEncoded);
}

function encodeEncodedArgument(bytes: string): string {
  return bytes.replace(FOREIGN_IN_ENCODED_ARGUMENT, percentEncoded);
}

/** Malformed UTF-8 stays as it is. */
function decoded(escapes: string): string {
  try {
    return decodeURIComponent(escapes);
  } catch {
    return escapes;
  }
}
