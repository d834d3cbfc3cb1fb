/**
 * Control's side of a change: it goes to every worker in pieces that each takes when it is ready for more; only when all
 * have prepared it do all of them swap, and if one cannot, none does.
 */
import type { CheckedObject } from '../compile/checked.ts';
import { batches, objectsIn } from './changed-objects.ts';
import type { ChangedObject, FromFollower, Port, ToFollower } from './messages.ts';

/** A restarted control asks those that answer within this time what is in force. */
const GREET_MS = 2_000;

export interface Change {
  readonly revision: number;
  readonly objects: readonly ChangedObject[];
  /** Plugins that must not run. */
  readonly disabled: readonly string[];
}

export type Outcome = { readonly isInForce: true } | { readonly isInForce: false; readonly reason: string };

/** What is in force, as a worker has it. */
export interface InForce {
  readonly revision: number;
  readonly objects: readonly CheckedObject[];
}

/** One worker. */
class Member {
  readonly thread: number;
  readonly port: Port<FromFollower, ToFollower>;
  /** What is in force there; null until it has said so. */
  revision: number | null = null;
  private onAnswer: ((answer: FromFollower | null) => void) | null = null;
  isGone = false;
  /** Whether it takes part in changes. */
  hasJoined = false;

  /** It has said what is in force there, or is gone. */
  readonly greeted: Promise<void>;

  constructor(thread: number, port: Port<FromFollower, ToFollower>) {
    this.thread = thread;
    this.port = port;
    port.receive((message) => this.take(message));
    this.greeted = this.greet();
  }

  private take(answer: FromFollower): void {
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
  ask(message: ToFollower): Promise<FromFollower | null> {
    if (this.isGone) return Promise.resolve(null);
    return new Promise((resolve) => {
      this.onAnswer = resolve;
      this.port.post(message);
    });
  }

  async swap(revision: number): Promise<void> {
    const answer = await this.ask({ type: 'swap', revision });
    if (answer?.type === 'swapped') this.revision = revision;
  }

  private async greet(): Promise<void> {
    const answer = await this.ask({ type: 'greet' });
    if (answer?.type === 'at') this.revision = answer.revision;
  }

  /** Everything that is in force there; null if it is gone before it has told it. */
  async tell(): Promise<CheckedObject[] | null> {
    const objects: CheckedObject[] = [];
    for (;;) {
      const answer = await this.ask({ type: 'tell' });
      if (answer?.type !== 'told') return null;
      if (answer.text === '') return objects;
      for (const object of objectsIn(answer.text)) objects.push(object);
    }
  }

  /** @returns why it cannot, null if it could, or is gone */
  async prepare({ revision, objects, disabled }: Change, isWhole: boolean): Promise<string | null> {
    for (const text of batches(objects)) await this.ask({ type: 'objects', text });
    const answer = await this.ask({ type: 'prepare', revision, disabled, isWhole });
    return answer?.type === 'failed' ? answer.reason : null;
  }
}

export class HandOver {
  private readonly whole: () => Change;
  private readonly members = new Map<number, Member>();
  /** Changes and newcomers, one after the other. */
  private last: Promise<unknown>;
  private readonly recovered = Promise.withResolvers<void>();

  /**
   * @param whole everything that is in force, for a worker that has something else or nothing
   * @param isRecovering whether nothing is handed over before `recover`
   */
  constructor(whole: () => Change, isRecovering = false) {
    this.whole = whole;
    this.last = isRecovering ? this.recovered.promise : Promise.resolve();
  }

  /** Brings a worker to what is in force, unless it is there; from then on it takes part in every change. */
  join(thread: number, port: Port<FromFollower, ToFollower>): Promise<Outcome> {
    const member = new Member(thread, port);
    port.onClose(() => this.leave(thread, member));
    this.members.set(thread, member);
    return this.queue(async () => {
      await member.greeted;
      member.hasJoined = true;
      const whole = this.whole();
      if (member.revision === whole.revision) return { isInForce: true };
      const outcome = await this.run(whole, [member], true);
      if (!outcome.isInForce) this.leave(thread, member);
      return outcome;
    });
  }

  /**
   * Finds out what is in force from the workers that are there: the newest of it, should a change have been under way.
   * @param take called with that, null if nothing is in force; then the workers are brought to what `whole` gives
   * @param delay resolves after so many milliseconds
   */
  async recover(take: (inForce: InForce | null) => void, delay: (delay_ms: number) => Promise<void>): Promise<void> {
    try {
      take(await this.newest(delay));
    } finally {
      this.recovered.resolve();
    }
  }

  private async newest(delay: (delay_ms: number) => Promise<void>): Promise<InForce | null> {
    const members = [...this.members.values()];
    const greetings = members.map(({ greeted }) => greeted);
    // One that hangs is left out; if all of them do, the first that goes on is enough.
    await Promise.race([Promise.all(greetings), delay(GREET_MS)]);
    if (members.length > 0) await Promise.race(greetings);
    const byAge = members.toSorted((one, other) => (other.revision ?? 0) - (one.revision ?? 0));
    for (const member of byAge) {
      const { revision } = member;
      if (revision === null || revision === 0) return null;
      const objects = await member.tell();
      if (objects !== null) return { revision, objects };
    }
    return null;
  }

  /** Resolves when every worker has swapped, or none has. */
  apply(change: Change): Promise<Outcome> {
    return this.queue(() =>
      this.run(
        change,
        [...this.members.values()].filter(({ hasJoined }) => hasJoined),
        false,
      ),
    );
  }

  /** Waits no longer for a worker that answers no more. */
  exclude(thread: number): void {
    const member = this.members.get(thread);
    if (member !== undefined) this.leave(thread, member);
  }

  private leave(thread: number, member: Member): void {
    if (this.members.get(thread) === member) this.members.delete(thread);
    member.leave();
    member.port.close();
  }

  private async run(change: Change, members: readonly Member[], isWhole: boolean): Promise<Outcome> {
    const { revision } = change;
    const failures = await Promise.all(members.map((member) => member.prepare(change, isWhole)));
    const reason = failures.find((failure) => failure !== null) ?? null;
    if (reason !== null) {
      for (const { port } of members) port.post({ type: 'abort', revision });
      return { isInForce: false, reason };
    }
    await Promise.all(members.map((member) => member.swap(revision)));
    return { isInForce: true };
  }

  private queue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.last.then(work);
    this.last = result.catch(() => undefined);
    return result;
  }
}
