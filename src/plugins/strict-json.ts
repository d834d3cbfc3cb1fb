/** JSON objects from callers, read so that no other reader can see anything else in them. */
import { isUtf8 } from 'node:buffer';

export type JsonFault = 'not_utf8' | 'not_json' | 'not_object' | 'member_repeated' | 'too_deep';
export type JsonObject = Readonly<Record<string, unknown>>;

const DEEPEST = 32;

/**
 * An object, without members of equal names at any depth (RFC 8259 §4: what becomes of those differs from reader to reader,
 * and RFC 7519 §4 has them refused), and nested no deeper than 32.
 */
export function parseStrictObject(bytes: Uint8Array): JsonObject | JsonFault {
  if (!isUtf8(bytes)) return 'not_utf8';
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'not_json';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'not_object';
  return faultOf(text) ?? (value as JsonObject);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;

/** Of a text that is JSON. */
function faultOf(text: string): JsonFault | null {
  /** Names of the objects that are open; null for arrays. */
  const open: (Set<string> | null)[] = [];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const end = endOfString(text, at);
      const names = open.at(-1);
      if (names !== null && names !== undefined && isName(text, end)) {
        const name = JSON.parse(text.slice(at, end)) as string;
        if (names.has(name)) return 'member_repeated';
        names.add(name);
      }
      at = end - 1;
    } else if (code === 0x7b || code === 0x5b) {
      if (open.push(code === 0x7b ? new Set() : null) > DEEPEST) return 'too_deep';
    } else if (code === 0x7d || code === 0x5d) open.pop();
  }
  return null;
}

/** The offset behind the closing quote. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
  return at + 1;
}

function isName(text: string, end: number): boolean {
  let at = end;
  while (text.charCodeAt(at) <= 0x20) at++;
  return text.charCodeAt(at) === COLON;
}
