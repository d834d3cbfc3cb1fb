/**
 * Regular expressions from a configuration. They run on an engine of our own in time linear in the text, because V8's
 * backtracks: with `(a+)+$`, or with three `.*` in a row, one request could hold a worker for minutes.
 */
import { RegexAutomaton } from './regex-automaton.ts';
import type { RegexProgram } from './regex-program.ts';
import { compileProgram } from './regex-program.ts';
import { parseRegex, RegexProblem } from './regex-syntax.ts';
import { RegexThreads } from './regex-threads.ts';

export interface Regex {
  readonly source: string;
  /** Whether the text contains a match. */
  test(text: string): boolean;
  /** The leftmost match that begins at `from` (0 by default) or later, null if there is none. */
  exec(text: string, from?: number): RegexMatch | null;
}

export interface RegexMatch {
  readonly index: number;
  /** The first position after the match. */
  readonly end: number;
  /** The whole match, then each group; undefined for a group that has no part in it. */
  readonly groups: readonly (string | undefined)[];
  /** Numbers of the named groups. */
  readonly names: ReadonlyMap<string, number>;
}

export interface RegexOptions {
  readonly ignoreCase?: boolean;
}

/**
 * What is wrong with a pattern, null if nothing is. PCRE's syntax, except what only backtracking can do: references,
 * lookaround, atomic groups and possessive quantifiers are refused, and so are `(?m)` and `(?x)`. `$` is the end of the text alone.
 */
export function checkRegex(pattern: string): string | null {
  try {
    compileProgram(parseRegex(pattern, false));
    return null;
  } catch (error) {
    return messageOf(error, pattern);
  }
}

function messageOf(error: unknown, pattern: string): string {
  if (error instanceof RegexProblem) return `${JSON.stringify(pattern)}: ${error.message}`;
  throw error;
}

/** @throws {TypeError} for a pattern that `checkRegex` finds fault with */
export function compileRegex(pattern: string, options: RegexOptions = {}): Regex {
  try {
    return regexOf(compileProgram(parseRegex(pattern, options.ignoreCase === true)), pattern);
  } catch (error) {
    throw new TypeError(messageOf(error, pattern), { cause: error });
  }
}

function regexOf(program: RegexProgram, source: string): Regex {
  let threads: RegexThreads | null = null;
  const search = (text: string, from: number): Readonly<Int32Array> | null => {
    // Made when they are wanted: most patterns are only ever tested.
    threads ??= new RegexThreads(program);
    return threads.search(text, from);
  };
  const automaton = program.looksAround ? null : new RegexAutomaton(program);
  return {
    source,
    test: (text) => (automaton === null ? search(text, 0) !== null : automaton.test(text)),
    exec(text, from = 0) {
      if (automaton !== null && from === 0 && !automaton.test(text)) return null;
      const saved = search(text, from);
      if (saved === null) return null;
      const groups = Array.from({ length: program.groups + 1 }, (_, i) =>
        saved[2 * i + 1] < 0 ? undefined : text.slice(saved[2 * i], saved[2 * i + 1]),
      );
      return { index: saved[0], end: saved[1], groups, names: program.names };
    },
  };
}
