/** Which answer the next request to a node gets. */
import { type Answer, type AnswerOrShort, scripted, type ScriptedAnswer } from './answer.ts';

/** A request as an upstream got it. */
export interface SeenRequest {
  /** As its script is named. */
  readonly node: string;
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** By lower-case name; the values of a repeated one are joined with `, `. */
  readonly headers: Readonly<Record<string, string>>;
  /** In their order, as written. */
  readonly rawHeaders: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
  /** The body as UTF-8. */
  readonly text: string;
  /** Since the gateway began. */
  readonly at_ms: number;
  /** A health check sent it. */
  readonly isProbe: boolean;
}

type AnswerFunction = (request: SeenRequest) => AnswerOrShort | Promise<AnswerOrShort>;

/** One answer for all requests, a list of them, or what makes one. */
export type Answers = AnswerOrShort | readonly AnswerOrShort[] | AnswerFunction;

/** `probe` is for health checks; without it, these get what a request would get next, and take nothing of it. */
export type NodeScript =
  | Answers
  | { readonly answers: Answers; readonly probe?: Answers }
  | (Answer & { readonly probe?: Answers });

interface Item {
  readonly answer: ScriptedAnswer;
  left: number;
  used: number;
  readonly place: string;
}

const NOT_FOUND = 'no answer of the script is left for it';

/** The answers of one node, some of them used up. */
export class AnswerQueue {
  private readonly items: readonly Item[];
  private readonly make: AnswerFunction | null;
  private readonly place: string;
  private readonly within: string;
  private made = 0;

  /** @param place of the script of the node @param within it */
  constructor(answers: Answers, node: string, within = '') {
    const place = node + within;
    this.place = place;
    this.within = within;
    this.make = typeof answers === 'function' ? answers : null;
    const list = typeof answers === 'function' ? [] : isList(answers) ? answers : [answers];
    if (isList(answers) && answers.length === 0) throw new TypeError(`${place}: an empty list is no script`);
    this.items = list.map((answer, index) => {
      const at = isList(answers) ? `${place}[${index}]` : place;
      const one = scripted(answer, at);
      const { times, when } = one.source;
      const isLasting = when !== undefined || index === list.length - 1;
      return {
        answer: one,
        left: typeof times === 'number' ? times : times === 'always' || isLasting ? Infinity : 1,
        used: 0,
        place: at,
      };
    });
  }

  /** What a new connection meets; takes it where the connection is not made. */
  connecting(isProbe: boolean): ScriptedAnswer['connect'] {
    const item = this.items.find(({ left, answer }) => left > 0 && answer.source.when === undefined);
    if (item === undefined || typeof item.answer.connect === 'number') return item?.answer.connect ?? 'now';
    if (item.answer.connect !== 'now' && !isProbe) use(item);
    return item.answer.connect;
  }

  /** Whether the next connection is going to fail: then nobody is listening, and idle connections end. */
  get isGone(): boolean {
    const item = this.items.find(({ left, answer }) => left > 0 && answer.source.when === undefined);
    return item?.answer.connect === 'refused' || item?.answer.connect === 'timeout';
  }

  /** Throws Error if there is none. */
  take(request: SeenRequest): ScriptedAnswer | Promise<ScriptedAnswer> {
    const { make, place } = this;
    if (make !== null) {
      const at = `${place}, answer ${++this.made}`;
      const made = make(request);
      return made instanceof Promise ? made.then((answer) => late(answer, at)) : late(made, at);
    }
    const item = this.items.find(({ left, answer }) => left > 0 && fits(answer, request));
    if (item === undefined) throw new Error(`${place}: ${request.method} ${request.target} came, and ${NOT_FOUND}`);
    if (!request.isProbe) use(item);
    return item.answer;
  }

  /** Takes the next answer if that does not wait for the rest of the request. */
  early(request: SeenRequest): ScriptedAnswer | null {
    const item = this.items.find(({ left, answer }) => left > 0 && fits(answer, request));
    if (item?.answer.source.early !== true) return null;
    use(item);
    return item.answer;
  }

  /** Answers that nobody got, as far as they are to be got. */
  unused(): Unused[] {
    const { items, make, within } = this;
    const isNever = make === null ? items.every(({ used }) => used === 0) : this.made === 0;
    if (isNever) return [{ within, reason: 'never called' }];
    return items.flatMap(({ used, left }, index) => {
      if (used === 0) return [{ within: `${within}[${index}]`, reason: 'never used' }];
      return left > 0 && left !== Infinity
        ? [{ within: `${within}[${index}]`, reason: `used ${used} of ${used + left} times` }]
        : [];
    });
  }
}

/** A script, or one answer of it, that nobody got. */
export interface Unused {
  /** Within the script of the node: '', `[2]`, `.probe`. */
  readonly within: string;
  readonly reason: string;
}

/** The function had the whole request: what concerns its head, or its connection, comes too late. */
function late(answer: AnswerOrShort, place: string): ScriptedAnswer {
  const made = scripted(answer, place);
  for (const name of ['connect', 'early', 'times', 'when'] as const) {
    if (made.source[name] !== undefined)
      throw new TypeError(`${place}: ${name} has no effect in what a function answers`);
  }
  return made;
}

function use(item: Item): void {
  item.left--;
  item.used++;
}

function fits({ source: { when } }: ScriptedAnswer, { method, target }: SeenRequest): boolean {
  if (when === undefined) return true;
  const [path = ''] = target.split('?');
  const { path: pattern } = when;
  const isPath =
    pattern === undefined || (pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern);
  return isPath && (when.method === undefined || when.method === method);
}

export function isList(answers: NodeScript): answers is readonly AnswerOrShort[] {
  return Array.isArray(answers);
}
