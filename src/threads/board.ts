/**
 * What threads show of themselves, in shared memory, where main can read it even if they answer nothing any more: control and
 * each worker have one place, and each is the only one to write there.
 */
import { readlinkSync } from 'node:fs';

/** Two cache lines for each, since processors fetch them in pairs: the words are written at every step of a chain. */
const WORDS = 32;
const BEAT = 0;
const PLUGIN = 1;
const CONNECTIONS = 2;
const SYSTEM_ID = 3;
const SERVING = 4;
const REVISION = 5;

export class Board {
  private readonly words: Int32Array<SharedArrayBuffer>;

  static bytes(workers: number): number {
    return (workers + 1) * WORDS * 4;
  }

  constructor(buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
  }

  get control(): Place {
    return this.at(0);
  }

  /** The place of a worker, from 0. */
  place(index: number): Place {
    return this.at(index + 1);
  }

  /**
   * Whether the worker of this place, which has `own` client connections, may take one more while all together have `most` at
   * most; it counts at once. What others closed within their last beat still counts.
   */
  admits(index: number, own: number, most: number): boolean {
    const { words } = this;
    const mine = (index + 1) * WORDS + CONNECTIONS;
    // Before the look: of two workers that look at the same moment, neither overlooks the other.
    Atomics.store(words, mine, own + 1);
    let all = 0;
    for (let at = WORDS + CONNECTIONS; at < words.length; at += WORDS) all += Atomics.load(words, at);
    if (all <= most) return true;
    Atomics.store(words, mine, own);
    return false;
  }

  /** Whether any worker accepts connections. */
  get isServed(): boolean {
    for (let at = WORDS + SERVING; at < this.words.length; at += WORDS)
      if (Atomics.load(this.words, at) === 1) return true;
    return false;
  }

  private at(index: number): Place {
    return new Place(this.words.subarray(index * WORDS, (index + 1) * WORDS));
  }
}

export class Place {
  private readonly words: Int32Array<SharedArrayBuffer>;

  constructor(words: Int32Array<SharedArrayBuffer>) {
    this.words = words;
  }

  /** For the next thread that gets this place. The revision stays. */
  clear(): void {
    this.words.fill(0, 0, REVISION);
  }

  /** By the thread itself, once, when it begins. */
  arrive(): void {
    Atomics.store(this.words, SYSTEM_ID, systemId());
  }

  /** By a worker: whether it accepts connections. */
  serves(isServing: boolean): void {
    Atomics.store(this.words, SERVING, isServing ? 1 : 0);
  }

  /** The thread's loop goes round. */
  beat(connections = 0): void {
    this.words[BEAT] = ((this.words[BEAT] ?? 0) + 1) | 0;
    this.words[CONNECTIONS] = connections;
  }

  get beats(): number {
    return Atomics.load(this.words, BEAT);
  }

  /** Client connections at the last beat, or when one was admitted since. */
  get connections(): number {
    return Atomics.load(this.words, CONNECTIONS);
  }

  /** The number by which the system knows the thread; 0 where it does not tell. */
  get systemId(): number {
    return Atomics.load(this.words, SYSTEM_ID);
  }

  /** One word that names the plugin that runs: its number, from 1, in the list of plugins; 0 while none does. */
  get plugin(): Int32Array<SharedArrayBuffer> {
    return this.words.subarray(PLUGIN, PLUGIN + 1);
  }

  /** The highest that control has begun to hand over: it outlives the thread, so that no number is given twice. */
  get revision(): number {
    return Atomics.load(this.words, REVISION);
  }

  noteRevision(revision: number): void {
    Atomics.store(this.words, REVISION, revision);
  }
}

/** Of the calling thread. */
function systemId(): number {
  try {
    // Linux: `1234/task/1240`.
    return Number(readlinkSync('/proc/thread-self').split('/').at(-1));
  } catch {
    return 0;
  }
}
