/** What is wrong with a configuration: where, which value, and what would be right. All problems are reported, not the first. */

export type ProblemCode =
  | 'conflict'
  | 'dangling_reference'
  | 'duplicate'
  | 'environment'
  | 'invalid_value'
  | 'missing_attribute'
  | 'not_available'
  | 'not_supported'
  | 'out_of_range'
  | 'syntax'
  | 'too_large'
  | 'unknown_attribute'
  | 'unreadable'
  | 'wrong_length'
  | 'wrong_type';

export interface Problem {
  /** Where in the document: `routes[0].upstream.nodes["127.0.0.1:80"]`; '' is the document as a whole. */
  readonly path: string;
  /** Line in the file, from 1; absent where the source has no lines or the place was not found. */
  readonly line?: number;
  /** The offending value if it is a scalar; never a secret. */
  readonly value?: string | number | boolean | null;
  readonly code: ProblemCode;
  /** Names the thing and what would be right. */
  readonly message: string;
}

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/** The path of a member: `routes`, then 0, then `uri` give `routes[0].uri`. */
export function pathOf(parent: string, key: string | number): string {
  if (typeof key === 'number') return `${parent}[${key}]`;
  if (!IDENTIFIER.test(key)) return `${parent}[${JSON.stringify(key)}]`;
  return parent === '' ? key : `${parent}.${key}`;
}

/** The members of a path, the reverse of `pathOf`. */
export function keysOf(path: string): (string | number)[] {
  const keys: (string | number)[] = [];
  for (const match of path.matchAll(/\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|\.?([^.[\]]+)/g)) {
    if (match[1] !== undefined) keys.push(Number(match[1]));
    else if (match[2] !== undefined) keys.push(JSON.parse(match[2]) as string);
    else if (match[3] !== undefined) keys.push(match[3]);
  }
  return keys;
}

/** A value as a message names it: short, on one line. */
export function quote(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 76)}…"` : text;
}

/** The candidate that differs from `name` by a likely slip of the keyboard, undefined if none is close. */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  if (name.length > 64) return undefined;
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.min(3, Math.floor(name.length / 3))) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase(), bestDistance);
    if (distance >= bestDistance) continue;
    best = candidate;
    bestDistance = distance;
  }
  return best;
}

/** Levenshtein's distance, `bound + 1` once it is known to exceed `bound`. */
export function editDistance(a: string, b: string, bound: number): number {
  if (Math.abs(a.length - b.length) > bound) return bound + 1;
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? bound + 1;
}
