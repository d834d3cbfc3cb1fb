/**
 * Shared records of keys, and overflow records for when there is no room: then all new keys of a space that ask for the
 * same share one. Under a flood of keys the known ones keep theirs, and the unknown ones are treated as one; none is
 * let through uncounted.
 */
import { RecordKey } from './record-key.ts';
import type { Digest, RecordSpace } from './record-key.ts';
import { NO_ROOM, SharedRecords } from './shared-records.ts';
import type { Change } from './shared-records.ts';

export interface BoundedSizes {
  /** Keys that have room for certain. */
  readonly keys: number;
  readonly overflow: number;
  /** Of each record, EXPIRES included. */
  readonly numbers: number;
}

export interface BoundedUse {
  /** Monotonic; the same for all threads of the process, give or take what reading it takes. */
  readonly now_ms: () => number;
  readonly digest: Digest;
  /** Of the thread: from 1 on; those of threads that live at the same time differ modulo 1023. Default 1. */
  readonly generation?: number;
  /** What to begin with: a key that is new here starts from a copy of what `base` has. It is never changed. */
  readonly base?: BoundedRecords;
}

/** Where a call belongs. */
export interface RecordPlace {
  readonly space: RecordSpace;
  /** Calls of a space with the same number share an overflow record. */
  readonly bucket: number;
}

export class BoundedRecords {
  readonly keys: SharedRecords;
  /** Calls of this thread that an overflow record decided, or the lack of one. */
  overflowCalls = 0;
  /** Whether the last update was made to an overflow record. */
  isInOverflow = false;
  readonly overflow: SharedRecords;
  private readonly key: RecordKey;
  private readonly base: BoundedRecords | null;
  private readonly now_ms: () => number;
  private latest_ms = -Infinity;

  static bytes({ keys, overflow, numbers }: BoundedSizes): number {
    return SharedRecords.bytes({ records: keys, numbers }) + SharedRecords.bytes({ records: overflow, numbers });
  }

  /**
   * Prepares memory, once, before any thread uses it.
   *
   * @param offset a multiple of 64
   * @param secret 8 random bytes: what keeps callers from choosing keys that meet
   */
  static prepare(memory: SharedArrayBuffer, offset: number, sizes: BoundedSizes, secret: Uint8Array): void {
    const { keys, overflow, numbers } = sizes;
    const behind = offset + SharedRecords.bytes({ records: keys, numbers });
    SharedRecords.prepare(memory, offset, { records: keys, numbers }, secret);
    SharedRecords.prepare(memory, behind, { records: overflow, numbers }, secret);
  }

  constructor(memory: SharedArrayBuffer, offset: number, use: BoundedUse) {
    const { digest, generation = 1, now_ms, base } = use;
    const behind = offset + SharedRecords.bytes(SharedRecords.sizes(memory, offset));
    const key = base?.key ?? new RecordKey(digest, ...SharedRecords.secret(memory, offset));
    const seeded = (records: SharedRecords | undefined) =>
      records === undefined ? {} : { seed: () => records.read() };
    this.keys = new SharedRecords(memory, offset, { key, generation, ...seeded(base?.keys) });
    this.overflow = new SharedRecords(memory, behind, { key, generation, ...seeded(base?.overflow) });
    this.key = key;
    this.now_ms = now_ms;
    this.base = base ?? null;
  }

  /** The space of a name. Keep it: it costs a digest. */
  space(name: string): RecordSpace {
    return this.key.spaceOf(name);
  }

  /** As `SharedRecords.update`. NO_ROOM if not even an overflow record is left; then nothing has happened. */
  update<A, R>(place: RecordPlace, key: string, change: Change<A, R>, argument: A): R | typeof NO_ROOM {
    const now_ms = this.now();
    const { base } = this;
    this.isInOverflow = false;
    this.key.set(place.space, key);
    if (base === null || this.keys.read() !== null || base.hasRoom(now_ms)) {
      const result = this.keys.update(change, argument, now_ms);
      if (result !== NO_ROOM) return result;
    }
    this.overflowCalls++;
    this.isInOverflow = true;
    this.key.setReserved(place.space, place.bucket);
    return this.overflow.update(change, argument, now_ms);
  }

  /** The numbers of a key, valid until the next call; null if it has none. */
  read(space: RecordSpace, key: string): Float64Array | null {
    this.key.set(space, key);
    return this.keys.read() ?? this.base?.keys.read() ?? null;
  }

  /** Never goes back in this thread: expired records would come to life. */
  now(): number {
    const now_ms = this.now_ms();
    if (now_ms > this.latest_ms) this.latest_ms = now_ms;
    return this.latest_ms;
  }

  sweep(count: number): void {
    this.keys.sweep(count, this.now());
  }

  /** Clears the locks that a thread held when it died: to be called once it has ended, from another thread. */
  releaseLocksOf(generation: number): void {
    this.keys.releaseLocksOf(generation);
    this.overflow.releaseLocksOf(generation);
  }

  /** Whether the present key has a record or could have one. */
  private hasRoom(now_ms: number): boolean {
    return this.keys.read() !== null || this.keys.hasRoom(now_ms);
  }
}
