/**
 * Regular expressions in the syntax that PCRE and JavaScript have in common, parsed. What only a backtracking engine can do
 * (references, lookaround, atomic groups) is refused, as is everything that the two read differently.
 */
import type { CharSet } from './char-set.ts';
import { ANY, charSetOf, DIGITS, foldCase, LINE_ENDS, negate, POSIX, SPACE, WORD } from './char-set.ts';

export type RegexNode =
  | { readonly kind: 'set'; readonly set: CharSet }
  | { readonly kind: 'sequence'; readonly parts: readonly RegexNode[] }
  | { readonly kind: 'choice'; readonly options: readonly RegexNode[] }
  | {
      readonly kind: 'repeat';
      readonly body: RegexNode;
      readonly min: number;
      /** Infinity where there is no bound. */
      readonly max: number;
      readonly isLazy: boolean;
    }
  | { readonly kind: 'group'; readonly index: number; readonly body: RegexNode }
  | { readonly kind: 'assertion'; readonly holds: Assertion };

export type Assertion = 'start' | 'end' | 'boundary' | 'inside';

export interface RegexSyntax {
  readonly root: RegexNode;
  /** Capturing groups, without the whole match. */
  readonly groups: number;
  /** Of named groups, by name. */
  readonly names: ReadonlyMap<string, number>;
}

/** Why a pattern is refused: a message for people. */
export class RegexProblem extends Error {}

const MAX_LENGTH = 4096;
const MAX_DEPTH = 50;
const MAX_REPEAT = 1000;
const MAX_GROUPS = 100;

const CLASS_ESCAPES: Readonly<Record<string, CharSet>> = {
  d: DIGITS,
  w: WORD,
  s: SPACE,
  h: [9, 9, 32, 32],
};
const CONTROL_ESCAPES: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13, e: 27, a: 7 };
const ASSERTION_ESCAPES: Readonly<Record<string, Assertion>> = { b: 'boundary', B: 'inside', A: 'start', z: 'end' };

const REMEDY = 'rewrite the pattern without it';

/** @throws {RegexProblem} */
export function parseRegex(pattern: string, ignoreCase: boolean): RegexSyntax {
  if (pattern.length > MAX_LENGTH) {
    throw new RegexProblem(`the pattern has ${pattern.length} characters: at most ${MAX_LENGTH} are allowed`);
  }
  const parser = new Parser(pattern, ignoreCase);
  return { root: parser.parse(), groups: parser.groups, names: parser.names };
}

class Parser {
  groups = 0;
  readonly names = new Map<string, number>();
  private readonly pattern: string;
  private at = 0;
  private depth = 0;
  private ignoresCase: boolean;
  private dotMatchesAll = false;

  constructor(pattern: string, ignoreCase: boolean) {
    this.pattern = pattern;
    this.ignoresCase = ignoreCase;
  }

  parse(): RegexNode {
    const root = this.choice();
    if (this.at < this.pattern.length) throw this.problem('")" closes no group: escape it as "\\)"');
    return root;
  }

  private choice(): RegexNode {
    if (++this.depth > MAX_DEPTH) throw this.problem(`groups are nested deeper than ${MAX_DEPTH}: ${REMEDY}`);
    const { ignoresCase, dotMatchesAll } = this;
    const options = [this.sequence()];
    while (this.take('|')) options.push(this.sequence());
    // Flags set inside a group end with it.
    this.ignoresCase = ignoresCase;
    this.dotMatchesAll = dotMatchesAll;
    this.depth--;
    return options.length === 1 ? options[0] : { kind: 'choice', options };
  }

  private sequence(): RegexNode {
    const parts: RegexNode[] = [];
    while (this.at < this.pattern.length && !'|)'.includes(this.pattern[this.at])) {
      const atom = this.atom();
      if (atom !== null) parts.push(this.repeated(atom));
    }
    return parts.length === 1 ? parts[0] : { kind: 'sequence', parts };
  }

