/**
 * What workers show of themselves, in shared memory, where others can read it even if they answer nothing any more: each
 * has one place, and is the only one to write there.
 */

/** A cache line of its own for each worker: the words are written at every step of a chain. */
const WORDS = 16;
const BEAT = 0;
const PLUGIN = 1;
const CONNECTIONS = 2;

export class Board {
  private readonly words: Int32Array<SharedArrayBuffer>;

  static bytes(workers: number): number {
    return workers * WORDS * 4;
  }

  constructor(buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
  }

  /** The place of a worker, from 0. */
  place(index: number): Place {
    return new Place(this.words.subarray(index * WORDS, (index + 1) * WORDS));
  }
}

export class Place {
  private readonly words: Int32Array<SharedArrayBuffer>;

  constructor(words: Int32Array<SharedArrayBuffer>) {
    this.words = words;
  }

  /** For the next worker that gets this place. */
  clear(): void {
    this.words.fill(0);
  }

  /** The worker's loop goes round. */
  beat(connections: number): void {
    this.words[BEAT] = ((this.words[BEAT] ?? 0) + 1) | 0;
    this.words[CONNECTIONS] = connections;
  }

  get beats(): number {
    return Atomics.load(this.words, BEAT);
  }

  /** Client connections at the last beat. */
  get connections(): number {
    return Atomics.load(this.words, CONNECTIONS);
  }

  /** One word that names the plugin that runs: its number, from 1, in the list of plugins; 0 while none does. */
  get plugin(): Int32Array<SharedArrayBuffer> {
    return this.words.subarray(PLUGIN, PLUGIN + 1);
  }
}
