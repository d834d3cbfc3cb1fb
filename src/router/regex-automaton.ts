/**
 * Does a text contain a match? A deterministic automaton whose states are made as texts need them: one table look-up per
 * character, and a state is at most all instructions, so the time is linear in the text whatever the pattern.
 */
import type { RegexProgram } from './regex-program.ts';
import { ASSERTIONS, OP_ASSERT, OP_FORK, OP_JUMP, OP_MATCH, OP_SAVE, OP_SET } from './regex-program.ts';

const UNKNOWN = 0;
const DEAD = 1;
const MATCHED = 2;
const FIRST_STATE = 3;

/** Beyond them the table is begun anew, so that texts cannot make it grow without bound. */
const MAX_STATES = 256;
const MAX_CELLS = 65_536;

const START = ASSERTIONS.indexOf('start');

export class RegexAutomaton {
  private readonly program: RegexProgram;
  private readonly size: number;
  private readonly capacity: number;
  /** By state times alphabet size plus letter: the next state, or UNKNOWN. */
  private table: Uint16Array;
  /** Instructions of each state, ascending: sets, a match, and `$` still to be decided. */
  private states: Uint16Array[] = [];
  /** Of each state, whether a text that ends in it matches. */
  private endings: boolean[] = [];
  private numbers = new Map<string, number>();
  private readonly marks: Uint8Array;
  private initial = UNKNOWN;

  /** For programs that do not look around. */
  constructor(program: RegexProgram) {
    this.program = program;
    this.size = program.alphabet.size;
    this.capacity = Math.max(16, Math.min(MAX_STATES, Math.floor(MAX_CELLS / this.size)));
    this.table = new Uint16Array(0);
    this.marks = new Uint8Array(program.op.length);
  }

  test(text: string): boolean {
    const { alphabet } = this.program;
    const { size } = this;
    if (this.initial === UNKNOWN) this.initial = this.stateOf(this.closure([0], true));
    let state = this.initial;
    if (state < FIRST_STATE) return state === MATCHED;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      const letter = unit < 128 ? alphabet.ascii[unit] : alphabet.letter(unit);
      const known = this.table[state * size + letter];
      state = known === UNKNOWN ? this.step(state, letter) : known;
      if (state < FIRST_STATE) return state === MATCHED;
    }
    return text === '' ? this.matchesAtEnd(this.states[state], true) : this.endings[state];
  }

  private step(state: number, letter: number): number {
    const { op, x, members } = this.program;
    const reached: number[] = [];
    for (const pc of this.states[state]) {
      if (op[pc] === OP_SET && members[x[pc] * this.size + letter] === 1) reached.push(pc + 1);
    }
    // A match may begin anywhere: the search for one begins anew at each character.
    reached.push(0);
    const before = this.states;
    const next = this.stateOf(this.closure(reached, false));
    if (this.states === before) this.table[state * this.size + letter] = next;
    return next;
  }

  /** The number of the state with these instructions. */
  private stateOf(instructions: Uint16Array): number {
    const { op } = this.program;
    if (instructions.length === 0) return DEAD;
    if (instructions.some((pc) => op[pc] === OP_MATCH)) return MATCHED;
    const key = String.fromCharCode(...instructions);
    const known = this.numbers.get(key);
    if (known !== undefined) return known;
    if (this.states.length === 0 || this.states.length >= this.capacity) this.clear();
    const state = this.states.push(instructions) - 1;
    this.endings[state] = this.matchesAtEnd(instructions, false);
    this.numbers.set(key, state);
    if (this.table.length < this.states.length * this.size) {
      const grown = new Uint16Array(Math.min(this.capacity, this.states.length * 2) * this.size);
      grown.set(this.table);
      this.table = grown;
    }
    return state;
  }

  private clear(): void {
    const nothing = new Uint16Array(0);
    this.states = [nothing, nothing, nothing];
    this.numbers = new Map();
    this.table.fill(UNKNOWN);
    this.initial = UNKNOWN;
  }

  /** What can be reached from `pcs` without reading on; `^` holds only at the start of the text. */
  private closure(pcs: readonly number[], isStart: boolean): Uint16Array {
    const { op, x, y } = this.program;
    const { marks } = this;
    marks.fill(0);
    const pending = [...pcs];
    const kept: number[] = [];
    for (let pc = pending.pop(); pc !== undefined; pc = pending.pop()) {
      if (marks[pc] === 1) continue;
      marks[pc] = 1;
      if (op[pc] === OP_FORK) pending.push(x[pc], y[pc]);
      else if (op[pc] === OP_JUMP) pending.push(x[pc]);
      else if (op[pc] === OP_SAVE) pending.push(pc + 1);
      else if (op[pc] !== OP_ASSERT) kept.push(pc);
      else if (x[pc] !== START) kept.push(pc);
      else if (isStart) pending.push(pc + 1);
    }
    return Uint16Array.from(kept).sort();
  }

  private matchesAtEnd(instructions: Uint16Array, isStart: boolean): boolean {
    const { op, x, y } = this.program;
    const pending = [...instructions].filter((pc) => op[pc] === OP_ASSERT);
    const seen = new Set<number>();
    for (let pc = pending.pop(); pc !== undefined; pc = pending.pop()) {
      if (seen.has(pc)) continue;
      seen.add(pc);
      if (op[pc] === OP_MATCH) return true;
      if (op[pc] === OP_FORK) pending.push(x[pc], y[pc]);
      else if (op[pc] === OP_JUMP) pending.push(x[pc]);
      else if (op[pc] === OP_SAVE) pending.push(pc + 1);
      else if (op[pc] === OP_ASSERT && (isStart || x[pc] !== START)) pending.push(pc + 1);
    }
    return false;
  }
}
