/** What names resolve to, as one thread knows it. Main asks the DNS; every thread keeps its answers. */
import type { NameQuery } from '../compile/snapshot.ts';

export interface ResolvedAddress {
  readonly address: string;
  /** 0: the record names none. */
  readonly port: number;
  readonly weight: number;
  /** Higher ones first, as in nodes. */
  readonly priority: number;
}

/** Without addresses: there is no such name, or nobody could be asked, and never could. */
export type NameAnswer = readonly ResolvedAddress[];

export interface ToldAnswer {
  readonly query: NameQuery;
  /** null: nobody asks for it any more, and what is known of it will get old. */
  readonly answer: NameAnswer | null;
}

/** Equal for equal queries. */
export function keyOf({ kind, name }: NameQuery): string {
  return `${kind} ${name}`;
}

export class NameAnswers {
  private readonly answers = new Map<string, NameAnswer>();
  private readonly ask: (queries: readonly NameQuery[]) => void;
  private readonly asked = new Set<string>();
  private readonly waiting = new Set<() => void>();
  /** Grows with every change. */
  version = 0;

  /** @param ask called once for each query that nobody has told the answer of, when it is first needed */
  constructor(ask: (queries: readonly NameQuery[]) => void) {
    this.ask = ask;
  }

  /** Undefined: not known yet, and asked for. */
  get(query: NameQuery): NameAnswer | undefined {
    const key = keyOf(query);
    const answer = this.answers.get(key);
    if (answer === undefined && !this.asked.has(key)) {
      this.asked.add(key);
      this.ask([query]);
    }
    return answer;
  }

  tell(told: readonly ToldAnswer[]): void {
    for (const { query, answer } of told) {
      const key = keyOf(query);
      this.asked.delete(key);
      if (answer === null) this.answers.delete(key);
      else this.answers.set(key, answer);
    }
    this.version++;
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const go of waiting) go();
  }

  /** Calls back once, at the next change. @returns takes the call back */
  onChange(callback: () => void): () => void {
    this.waiting.add(callback);
    return () => this.waiting.delete(callback);
  }
}
