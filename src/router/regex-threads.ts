/**
 * Where does a text match, and what do the groups hold? All ways through the program are followed at once, in the order in
 * which a backtracking engine would try them (Pike's algorithm): the same answer, in time linear in the text.
 */
import { includes, WORD } from './char-set.ts';
import type { RegexProgram } from './regex-program.ts';
import { ASSERTIONS, OP_ASSERT, OP_FORK, OP_JUMP, OP_MATCH, OP_SAVE, OP_SET } from './regex-program.ts';

/** The ways that are followed at one position, the preferred one first. Each waits for a character. */
interface Threads {
  count: number;
  readonly pcs: Int32Array;
  /** What each has saved on its way: `width` entries a thread. */
  readonly saved: Int32Array;
}

export class RegexThreads {
  private readonly program: RegexProgram;
  /** Start and end of the whole match and of each group. */
  private readonly width: number;
  private readonly lists: readonly [Threads, Threads];
  /** Of each instruction the last position at which it was reached: who comes later is not preferred. */
  private readonly reached: Int32Array;
  /** Instructions still to go on at, the next one last. `~slot` says that the slot gets back the entry below. */
  private readonly pending: number[] = [];
  /** What the thread that is being followed has saved. */
  private readonly slots: Int32Array;
  private readonly match: Int32Array;
  private hasMatch = false;
  /** Whether a match can begin at the start of the text alone. */
  private readonly isAnchored: boolean;

  constructor(program: RegexProgram) {
    const { length } = program.op;
    const width = 2 * program.groups + 2;
    const list = (): Threads => ({ count: 0, pcs: new Int32Array(length), saved: new Int32Array(length * width) });
    this.program = program;
    this.width = width;
    this.lists = [list(), list()];
    this.reached = new Int32Array(length);
    this.slots = new Int32Array(width);
    this.match = new Int32Array(width);
    this.isAnchored = program.op[1] === OP_ASSERT && ASSERTIONS[program.x[1]] === 'start';
  }

  /**
   * Start and end of the leftmost match from `from` on and of each group, -1 for a group without part in it; null if there is
   * none. Valid until the next search.
   */
  search(text: string, from: number): Readonly<Int32Array> | null {
    const { alphabet, members, x } = this.program;
    const { slots, width } = this;
    let [list, next] = this.lists;
    this.hasMatch = false;
    this.reached.fill(-1);
    list.count = 0;
    for (let at = from; ; at++) {
      const mayBegin = !this.hasMatch && (at === 0 || !this.isAnchored);
      if (mayBegin) {
        for (let slot = 0; slot < width; slot++) slots[slot] = -1;
        this.follow(0, list, text, at);
      }
      if (at >= text.length || (list.count === 0 && (this.hasMatch || this.isAnchored))) break;
      const letter = alphabet.letter(text.charCodeAt(at));
      next.count = 0;
      for (let i = 0; i < list.count; i++) {
        const pc = list.pcs[i];
        if (members[x[pc] * alphabet.size + letter] === 0) continue;
        for (let slot = 0; slot < width; slot++) slots[slot] = list.saved[i * width + slot];
        if (this.follow(pc + 1, next, text, at + 1)) break;
      }
      [list, next] = [next, list];
    }
    return this.hasMatch ? this.match : null;
  }

  /**
   * Follows a thread as far as it gets without a character: `list` gets those that then wait for one.
   * @returns true if it is through, so that no later thread is preferred
   */
  private follow(start: number, list: Threads, text: string, at: number): boolean {
    const { op, x, y } = this.program;
    const { pending, slots, reached } = this;
    pending.push(start);
    for (let pc = pending.pop(); pc !== undefined; pc = pending.pop()) {
      if (pc < 0) {
        slots[~pc] = pending.pop() as number;
        continue;
      }
      if (reached[pc] === at) continue;
      reached[pc] = at;
      if (op[pc] === OP_SET) this.wait(pc, list);
      else if (op[pc] === OP_FORK) pending.push(y[pc], x[pc]);
      else if (op[pc] === OP_JUMP) pending.push(x[pc]);
      else if (op[pc] === OP_SAVE) {
        pending.push(slots[x[pc]], ~x[pc], pc + 1);
        slots[x[pc]] = at;
      } else if (op[pc] === OP_ASSERT) {
        if (holds(x[pc], text, at)) pending.push(pc + 1);
      } else if (op[pc] === OP_MATCH) {
        // Loops: for a few entries the methods of typed arrays cost ten times as much.
        for (let slot = 0; slot < this.width; slot++) this.match[slot] = slots[slot];
        this.hasMatch = true;
        pending.length = 0;
        return true;
      }
    }
    return false;
  }

  private wait(pc: number, list: Threads): void {
    const { slots, width } = this;
    for (let slot = 0; slot < width; slot++) list.saved[list.count * width + slot] = slots[slot];
    list.pcs[list.count++] = pc;
  }
}

function holds(assertion: number, text: string, at: number): boolean {
  switch (ASSERTIONS[assertion]) {
    case 'start':
      return at === 0;
    case 'end':
      return at === text.length;
    case 'boundary':
      return isWord(text, at - 1) !== isWord(text, at);
    case 'inside':
      return isWord(text, at - 1) === isWord(text, at);
  }
}

function isWord(text: string, at: number): boolean {
  return at >= 0 && at < text.length && includes(WORD, text.charCodeAt(at));
}
