/**
 * The head of a request (RFC 9113 §8.3.1), put into the form in which HTTP/1.1's parser leaves one: from there on nobody
 * needs to know which protocol it came by, and it can be forwarded as it stands. Strict: nothing is repaired.
 */
import { TARGET, SLASH, SUSPECT } from '../http1/chars.ts';
import {
  CONNECTION,
  CONTENT_LENGTH,
  EXPECT,
  HOST,
  parsed,
  PLAIN,
  TE,
  TRANSFER_ENCODING,
  UPGRADE,
} from '../http1/fields.ts';
import { addHost, addLine, beginHead, lengthOf } from './head-text.ts';
import { AUTHORITY, COOKIE, type Field, MALFORMED, METHOD, PATH, PROTOCOL, SCHEME } from './hpack-field.ts';

const VERSION = ' HTTP/1.1\r\n';
const CHUNKED = 'transfer-encoding: chunked\r\n';

/** What the head of the last request says beside what stands in `parsed`: scratch memory, as that is. */
export const request: {
  method: string;
  path: string;
  authority: string;
  scheme: string;
  /** `:protocol` of an extended CONNECT (RFC 8441), '' without. */
  protocol: string;
  /** A request for WebSocket by RFC 8441: its text is that of the handshake of HTTP/1.1, without the key. */
  isConnect: boolean;
  /** Why there is no head, null if there is one. */
  fault: HeadFault | null;
} = { method: '', path: '', authority: '', scheme: '', protocol: '', isConnect: false, fault: null };

/** What can be wrong: RFC 9113 §8.1.1 calls the first of them malformed; the others are answered. */
export type HeadFault =
  | 'malformed'
  | 'bad_target'
  | 'bad_host'
  | 'target_too_long'
  | 'header_too_large'
  | 'expectation_failed'
  | 'bad_content_length';

/**
 * Reads the fields of a request. `parsed` and `scratchFields` are those of the text that it returns.
 * @param isComplete no body follows
 * @param lineBytes longest target, and longest field
 * @returns the head's text without its empty line, '' where `request.fault` says why there is none
 */
export function readRequestHead(fields: readonly Field[], isComplete: boolean, lineBytes: number): string {
  request.fault = null;
  const first = readPseudoFields(fields);
  if (first < 0) return fail('malformed');
  request.isConnect = request.protocol === 'websocket';
  if (request.isConnect) request.method = 'GET';
  const { method } = request;
  const target = method === 'CONNECT' && request.protocol === '' ? request.authority : request.path;
  reset(method, target);
  if (!isTarget(target) || !isPath(method, target)) return fail('bad_target');
  if (target.length > lineBytes) return fail('target_too_long');
  const start = `${method} ${target}${VERSION}`;
  parsed.fieldsStart = start.length;
  const text = addFields(fields, first, start, lineBytes);
  if (request.fault !== null) return '';
  if (request.isConnect) return addUpgrade(text);
  if (isComplete || parsed.contentLength >= 0) return text;
  parsed.chunked = true;
  return addLine(text, CHUNKED, 17, TRANSFER_ENCODING);
}

/** @returns the index of the first ordinary field, −1 if the pseudo fields are not as they must be */
function readPseudoFields(fields: readonly Field[]): number {
  let seen = 0;
  request.method = request.path = request.protocol = request.authority = request.scheme = '';
  let k = 0;
  for (; k < fields.length; k++) {
    const { role, value } = fields[k];
    if (role < METHOD || role === MALFORMED) break;
    const bit = 1 << (role - METHOD);
    if ((seen & bit) !== 0) return -1;
    seen |= bit;
    if (role === METHOD) request.method = value;
    else if (role === PATH) request.path = value;
    else if (role === AUTHORITY) request.authority = value;
    else if (role === SCHEME) request.scheme = value;
    else if (role === PROTOCOL) request.protocol = value;
    else return -1;
  }
  const { method, path, protocol, authority, scheme } = request;
  if (!isMethod(method)) return -1;
  // §8.5: a plain CONNECT has an authority, and neither scheme nor path.
  if (method === 'CONNECT' && protocol === '') return authority !== '' && path === '' && scheme === '' ? k : -1;
  if (protocol !== '' && method !== 'CONNECT') return -1;
  if (path === '' || (scheme !== 'http' && scheme !== 'https')) return -1;
  return k;
}