  /** null for what only sets flags. */
  private atom(): RegexNode | null {
    const char = this.pattern[this.at++];
    if (char === '(') return this.group();
    if (char === '[') return this.set(this.bracket());
    if (char === '.') return { kind: 'set', set: this.dotMatchesAll ? ANY : negate(LINE_ENDS) };
    if (char === '^') return { kind: 'assertion', holds: 'start' };
    if (char === '$') return { kind: 'assertion', holds: 'end' };
    if (char === '\\') return this.escape();
    if ('*+?'.includes(char) || (char === '{' && this.isQuantifier(this.at - 1))) {
      throw this.problem(`"${char}" repeats nothing: escape it as "\\${char}"`);
    }
    const low = this.pattern[this.at] ?? '';
    if (!/[\ud800-\udbff]/.test(char) || !/[\udc00-\udfff]/.test(low)) return this.literal(char.charCodeAt(0));
    this.at++;
    return { kind: 'sequence', parts: [this.literal(char.charCodeAt(0)), this.literal(low.charCodeAt(0))] };
  }

  private group(): RegexNode | null {
    if (this.take('*')) throw this.problem(`"(*" begins a control verb, which is not supported: ${REMEDY}`);
    if (!this.take('?')) return this.capture('');
    const name = /^P?<([A-Za-z_]\w*)>/.exec(this.rest());
    if (name !== null) {
      this.at += name[0].length;
      return this.capture(name[1]);
    }
    const flags = /^([a-zA-Z]*)(?:-([a-zA-Z]*))?([:)])/.exec(this.rest());
    if (flags === null) {
      const what = /^<?[=!]/.test(this.rest()) ? 'lookaround' : `"(?${this.rest().slice(0, 2)}"`;
      throw this.problem(`${what} is not supported, it could take exponential time: ${REMEDY}`);
    }
    this.at += flags[0].length;
    const outer = { ignoresCase: this.ignoresCase, dotMatchesAll: this.dotMatchesAll };
    this.setFlags(flags[1], true);
    this.setFlags(flags[2] ?? '', false);
    if (flags[3] === ')') return null;
    const body = this.closed();
    Object.assign(this, outer);
    return body;
  }

  private setFlags(flags: string, value: boolean): void {
    for (const flag of flags) {
      if (flag === 'i') this.ignoresCase = value;
      else if (flag === 's') this.dotMatchesAll = value;
      else throw this.problem(`the flag "${flag}" is not supported: only i and s are`);
    }
  }

  private capture(name: string): RegexNode {
    const index = ++this.groups;
    if (index > MAX_GROUPS) throw this.problem(`the pattern has more than ${MAX_GROUPS} groups: begin some with "(?:"`);
    if (name !== '') {
      if (this.names.has(name)) throw this.problem(`two groups are named "${name}": give each its own name`);
      this.names.set(name, index);
    }
    return { kind: 'group', index, body: this.closed() };
  }

  private closed(): RegexNode {
    const body = this.choice();
    if (!this.take(')')) throw this.problem('a group is not closed: add ")", or escape its "(" as "\\("');
    return body;
  }

  private repeated(body: RegexNode): RegexNode {
    const match = /^(?:[*+?]|\{(\d+)(,?)(\d*)\})/.exec(this.rest());
    if (match === null) return body;
    const [text, least, comma, most] = match;
    this.at += text.length;
    const min = least === undefined ? (text === '+' ? 1 : 0) : Number(least);
    const unbounded = text === '*' || text === '+' || (comma === ',' && most === '');
    const max = unbounded ? Number.POSITIVE_INFINITY : text === '?' ? 1 : Number(comma === ',' ? most : least);
    if (min > max) throw this.problem(`"${text}" has its bounds the wrong way round`);
    if (Math.max(min, unbounded ? 0 : max) > MAX_REPEAT) {
      throw this.problem(`"${text}" repeats more than ${MAX_REPEAT} times: use "*" or "+"`);
    }
    if (this.take('+')) throw this.problem(`the possessive "${text}+" is not supported: write "${text}"`);
    const node: RegexNode = { kind: 'repeat', body, min, max, isLazy: this.take('?') };
    if (/^(?:[*+?]|\{\d+,?\d*\})/.test(this.rest())) {
      throw this.problem(`"${this.rest()[0]}" repeats a repetition: put the inner one into "(?:…)"`);
    }
    return node;
  }

  private escape(): RegexNode {
    const char = this.pattern[this.at++];
    if (char === undefined) throw this.problem('the pattern ends with a backslash: escape it as "\\\\"');
    const holds = Object.hasOwn(ASSERTION_ESCAPES, char) ? ASSERTION_ESCAPES[char] : undefined;
    if (holds !== undefined) return { kind: 'assertion', holds };
    if (/[1-9gk]/.test(char)) {
      throw this.problem(`the back reference "\\${char}" is not supported, it could take exponential time: ${REMEDY}`);
    }
    this.at--;
    const value = this.escapeValue();
    return typeof value === 'number' ? this.literal(value) : { kind: 'set', set: value };
  }

  /** The escape after a backslash, inside and outside of brackets: a unit or a class. */
  private escapeValue(): number | CharSet {
    const char = this.pattern[this.at++];
    if (char === undefined) throw this.problem('the pattern ends with a backslash: escape it as "\\\\"');
    const lower = char.toLowerCase();
    if (Object.hasOwn(CLASS_ESCAPES, lower)) {
      return char === lower ? CLASS_ESCAPES[lower] : negate(CLASS_ESCAPES[lower]);
    }
    if (Object.hasOwn(CONTROL_ESCAPES, char)) return CONTROL_ESCAPES[char];
    const hex = /^(?:x([0-9a-fA-F]{2})|x\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4}))/.exec(char + this.rest());
    if (hex !== null) {
      this.at += hex[0].length - 1;
      const unit = Number.parseInt(hex[1] ?? hex[2] ?? hex[3], 16);
      if (unit > 0xffff) throw this.problem(`"\\${hex[0]}" lies beyond U+FFFF: write the character itself`);
      return unit;
    }
    if (/[A-Za-z0-9]/.test(char)) throw this.problem(`the escape "\\${char}" is not supported: ${REMEDY}`);
    return char.charCodeAt(0);
  }

  private bracket(): CharSet {
    const isNegated = this.take('^');
    if (this.pattern[this.at] === ']') throw this.problem('"[" is followed by "]": escape that as "\\]"');
    const ranges: number[] = [];
    while (this.pattern[this.at] !== ']') {
      if (this.at >= this.pattern.length) throw this.problem('"[" is not closed: add "]", or escape it as "\\["');
      const first = this.member();
      if (typeof first !== 'number') {
        ranges.push(...first);
        continue;
      }
      let last = first;
      if (this.pattern[this.at] === '-' && (this.pattern[this.at + 1] ?? ']') !== ']') {
        this.at++;
        const end = this.member();
        if (typeof end !== 'number')
          throw this.problem('a range in brackets ends with a class: escape its "-" as "\\-"');
        last = end;
      }
      if (last < first) throw this.problem('a range in brackets has its ends the wrong way round');
      ranges.push(first, last);
    }
    this.at++;
    const set = charSetOf(ranges);
    // Folded first: [^a] without case excludes A too.
    const folded = this.ignoresCase ? foldCase(set) : set;
    return isNegated ? negate(folded) : folded;
  }

  /** One unit or class inside brackets. */
  private member(): number | CharSet {
    const posix = /^\[:(\^?)(\w+):\]/.exec(this.rest());
    if (posix !== null) {
      const [text, isNegated, name] = posix;
      if (!Object.hasOwn(POSIX, name)) throw this.problem(`there is no class "${text}"`);
      this.at += text.length;
      return isNegated === '^' ? negate(POSIX[name]) : POSIX[name];
    }
    const code = this.pattern.charCodeAt(this.at++);
    if (code >= 0xd800 && code <= 0xdfff) {
      throw this.problem('brackets hold a character beyond U+FFFF: write it as an alternative, (?:a|b)');
    }
    if (this.pattern[this.at - 1] !== '\\') return code;
    if (this.take('b')) return 8;
    return this.escapeValue();
  }

  private literal(unit: number): RegexNode {
    return this.set([unit, unit]);
  }

  private set(set: CharSet): RegexNode {
    return { kind: 'set', set: this.ignoresCase ? foldCase(set) : set };
  }

  private isQuantifier(at: number): boolean {
    return /^\{\d+,?\d*\}/.test(this.pattern.slice(at, at + 12));
  }

  private take(char: string): boolean {
    if (this.pattern[this.at] !== char) return false;
    this.at++;
    return true;
  }

  /** As far as any token reaches. */
  private rest(): string {
    return this.pattern.slice(this.at, this.at + 80);
  }

  private problem(text: string): RegexProblem {
    return new RegexProblem(`${text} (at character ${Math.min(this.at, this.pattern.length)})`);
  }
}
