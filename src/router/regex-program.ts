/** A parsed regular expression as instructions of a nondeterministic automaton (Thompson's construction). */
import type { CharSet } from './char-set.ts';
import { includes, LAST_UNIT } from './char-set.ts';
import type { Assertion, RegexNode, RegexSyntax } from './regex-syntax.ts';
import { RegexProblem } from './regex-syntax.ts';

export const OP_SET = 0;
/** Goes on at both `x` and `y`, preferring `x`. */
export const OP_FORK = 1;
export const OP_JUMP = 2;
export const OP_SAVE = 3;
export const OP_ASSERT = 4;
export const OP_MATCH = 5;

export const ASSERTIONS: readonly Assertion[] = ['start', 'end', 'boundary', 'inside'];

export interface RegexProgram {
  readonly op: Uint8Array;
  /** Set: its number. Fork, jump: where to. Save: its slot. Assert: its index in ASSERTIONS. */
  readonly x: Int32Array;
  readonly y: Int32Array;
  readonly groups: number;
  readonly names: ReadonlyMap<string, number>;
  readonly alphabet: Alphabet;
  /** By set number times `alphabet.size` plus letter: 1 if the set holds the units of that letter. */
  readonly members: Uint8Array;
  /** Whether a word boundary is asserted: what comes next then decides what holds now. */
  readonly looksAround: boolean;
}

/** Units that no set of the program tells apart are one letter. */
export interface Alphabet {
  readonly size: number;
  /** The letters of the units below 128. */
  readonly ascii: Uint16Array;
  letter(unit: number): number;
}

/** A counted repetition of a repetition multiplies: the bound keeps time and memory in proportion to the text. */
const MAX_INSTRUCTIONS = 3000;

/** @throws {RegexProblem} if the program would be too large */
export function compileProgram(syntax: RegexSyntax): RegexProgram {
  const code = new Code();
  code.add(OP_SAVE, 0);
  code.node(syntax.root);
  code.add(OP_SAVE, 1);
  code.add(OP_MATCH, 0);
  const sets = code.sets;
  const alphabet = alphabetOf(sets);
  const members = new Uint8Array(sets.length * alphabet.size);
  for (const [i, set] of sets.entries()) {
    for (const [letter, unit] of alphabet.firsts.entries()) {
      if (includes(set, unit)) members[i * alphabet.size + letter] = 1;
    }
  }
  return {
    op: Uint8Array.from(code.ops),
    x: Int32Array.from(code.xs),
    y: Int32Array.from(code.ys),
    groups: syntax.groups,
    names: syntax.names,
    alphabet,
    members,
    looksAround: code.looksAround,
  };
}

class Code {
  readonly ops: number[] = [];
  readonly xs: number[] = [];
  readonly ys: number[] = [];
  readonly sets: CharSet[] = [];
  looksAround = false;
  private readonly numbers = new Map<string, number>();

  add(op: number, x: number, y = 0): number {
    if (this.ops.length >= MAX_INSTRUCTIONS) {
      throw new RegexProblem(`the pattern needs more than ${MAX_INSTRUCTIONS} steps: lower its counted repetitions`);
    }
    this.ops.push(op);
    this.xs.push(x);
    this.ys.push(y);
    return this.ops.length - 1;
  }

  node(node: RegexNode): void {
    switch (node.kind) {
      case 'set':
        this.add(OP_SET, this.numberOf(node.set));
        break;
      case 'sequence':
        for (const part of node.parts) this.node(part);
        break;
      case 'choice':
        this.choice(node.options);
        break;
      case 'repeat':
        this.repeat(node);
        break;
      case 'group':
        this.add(OP_SAVE, 2 * node.index);
        this.node(node.body);
        this.add(OP_SAVE, 2 * node.index + 1);
        break;
      case 'assertion':
        if (node.holds === 'boundary' || node.holds === 'inside') this.looksAround = true;
        this.add(OP_ASSERT, ASSERTIONS.indexOf(node.holds));
        break;
    }
  }

  private choice(options: readonly RegexNode[]): void {
    const jumps: number[] = [];
    for (const [i, option] of options.entries()) {
      if (i === options.length - 1) {
        this.node(option);
        break;
      }
      const fork = this.add(OP_FORK, this.ops.length + 1);
      this.node(option);
      jumps.push(this.add(OP_JUMP, 0));
      this.ys[fork] = this.ops.length;
    }
    for (const jump of jumps) this.xs[jump] = this.ops.length;
  }

  private repeat({ body, min, max, isLazy }: RegexNode & { kind: 'repeat' }): void {
    for (let i = 0; i < min; i++) this.node(body);
    if (max === Number.POSITIVE_INFINITY) {
      const fork = this.fork(isLazy);
      this.node(body);
      this.add(OP_JUMP, fork);
      this.leave(fork, isLazy);
      return;
    }
    const forks: number[] = [];
    for (let i = min; i < max; i++) {
      forks.push(this.fork(isLazy));
      this.node(body);
    }
    for (const fork of forks) this.leave(fork, isLazy);
  }

  /** One way leads to the next instruction; `leave` sets the other. */
  private fork(isLazy: boolean): number {
    const next = this.ops.length + 1;
    return isLazy ? this.add(OP_FORK, 0, next) : this.add(OP_FORK, next, 0);
  }

  private leave(fork: number, isLazy: boolean): void {
    (isLazy ? this.xs : this.ys)[fork] = this.ops.length;
  }

  private numberOf(set: CharSet): number {
    const key = set.join();
    const known = this.numbers.get(key);
    if (known !== undefined) return known;
    this.numbers.set(key, this.sets.length);
    return this.sets.push(set) - 1;
  }
}

function alphabetOf(sets: readonly CharSet[]): Alphabet & { readonly firsts: readonly number[] } {
  const borders = new Set([0]);
  for (const set of sets) {
    for (let i = 0; i < set.length; i += 2) {
      borders.add(set[i]);
      if (set[i + 1] < LAST_UNIT) borders.add(set[i + 1] + 1);
    }
  }
  const firsts = [...borders].sort((a, b) => a - b);
  const search = (unit: number): number => {
    let low = 0;
    let high = firsts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (firsts[middle] <= unit) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  };
  const ascii = new Uint16Array(128);
  for (const [letter, first] of firsts.entries()) if (first < 128) ascii.fill(letter, first);
  return { size: firsts.length, firsts, ascii, letter: (unit) => (unit < 128 ? ascii[unit] : search(unit)) };
}
