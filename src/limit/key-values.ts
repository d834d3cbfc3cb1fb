/**
 * Small values with a life span that all threads share, in bounded memory: some segments, each a ring of entries behind
 * one lock. What was set longest ago goes first; what is asked for while it is old counts as set anew. Values may go at
 * any time: a segment in which a thread died while changing it is emptied.
 */
import type { KeyValues } from '../sdk/host.ts';
import { RecordKey } from './record-key.ts';
import type { Digest, RecordSpace } from './record-key.ts';
import { RingSegment } from './ring-segment.ts';

export interface KeyValueSizes {
  /** Of keys and values together, each entry's own cost of some 100 bytes included. Default 32 MiB. */
  readonly max_bytes?: number;
}

export interface KeyValueUse {
  /** Monotonic; the same for all threads. */
  readonly now_ms: () => number;
  readonly digest: Digest;
  /** Of the thread, from 1 on. Default 1. */
  readonly generation?: number;
}

const MAX_BYTES = 32 * 1024 * 1024;
const SEGMENTS = 16;
const HEADER_WORDS = 16;

export class KeyValueTable {
  /** A longer value, in UTF-16, is not kept: it would push out thousands. */
  readonly maxValue_bytes: number;
  private readonly segments: readonly RingSegment[];
  private readonly key: RecordKey;
  private readonly now_ms: () => number;

  /** Memory for a table, to be given to all threads. `secret` is 8 random bytes. */
  static allocate({ max_bytes = MAX_BYTES }: KeyValueSizes, secret: Uint8Array): SharedArrayBuffer {
    const segment = Math.max(4096, Math.ceil(max_bytes / SEGMENTS / 64) * 64);
    const memory = new SharedArrayBuffer(HEADER_WORDS * 4 + SEGMENTS * RingSegment.bytes(segment));
    new Uint8Array(memory, 0, 8).set(secret.subarray(0, 8));
    new Int32Array(memory, 8, 1)[0] = segment;
    return memory;
  }

  constructor(memory: SharedArrayBuffer, { now_ms, digest, generation = 1 }: KeyValueUse) {
    const [low = 0, high = 0, bytes = 0] = new Int32Array(memory, 0, 3);
    this.key = new RecordKey(digest, low, high);
    this.now_ms = now_ms;
    this.maxValue_bytes = Math.floor(bytes / 16);
    this.segments = Array.from({ length: SEGMENTS }, (_, at) => {
      const offset = HEADER_WORDS * 4 + at * RingSegment.bytes(bytes);
      return new RingSegment(memory, offset, bytes, { key: this.key, generation });
    });
  }

  /** Values that are kept, and those whose time is up but which nobody has asked for. */
  get size(): number {
    return this.segments.reduce((sum, { count }) => sum + count, 0);
  }

  get bytes(): number {
    return this.segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  space(name: string): RecordSpace {
    return this.key.spaceOf(name);
  }

  get(space: RecordSpace, key: string): string | undefined {
    return this.segmentOf(space, key).get(this.now_ms(), true);
  }

  /** As `get`, without counting as a use. */
  peek(space: RecordSpace, key: string): string | undefined {
    return this.segmentOf(space, key).get(this.now_ms(), false);
  }

  set(space: RecordSpace, key: string, value: string, ttl_ms: number): void {
    if (!(ttl_ms >= 0)) {
      throw new RangeError(`ttl_ms ${ttl_ms} is no time: 0 keeps the value until it is deleted or evicted`);
    }
    const segment = this.segmentOf(space, key);
    if (value.length * 2 > this.maxValue_bytes) return segment.delete();
    segment.set(value, ttl_ms === 0 ? Infinity : this.now_ms() + ttl_ms);
  }

  delete(space: RecordSpace, key: string): void {
    this.segmentOf(space, key).delete();
  }

  /** To be called once a thread has ended, from another one. */
  releaseLocksOf(generation: number): void {
    for (const segment of this.segments) segment.releaseLockOf(generation);
  }

  private segmentOf(space: RecordSpace, key: string): RingSegment {
    this.key.set(space, key);
    return this.segments[this.key.high & (SEGMENTS - 1)]!;
  }
}

/** The values of one space. */
export class SpaceValues implements KeyValues {
  private readonly table: KeyValueTable;
  private readonly space: RecordSpace;

  constructor(table: KeyValueTable, name: string) {
    this.table = table;
    this.space = table.space(name);
  }

  get(key: string): string | undefined {
    return this.table.get(this.space, key);
  }

  peek(key: string): string | undefined {
    return this.table.peek(this.space, key);
  }

  set(key: string, value: string, ttl_ms: number): void {
    this.table.set(this.space, key, value, ttl_ms);
  }

  delete(key: string): void {
    this.table.delete(this.space, key);
  }
}

/** Values on top of others that it reads and never changes. */
export class OverlayValues implements KeyValues {
  private readonly base: SpaceValues;
  /** A letter before each value tells it from the mark of a deleted key. */
  private readonly own: SpaceValues;

  constructor(base: SpaceValues, own: SpaceValues) {
    this.base = base;
    this.own = own;
  }

  get(key: string): string | undefined {
    const own = this.own.get(key);
    if (own === undefined) return this.base.peek(key);
    return own === DELETED ? undefined : own.slice(1);
  }

  /** @param ttl_ms after it, what the base has shows again */
  set(key: string, value: string, ttl_ms: number): void {
    this.own.set(key, `=${value}`, ttl_ms);
  }

  delete(key: string): void {
    this.own.set(key, DELETED, 0);
  }
}

const DELETED = '-';
