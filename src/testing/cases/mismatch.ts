/** Whether what came is what was expected, and what differs. */
import { pathOf } from '../../model/problem.ts';

/** One difference; `path` is where the expectation stands, within that of its request. */
export interface Mismatch {
  readonly path: string;
  readonly expected: string;
  readonly came: string;
}

export type Text =
  | string
  | number
  | { readonly equals?: string; readonly contains?: string; readonly matches?: string; readonly not_contains?: string };

/** Of a text that came; undefined: none did. */
export function textMismatches(expected: Text, came: string | undefined, path: string): Mismatch[] {
  const shown = came === undefined ? 'nothing' : shownText(came);
  if (typeof expected !== 'object') {
    return came === String(expected) ? [] : [{ path, expected: shownText(String(expected)), came: shown }];
  }
  const found: Mismatch[] = [];
  const look = (name: keyof typeof expected, verb: string, isRight: (text: string) => boolean): void => {
    const wanted = expected[name];
    if (wanted === undefined || (came !== undefined && isRight(wanted))) return;
    found.push({ path: pathOf(path, name), expected: `${verb}${shownText(wanted)}`, came: shown });
  };
  look('equals', '', (text) => came === text);
  look('contains', 'something with ', (text) => came?.includes(text) === true);
  look('not_contains', 'something without ', (text) => came?.includes(text) === false);
  look('matches', 'something that matches ', (text) => new RegExp(text, 'u').test(came ?? ''));
  return found;
}

/** @returns why it is no regular expression; null if it is one */
export function regexFault(expected: unknown): string | null {
  const { matches } = (typeof expected === 'object' && expected !== null ? expected : {}) as {
    readonly matches?: unknown;
  };
  if (typeof matches !== 'string') return null;
  try {
    new RegExp(matches, 'u');
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

const MOST_SHOWN = 400;

export function shownText(text: string): string {
  return text.length <= MOST_SHOWN
    ? JSON.stringify(text)
    : `${JSON.stringify(text.slice(0, MOST_SHOWN))}… (${text.length} characters)`;
}

export type HeaderExpectation = null | boolean | Text;

export function headerMismatches(
  expected: Readonly<Record<string, HeaderExpectation>>,
  came: Readonly<Record<string, string>>,
  path: string,
): Mismatch[] {
  return Object.entries(expected).flatMap(([name, wanted]) => {
    const at = pathOf(path, name);
    const value = came[name.toLowerCase()];
    if (wanted === null || wanted === false)
      return value === undefined ? [] : [{ path: at, expected: 'no such field', came: shownText(value) }];
    if (wanted === true) return value === undefined ? [{ path: at, expected: 'any value', came: 'no such field' }] : [];
    return textMismatches(wanted, value, at);
  });
}

/** Objects may have more than is expected, lists may not. */
export function jsonMismatches(expected: unknown, text: string, path: string): Mismatch[] {
  try {
    return valueMismatches(expected, JSON.parse(text), path);
  } catch {
    return [{ path, expected: 'a body in JSON', came: shownText(text) }];
  }
}

function valueMismatches(expected: unknown, came: unknown, path: string): Mismatch[] {
  if (typeof expected !== 'object' || expected === null)
    return Object.is(expected, came) ? [] : [differs(expected, came, path)];
  if (typeof came !== 'object' || came === null || Array.isArray(came) !== Array.isArray(expected))
    return [differs(expected, came, path)];
  if (Array.isArray(expected)) {
    const list = came as readonly unknown[];
    if (list.length !== expected.length)
      return [
        { path, expected: `a list of ${expected.length}`, came: `a list of ${list.length}: ${shownValue(came)}` },
      ];
    return expected.flatMap((each: unknown, index) => valueMismatches(each, list[index], pathOf(path, index)));
  }
  return Object.entries(expected).flatMap(([key, each]) =>
    Object.hasOwn(came, key)
      ? valueMismatches(each, (came as Record<string, unknown>)[key], pathOf(path, key))
      : [{ path: pathOf(path, key), expected: shownValue(each), came: 'no such member' }],
  );
}

function differs(expected: unknown, came: unknown, path: string): Mismatch {
  return { path, expected: shownValue(expected), came: shownValue(came) };
}

export function shownValue(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= MOST_SHOWN ? text : `${text.slice(0, MOST_SHOWN)}…`;
}
