/**
 * The hand-made messages of test/corpus and the notation that they are written in:
 *
 *     == what the message shows
 *     => GET /x "body"            one line per event that we expect (see server-run.ts, client-run.ts)
 *     why: …                      needed where we accept what Node.js refuses
 *     limits: line=64 head=256    instead of the default ones; also fields= and body=
 *     to: HEAD                    responses only: the method of the request
 *     | GET /x HTTP/1.1\r\n       the bytes; a line of the file ends nothing, only escapes do
 *
 * Escapes are \r \n \t \0 \\ and \xHH; «text×N» stands for N times that text. Lines that begin with # are comments.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

export interface CorpusLimits {
  readonly line: number;
  readonly head: number;
  readonly fields: number;
  /** 0: no bound. */
  readonly body: number;
}

export interface CorpusMessage {
  readonly name: string;
  readonly bytes: Buffer;
  readonly expected: readonly string[];
  /** Why we accept it although Node.js does not; '' if nothing is said. */
  readonly why: string;
  readonly limits: CorpusLimits;
  /** Of the request that a response answers. */
  readonly method: string;
}

export const DEFAULT_LIMITS: CorpusLimits = { line: 8_192, head: 32_768, fields: 100, body: 0 };

const ROOT = path.resolve(import.meta.dirname, '../corpus');

/** All messages of one folder of test/corpus. */
export function readCorpus(folder: 'requests' | 'responses'): readonly CorpusMessage[] {
  const messages: CorpusMessage[] = [];
  const files = readdirSync(path.join(ROOT, folder)).filter((name) => name.endsWith('.txt'));
  for (const name of files.sort()) {
    const file = path.join(folder, name);
    messages.push(...parseCorpus(readFileSync(path.join(ROOT, file), 'utf8'), file));
  }
  return messages;
}

interface Draft {
  name: string;
  text: string;
  expected: string[];
  why: string[];
  limits: CorpusLimits;
  method: string;
}

/** @throws Error naming file and line of what is not in the notation */
export function parseCorpus(text: string, file: string): CorpusMessage[] {
  const messages: CorpusMessage[] = [];
  let draft: Draft | null = null;
  const finish = (): void => {
    if (draft === null) return;
    if (draft.expected.length === 0 || draft.text === '')
      throw new Error(`${file}: "${draft.name}" lacks its events or its bytes`);
    messages.push({ ...draft, why: draft.why.join(' '), bytes: bytesOf(draft.text) });
    draft = null;
  };
  for (const [index, line] of text.split('\n').entries()) {
    const at = `${file}:${index + 1}`;
    if (line === '' || line.startsWith('#')) continue;
    if (line.startsWith('== ')) {
      finish();
      draft = { name: line.slice(3), text: '', expected: [], why: [], limits: DEFAULT_LIMITS, method: 'GET' };
    } else if (draft === null) throw new Error(`${at}: a message begins with "== "`);
    else addLine(draft, line, at);
  }
  finish();
  return messages;
}

function addLine(draft: Draft, line: string, at: string): void {
  if (line.startsWith('| ')) draft.text += line.slice(2);
  else if (line.startsWith('=> ')) draft.expected.push(repeated(line.slice(3)));
  else if (line.startsWith('why: ')) draft.why.push(line.slice(5));
  else if (line.startsWith('to: ')) draft.method = line.slice(4);
  else if (line.startsWith('limits: ')) draft.limits = limitsOf(line.slice(8), at);
  else throw new Error(`${at}: "${line}" is in no notation that is known here`);
}

function limitsOf(text: string, at: string): CorpusLimits {
  const limits: Record<string, number> = {};
  for (const pair of text.split(' ')) {
    const [name = '', value = ''] = pair.split('=');
    if (!Object.hasOwn(DEFAULT_LIMITS, name) || !/^[0-9]+$/.test(value))
      throw new Error(`${at}: "${pair}" is no limit`);
    limits[name] = Number(value);
  }
  return { ...DEFAULT_LIMITS, ...limits };
}

const ESCAPED: Readonly<Record<string, string>> = { r: '\r', n: '\n', t: '\t', '0': '\0', '\\': '\\' };

/** The bytes that a text in the notation stands for. */
export function bytesOf(text: string): Buffer {
  const plain = repeated(text).replaceAll(
    /\\(?:x([0-9A-Fa-f]{2})|(.))/g,
    (whole, hex: string | undefined, letter: string | undefined) => {
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
      const character = ESCAPED[letter ?? ''];
      if (character === undefined) throw new Error(`${whole} is no escape`);
      return character;
    },
  );
  return Buffer.from(plain, 'latin1');
}

function repeated(text: string): string {
  return text.replaceAll(/«(.*?)×([0-9]+)»/g, (_, part: string, count: string) => part.repeat(Number(count)));
}

/** Bytes in the notation: for messages of failing tests, and for bodies in events. */
export function notationOf(bytes: Uint8Array): string {
  let text = '';
  for (const code of bytes) {
    if (code === 13) text += '\\r';
    else if (code === 10) text += '\\n';
    else if (code === 9) text += '\\t';
    else if (code === 92) text += '\\\\';
    else if (code < 32 || code > 126) text += `\\x${code.toString(16).padStart(2, '0')}`;
    else text += String.fromCharCode(code);
  }
  return text;
}
