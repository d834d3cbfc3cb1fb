/** A request to the Admin API, with everything that decides about it. */
import { refuse } from './answer.ts';
import { isObject } from './change.ts';
import { parseJson } from './json-text.ts';
import type { JsonObject } from './view.ts';

export interface AdminRequest {
  readonly method: string;
  readonly query: URLSearchParams;
  /** The body as text; '' if there is none. */
  readonly body: string;
  /** Without parameters, lower case; '' if there is none. */
  readonly contentType: string;
  /** Values of the header fields that matter, '' where they are absent. */
  readonly ifMatch: string;
  readonly ifNoneMatch: string;
  readonly digest: string;
  readonly accept: string;
}

const MAX_DEPTH = 64;

/** The body as JSON. Throws Refused. */
export function readJson(body: string): unknown {
  if (body.trim() === '') throw refuse(400, 'missing configurations: the body is empty, JSON is expected');
  let value: unknown;
  try {
    value = parseJson(body);
  } catch (error) {
    throw refuse(400, `invalid request body: ${(error as Error).message}`);
  }
  if (isDeep(value)) throw refuse(400, `invalid request body: it is nested deeper than ${MAX_DEPTH} levels`);
  return value;
}

/** The body as a JSON object. Throws Refused. */
export function readObject(body: string): JsonObject {
  const value = readJson(body);
  if (!isObject(value)) throw refuse(400, 'invalid request body: expected an object');
  return value;
}

/** Level by level, without recursion: what follows recurses, and a hostile body must not exhaust the stack. */
function isDeep(value: unknown): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; depth <= MAX_DEPTH; depth++) {
    level = level.flatMap((one): unknown[] => (typeof one === 'object' && one !== null ? Object.values(one) : []));
    if (level.length === 0) return false;
  }
  return true;
}

/** Seconds until the object vanishes; undefined for never, as 0 is. Throws Refused. */
export function readTtl(query: URLSearchParams): number | undefined {
  const text = query.get('ttl');
  if (text === null || text === '0') return undefined;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw refuse(400, 'ttl: expected whole seconds from 1, or 0 for no end');
  return Number(text);
}

/** The `modifiedIndex` that `If-Match` names; undefined if it names none. Throws Refused. */
export function readIfMatch(field: string): number | '*' | undefined {
  if (field === '') return undefined;
  if (field.trim() === '*') return '*';
  const match = /^\s*"?(\d{1,15})"?\s*$/.exec(field);
  if (match === null) throw refuse(400, 'If-Match: expected the modifiedIndex of the object, or *');
  return Number(match[1]);
}