const METHOD_FORM = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$/;

function isMethod(method: string): boolean {
  return method === 'GET' || method === 'POST' || METHOD_FORM.test(method);
}

/** Visible ASCII; sets whether the path needs a closer look. */
function isTarget(target: string): boolean {
  let seen = 0;
  let previous = 0;
  for (let i = 0; i < target.length; i++) {
    const code = target.charCodeAt(i);
    const kind = code < 256 ? TARGET[code] : 0;
    if (kind === 0) return false;
    seen |= code === SLASH && previous === SLASH ? SUSPECT : kind;
    previous = code;
  }
  parsed.isPlainTarget = (seen & SUSPECT) === 0 && target.charCodeAt(0) === SLASH;
  return target.length > 0;
}

/** §8.3.1: the authority has a place of its own, and a path that names another one would be a way around it. */
function isPath(method: string, target: string): boolean {
  if (target.charCodeAt(0) === SLASH) return true;
  return method === 'OPTIONS' ? target === '*' : method === 'CONNECT';
}

function reset(method: string, target: string): void {
  beginHead(0);
  parsed.methodEnd = method.length;
  parsed.targetStart = method.length + 1;
  parsed.targetEnd = parsed.targetStart + target.length;
}

function addFields(fields: readonly Field[], from: number, start: string, lineBytes: number): string {
  const { authority } = request;
  let text = start;
  if (authority !== '') text = addHost(text, authority);
  let cookies = '';
  for (let k = from; k < fields.length; k++) {
    const field = fields[k];
    const { role, value } = field;
    if (field.name.length + value.length + 2 > lineBytes) return fail('header_too_large');
    if (role === PLAIN) text = addLine(text, field.line, field.name.length, PLAIN);
    else if (role === COOKIE) cookies = cookies === '' ? value : `${cookies}; ${value}`;
    else if (role === HOST) {
      // §8.3.1: where both are there they must say the same, or two readers would see two requests.
      if (parsed.hostRepeated || (authority !== '' && authority !== value)) return fail('malformed');
      parsed.hostRepeated = true;
      if (authority === '') text = addHost(text, value);
    } else if (role >= METHOD) return fail('malformed');
    else {
      const problem = note(role, value);
      if (problem !== null) return fail(problem);
      text = addLine(text, field.line, field.name.length, role);
    }
  }
  parsed.hostRepeated = false;
  if (parsed.host < 0) return fail('bad_host');
  if (cookies.length + 8 > lineBytes) return fail('header_too_large');
  // §8.2.3: a cookie may come in crumbs; HTTP/1.1 has one field.
  return cookies === '' ? text : addLine(text, `cookie: ${cookies}\r\n`, 6, PLAIN);
}

function fail(problem: HeadFault): '' {
  request.fault = problem;
  return '';
}

/** What a handshake says in HTTP/1.1 (RFC 6455 §4.1), and here by its pseudo fields. */
function addUpgrade(text: string): string {
  // RFC 9110 §9.3.6: a CONNECT has no content.
  if (parsed.contentLength >= 0) return fail('malformed');
  parsed.upgrade = true;
  return addLine(addLine(text, 'upgrade: websocket\r\n', 7, UPGRADE), 'connection: upgrade\r\n', 10, CONNECTION);
}

function note(role: number, value: string): HeadFault | null {
  if (role === CONTENT_LENGTH) {
    if (parsed.contentLength >= 0) return 'malformed';
    parsed.contentLength = lengthOf(value);
    if (parsed.contentLength < 0) return 'bad_content_length';
  } else if (role === EXPECT) {
    if (value.toLowerCase() !== '100-continue') return 'expectation_failed';
    parsed.expectContinue = true;
  } else if (role === TE) parsed.acceptsTrailers = true;
  return null;
}
