/**
 * Where does a text match, and what do the groups hold? All ways through the program are followed at once, in the order in
 * which a backtracking engine would try them (Pike's algorithm): the same answer, in time linear in the text.
 */
import { includes, WORD } from './char-set.ts';
import type { RegexProgram } from './regex-program.ts';
import { ASSERTIONS, OP_ASSERT, OP_FORK, OP_JUMP, OP_MATCH, OP_SAVE, OP_SET } from './regex-program.ts';

/** A place in the program and what was saved on the way there: start and end of each group, -1 if unset. */
interface Thread {
  readonly pc: number;
  readonly saved: readonly number[];
}

/** @returns start and end of the leftmost match and of each group, -1 for a group without part in it; null if none */
export function searchThreads(program: RegexProgram, text: string, from: number): readonly number[] | null {
  const { alphabet, members } = program;
  const none: readonly number[] = Array.from({ length: 2 * program.groups + 2 }, () => -1);
  let threads: Thread[] = [];
  let found: readonly number[] | null = null;
  for (let at = from; at <= text.length; at++) {
    const list = new ThreadList(program, text, at);
    for (const thread of threads) list.add(thread);
    if (found === null && !list.isCut) list.add({ pc: 0, saved: none });
    if (list.match !== null) found = list.match;
    if (found !== null && list.waiting.length === 0) break;
    if (at === text.length) break;
    const letter = alphabet.letter(text.charCodeAt(at));
    threads = [];
    for (const { pc, saved } of list.waiting) {
      if (members[program.x[pc] * alphabet.size + letter] === 1) threads.push({ pc: pc + 1, saved });
    }
  }
  return found;
}

/** The threads at one position of the text. */
class ThreadList {
  /** At sets, in order of preference. */
  readonly waiting: Thread[] = [];
  /** Of the preferred thread that is through. */
  match: readonly number[] | null = null;
  private readonly program: RegexProgram;
  private readonly text: string;
  private readonly at: number;
  private readonly seen: Uint8Array;

  constructor(program: RegexProgram, text: string, at: number) {
    this.program = program;
    this.text = text;
    this.at = at;
    this.seen = new Uint8Array(program.op.length);
  }

  /** True once a thread is through: whatever would come after it is not preferred. */
  get isCut(): boolean {
    return this.match !== null;
  }

  add(thread: Thread): void {
    const { op, x, y } = this.program;
    const pending = [thread];
    for (let next = pending.pop(); next !== undefined && !this.isCut; next = pending.pop()) {
      const { pc, saved } = next;
      if (this.seen[pc] === 1) continue;
      this.seen[pc] = 1;
      if (op[pc] === OP_SET) this.waiting.push(next);
      else if (op[pc] === OP_MATCH) this.match = saved;
      else if (op[pc] === OP_JUMP) pending.push({ pc: x[pc], saved });
      else if (op[pc] === OP_FORK) pending.push({ pc: y[pc], saved }, { pc: x[pc], saved });
      else if (op[pc] === OP_SAVE) pending.push({ pc: pc + 1, saved: saved.with(x[pc], this.at) });
      else if (op[pc] === OP_ASSERT && this.holds(x[pc])) pending.push({ pc: pc + 1, saved });
    }
  }

  private holds(assertion: number): boolean {
    const { text, at } = this;
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
}

function isWord(text: string, at: number): boolean {
  return at >= 0 && at < text.length && includes(WORD, text.charCodeAt(at));
}
