/** Text → plain values, with the line of everything: YAML, JSON, and the bounds that hostile documents run into. */
import {
  CORE_SCHEMA,
  EVENT_ID,
  YAMLException,
  constructFromEvents,
  getScalarValue,
  mergeTag,
  parseEvents,
} from 'js-yaml';
import type { Event } from 'js-yaml';
import { keysOf } from '../model/problem.ts';
import type { Problem } from '../model/problem.ts';

/** Larger than any configuration that people keep in one file (40,000 routes are 6 MB). */
export const MAX_DOCUMENT_BYTES = 256 * 1024 * 1024;
const MAX_DEPTH = 64;
/** Generous for files that share a block among all their routes; the bounds that follow from them are a second or two. */
const MAX_ALIASES = 1_000_000;
const MAX_MERGED_KEYS = 2_000_000;
/** Aliases cost nothing to parse, but each is walked again by everything that follows. */
const MAX_EXPANDED_VALUES = 5_000_000;

export interface Document {
  /** null where a problem kept it from being read. */
  readonly value: unknown;
  readonly problems: readonly Problem[];
  /** Line of a path such as `routes[0].uri`, of the nearest member above it if that is absent. */
  lineOf(path: string): number | undefined;
  /** The same with the column: of the key, or of what it holds. */
  placeOf(path: string, part: 'key' | 'value'): Place | undefined;
}

/** In a text, both from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

const YAML_SCHEMA = CORE_SCHEMA.withTags(mergeTag);

export type DocumentFormat = 'yaml' | 'json';

/** Reads YAML 1.2, which JSON is a part of: so both have lines, and repeated keys are refused in both. */
export function parseDocument(text: string, format: DocumentFormat): Document {
  if (format === 'json') {
    const problem = jsonProblem(text);
    if (problem !== null) return failed(problem);
  }
  if (text.length > MAX_DOCUMENT_BYTES) {
    return failed({
      path: '',
      code: 'too_large',
      message: `the file is larger than ${MAX_DOCUMENT_BYTES / 1024 / 1024} MiB`,
    });
  }
  let events: Event[];
  let documents: unknown[];
  try {
    events = parseEvents(text, { maxDepth: MAX_DEPTH });
    const limits = { maxAliases: MAX_ALIASES, maxTotalMergeKeys: MAX_MERGED_KEYS };
    documents = constructFromEvents(events, { source: text, schema: YAML_SCHEMA, ...limits });
  } catch (error) {
    return failed(syntaxProblem(error, format));
  }
  if (documents.length > 1) {
    const message = `the file has ${documents.length} documents, one is expected: remove the lines "---" between them`;
    return failed({ path: '', code: 'syntax', message });
  }
  const value = documents[0] ?? null;
  if (events.some((event) => event.type === EVENT_ID.ALIAS) && !isBounded(value)) {
    return failed({
      path: '',
      code: 'too_large',
      message: 'the aliases refer to themselves or expand to too many values',
    });
  }
  return {
    value,
    problems: [],
    lineOf: (path) => placeOf(text, offsetsOf(text, events, path).key)?.line,
    placeOf(path, part) {
      const { key, value: held } = offsetsOf(text, events, path);
      return placeOf(text, part === 'value' ? (held ?? key) : key);
    },
  };
}

function failed(problem: Problem): Document {
  return { value: null, problems: [problem], lineOf: () => undefined, placeOf: () => undefined };
}

function syntaxProblem(error: unknown, format: DocumentFormat): Problem {
  if (!(error instanceof YAMLException)) throw error;
  const line = error.mark === undefined ? undefined : error.mark.line + 1;
  const message = `not valid ${format.toUpperCase()}: ${String(error.reason).replace(/\s+/g, ' ')}`;
  return line === undefined ? { path: '', code: 'syntax', message } : { path: '', line, code: 'syntax', message };
}

