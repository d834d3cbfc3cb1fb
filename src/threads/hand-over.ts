/**
 * Control's side of a change: it goes to every worker in pieces that each takes when it is ready for more; only when all
 * have prepared it do all of them swap, and if one cannot, none does.
 */
import type { ChangedObject, FromFollower, Port, ToFollower } from './messages.ts';

/** Objects in one message. */
const MOST_OBJECTS = 200;
/** Characters in one message: what a worker parses in a fraction of a slice. */
const MOST_LENGTH = 131_072;

export interface Change {
  readonly revision: number;
  readonly objects: readonly ChangedObject[];
  /** Plugins that must not run. */
  readonly disabled: readonly string[];
}

export type Outcome = { readonly isInForce: true } | { readonly isInForce: false; readonly reason: string };

type Answer = FromFollower & { readonly type: 'more' | 'prepared' | 'failed' | 'swapped' };

/** One worker. */
class Member {
  readonly thread: number;
  readonly port: Port<FromFollower, ToFollower>;
  private onAnswer: ((answer: Answer | null) => void) | null = null;
  isGone = false;

  constructor(thread: number, port: Port<FromFollower, ToFollower>) {
    this.thread = thread;
    this.port = port;
  }

  take(answer: Answer): void {
    const { onAnswer } = this;
    this.onAnswer = null;
    onAnswer?.(answer);
  }

  leave(): void {
    this.isGone = true;
    this.onAnswer?.(null);
    this.onAnswer = null;
  }

  /** Sends, and waits for the answer. @returns null once the worker is gone */
  ask(message: ToFollower): Promise<Answer | null> {
    if (this.isGone) return Promise.resolve(null);
    return new Promise((resolve) => {
      this.onAnswer = resolve;
      this.port.post(message);
    });
  }

  /** @returns why it cannot, null if it could, or is gone */
  async prepare({ revision, objects, disabled }: Change): Promise<string | null> {
    for (const text of batches(objects)) await this.ask({ type: 'objects', text });
    const answer = await this.ask({ type: 'prepare', revision, disabled });
    return answer?.type === 'failed' ? answer.reason : null;
  }
}

export interface HandOverOptions {
  /** Everything that is in force, for a worker that begins. */
  readonly whole: () => Change;
  /** A worker told of its metrics. */
  readonly onMetrics: (thread: number, message: FromFollower & { readonly type: 'metrics' }) => void;
}

export class HandOver {
  private readonly options: HandOverOptions;
  private readonly members = new Map<number, Member>();
  /** Changes and newcomers, one after the other. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(options: HandOverOptions) {
    this.options = options;
  }

  /** Brings a new worker to what is in force; from then on it takes part in every change. */
  join(thread: number, port: Port<FromFollower, ToFollower>): Promise<Outcome> {
    const member = new Member(thread, port);
    port.receive((message) => {
      if (message.type === 'metrics') this.options.onMetrics(thread, message);
      else member.take(message);
    });
    port.onClose(() => this.leave(thread, member));
    this.members.set(thread, member);
    return this.queue(async () => {
      const outcome = await this.run(this.options.whole(), [member]);
      if (!outcome.isInForce) this.leave(thread, member);
      return outcome;
    });
  }

  /** Resolves when every worker has swapped, or none has. */
  apply(change: Change): Promise<Outcome> {
    return this.queue(() => this.run(change, [...this.members.values()]));
  }

  /** Waits no longer for a worker that answers no more. */
  exclude(thread: number): void {
    const member = this.members.get(thread);
    if (member !== undefined) this.leave(thread, member);
  }

  /** Asks a worker for its metrics. */
  collect(thread: number, id: number): void {
    this.members.get(thread)?.port.post({ type: 'collect', id });
  }

  private leave(thread: number, member: Member): void {
    if (this.members.get(thread) === member) this.members.delete(thread);
    member.leave();
    member.port.close();
  }

  private async run(change: Change, members: readonly Member[]): Promise<Outcome> {
    const { revision } = change;
    const failures = await Promise.all(members.map((member) => member.prepare(change)));
    const reason = failures.find((failure) => failure !== null) ?? null;
    if (reason !== null) {
      for (const { port } of members) port.post({ type: 'abort', revision });
      return { isInForce: false, reason };
    }
    await Promise.all(members.map((member) => member.ask({ type: 'swap', revision })));
    return { isInForce: true };
  }

  private queue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.last.then(work);
    this.last = result.catch(() => undefined);
    return result;
  }
}

/** JSON lists of pairs of key and object, null for one that is gone. */
function* batches(objects: readonly ChangedObject[]): Generator<string> {
  let pairs: string[] = [];
  let length = 0;
  for (const { key, text } of objects) {
    const pair = `[${JSON.stringify(key)},${text ?? 'null'}]`;
    if (pairs.length === MOST_OBJECTS || (length + pair.length > MOST_LENGTH && pairs.length > 0)) {
      yield `[${pairs.join(',')}]`;
      pairs = [];
      length = 0;
    }
    pairs.push(pair);
    length += pair.length;
  }
  if (pairs.length > 0) yield `[${pairs.join(',')}]`;
}
