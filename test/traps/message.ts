/** A reader of HTTP/1.1 messages that shares nothing with the gateway's own: what it finds is what the other side sees. */

export interface Message {
  readonly startLine: string;
  /** 0 for a request. */
  readonly status: number;
  /** In their order, names as they were sent. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
  readonly trailers: readonly string[];
  /** Chunk extensions, each with its semicolon. */
  readonly extensions: readonly string[];
  /** The framing was fulfilled: false for a body that the end of the connection cut off. */
  readonly isComplete: boolean;
  /** Bytes of the whole message. */
  readonly length: number;
}

/** `headOnly`: the answer to a HEAD. */
export type MessageKind = 'request' | 'response' | 'headOnly';

/** All values of the fields called `name`, in their order. */
export function valuesOf(message: Message, name: string): string[] {
  return message.fields.filter(([key]) => key.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
}

/** The value of the only field called `name`; undefined if there is none. */
export function valueOf(message: Message, name: string): string | undefined {
  const values = valuesOf(message, name);
  if (values.length > 1) throw new Error(`${name} is there ${values.length} times: ${values.join(' | ')}`);
  return values[0];
}

/**
 * Takes the first message of `bytes`; null while it is not there as a whole.
 * @param isOver no byte will follow
 */
export function takeMessage(bytes: Buffer, kind: MessageKind, isOver: boolean): Message | null {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd < 0) return null;
  const [startLine = '', ...lines] = bytes.toString('latin1', 0, headEnd).split('\r\n');
  const fields = lines.map((line): readonly [string, string] => {
    const colon = line.indexOf(':');
    if (colon < 1) throw new Error(`no field line: ${JSON.stringify(line)}`);
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  const status = kind === 'request' ? 0 : Number(/^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(startLine)?.[1]);
  if (Number.isNaN(status)) throw new Error(`no status line: ${JSON.stringify(startLine)}`);
  const head = { startLine, status, fields, trailers: [], extensions: [] };
  const body = takeBody(bytes.subarray(headEnd + 4), framingOf(kind, status, fields), isOver);
  return body === null ? null : { ...head, ...body, length: headEnd + 4 + body.length };
}

type Framing = number | 'chunked' | 'untilClose';

function framingOf(kind: MessageKind, status: number, fields: Message['fields']): Framing {
  if (kind === 'headOnly' || (kind === 'response' && (status < 200 || status === 204 || status === 304))) return 0;
  const get = (wanted: string): string | undefined => fields.find(([name]) => name.toLowerCase() === wanted)?.[1];
  if (get('transfer-encoding') !== undefined) return 'chunked';
  const length = get('content-length');
  if (length !== undefined) return Number(length);
  return kind === 'request' ? 0 : 'untilClose';
}

type Body = Pick<Message, 'body' | 'isComplete' | 'length'> & Partial<Pick<Message, 'trailers' | 'extensions'>>;

function takeBody(bytes: Buffer, framing: Framing, isOver: boolean): Body | null {
  if (framing === 'chunked') return takeChunks(bytes) ?? cutOff(bytes, isOver);
  if (framing === 'untilClose') return isOver ? { body: bytes, isComplete: true, length: bytes.length } : null;
  if (bytes.length < framing) return cutOff(bytes, isOver);
  return { body: bytes.subarray(0, framing), isComplete: true, length: framing };
}

function cutOff(bytes: Buffer, isOver: boolean): Body | null {
  return isOver ? { body: bytes, isComplete: false, length: bytes.length } : null;
}

function takeChunks(bytes: Buffer): Body | null {
  const pieces: Buffer[] = [];
  const extensions: string[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return null;
    const [, digits = '', extension = ''] = /^([0-9a-fA-F]+)(.*)$/.exec(bytes.toString('latin1', at, lineEnd)) ?? [];
    if (digits === '') throw new Error(`no chunk size: ${JSON.stringify(bytes.toString('latin1', at, lineEnd))}`);
    if (extension !== '') extensions.push(extension);
    const size = Number.parseInt(digits, 16);
    at = lineEnd + 2;
    if (size === 0) break;
    if (bytes.length < at + size + 2) return null;
    if (bytes.toString('latin1', at + size, at + size + 2) !== '\r\n')
      throw new Error('a chunk is not as long as it says');
    pieces.push(bytes.subarray(at, at + size));
    at += size + 2;
  }
  const trailers: string[] = [];
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return null;
    const line = bytes.toString('latin1', at, lineEnd);
    at = lineEnd + 2;
    if (line === '') return { body: Buffer.concat(pieces), trailers, extensions, isComplete: true, length: at };
    trailers.push(line);
  }
}