function jsonProblem(text: string): Problem | null {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    const reason = (error as Error).message;
    const position = / at position (\d+)/.exec(reason)?.[1];
    const message = `not valid JSON: ${reason.replace(/,? *(?:\.\.\.)?"[^]*" is not valid JSON| in JSON at position.*/g, '')}`;
    if (position === undefined) return { path: '', code: 'syntax', message };
    return { path: '', line: text.slice(0, Number(position)).split('\n').length, code: 'syntax', message };
  }
}

/** Whether a walk through everything ends soon: aliases may nest exponentially, or refer to what contains them. */
function isBounded(root: unknown): boolean {
  let left = MAX_EXPANDED_VALUES;
  const visit = (value: unknown, depth: number): boolean => {
    if (--left < 0 || depth > MAX_DEPTH * 2) return false;
    if (typeof value !== 'object' || value === null) return true;
    for (const member of Object.values(value)) if (!visit(member, depth + 1)) return false;
    return true;
  };
  return visit(root, 0);
}

interface Offsets {
  readonly key: number | undefined;
  /** Of what stands there; undefined where the path leads to nothing. */
  readonly value: number | undefined;
}

/** Follows the path through the events; nothing is kept for it, since only problems need places. */
function offsetsOf(text: string, events: readonly Event[], path: string): Offsets {
  const keys = keysOf(path);
  let depth = 0;
  let at = events[0]?.type === EVENT_ID.DOCUMENT ? 1 : 0;
  let offset: number | undefined;
  while (depth < keys.length) {
    const event = events[at];
    const key = keys[depth];
    if (event === undefined || key === undefined) break;
    const next =
      event.type === EVENT_ID.MAPPING
        ? findKey(text, events, at, String(key))
        : event.type === EVENT_ID.SEQUENCE
          ? findItem(events, at, key)
          : -1;
    if (next < 0) break;
    const start = startOf(events[event.type === EVENT_ID.MAPPING ? next - 1 : next]);
    if (start !== undefined) offset = start;
    at = next;
    depth++;
  }
  return { key: offset, value: depth === keys.length ? startOf(events[at]) : undefined };
}

function placeOf(text: string, offset: number | undefined): Place | undefined {
  if (offset === undefined) return undefined;
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: (before.at(-1) ?? '').length + 1 };
}

/** Index of the event of the value of `key`, −1 if the mapping has no such key. */
function findKey(text: string, events: readonly Event[], mapping: number, key: string): number {
  let at = mapping + 1;
  for (;;) {
    const event = events[at];
    if (event === undefined || event.type === EVENT_ID.POP) return -1;
    const value = skip(events, at);
    if (event.type === EVENT_ID.SCALAR && getScalarValue(text, event) === key) return value;
    at = skip(events, value);
  }
}

function findItem(events: readonly Event[], sequence: number, index: string | number): number {
  let at = sequence + 1;
  for (let i = 0; ; i++) {
    const event = events[at];
    if (event === undefined || event.type === EVENT_ID.POP) return -1;
    if (i === index) return at;
    at = skip(events, at);
  }
}

/** Index of the event after the value that begins at `at`. */
function skip(events: readonly Event[], at: number): number {
  let open = 0;
  for (let i = at; i < events.length; i++) {
    const type = events[i]?.type;
    if (type === EVENT_ID.MAPPING || type === EVENT_ID.SEQUENCE) open++;
    else if (type === EVENT_ID.POP) open--;
    if (open <= 0) return i + 1;
  }
  return events.length;
}

function startOf(event: Event | undefined): number | undefined {
  if (event === undefined) return undefined;
  if (event.type === EVENT_ID.SCALAR) return event.valueStart;
  if (event.type === EVENT_ID.MAPPING || event.type === EVENT_ID.SEQUENCE)
    return event.start < 0 ? undefined : event.start;
  return event.type === EVENT_ID.ALIAS ? event.anchorStart : undefined;
}
