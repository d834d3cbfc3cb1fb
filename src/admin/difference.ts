/** What changed between two versions of an object, for the audit log: bounded, and without secrets. */
import { pathOf } from '../model/problem.ts';
import { canonicalText } from '../model/canonical.ts';
import { isObject } from './change.ts';
import { HIDDEN } from './redact.ts';

export interface Difference {
  readonly path: string;
  /** Absent where the attribute was added. */
  readonly before?: unknown;
  /** Absent where it was removed. */
  readonly after?: unknown;
}

/** Two versions of a value, and what may be shown of each. */
interface Version {
  readonly value: unknown;
  readonly shown: unknown;
}

const MAX_DIFFERENCES = 100;
const MAX_TEXT = 200;

/** Attributes that every write changes. */
const BOOKKEEPING: ReadonlySet<string> = new Set(['create_time', 'update_time']);

/** @param before,after undefined where there is no such version */
export function differences(before: Version, after: Version): Difference[] {
  const found: Difference[] = [];
  walk('', before, after, found);
  return found.slice(0, MAX_DIFFERENCES);
}

function walk(path: string, before: Version, after: Version, found: Difference[]): void {
  if (found.length >= MAX_DIFFERENCES) return;
  if (isObject(before.value) && isObject(after.value) && before.shown !== HIDDEN && after.shown !== HIDDEN) {
    for (const key of new Set([...Object.keys(before.value), ...Object.keys(after.value)])) {
      if (path === '' && BOOKKEEPING.has(key)) continue;
      walk(pathOf(path, key), member(before, key), member(after, key), found);
    }
  } else if (!isEqual(before.value, after.value)) {
    found.push({
      path,
      ...(before.value === undefined ? {} : { before: shorten(before.shown) }),
      ...(after.value === undefined ? {} : { after: shorten(after.shown) }),
    });
  }
}

function isEqual(a: unknown, b: unknown): boolean {
  if (a === undefined || b === undefined) return a === b;
  return canonicalText(a) === canonicalText(b);
}

function member({ value, shown }: Version, key: string): Version {
  return { value: memberOf(value, key), shown: shown === HIDDEN ? HIDDEN : memberOf(shown, key) };
}

function memberOf(value: unknown, key: string): unknown {
  return isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

/** Certificates and the like say enough by their beginning. */
function shorten(value: unknown): unknown {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text === undefined || text.length <= MAX_TEXT ? value : `${text.slice(0, MAX_TEXT)}…`;
}
