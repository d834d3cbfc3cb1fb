/** Small values with a life span, bounded in number and bytes: what was used longest ago goes first. */
import type { KeyValues } from '../sdk/host.ts';
import { detached } from './bounded-key.ts';

export interface KeyValueTableOptions {
  /** Monotonic. */
  readonly now_ms: () => number;
  /** Default 100,000. */
  readonly maxEntries?: number;
  /** Of keys and values, each entry's own cost of about 200 bytes included. Default 64 MiB. */
  readonly max_bytes?: number;
  /** A longer value, or one with a longer key, is not kept: it would push out thousands. Default 1 MiB. */
  readonly maxValue_bytes?: number;
}

interface Entry {
  readonly key: string;
  value: string;
  expires_ms: number;
  bytes: number;
  /** Used just before this one and just after it; a ring through the table's own anchor. */
  older: Entry;
  newer: Entry;
}

const MAX_ENTRIES = 100_000;
const MAX_BYTES = 64 * 1024 * 1024;
const MAX_VALUE_BYTES = 1024 * 1024;
const ENTRY_BYTES = 200;
/** Entries that each `set` looks at for expired ones. */
const SWEPT_PER_SET = 2;

export class KeyValueTable implements KeyValues {
  readonly #now_ms: () => number;
  readonly #maxEntries: number;
  readonly #max_bytes: number;
  readonly #maxValue_bytes: number;
  readonly #entries = new Map<string, Entry>();
  /** `newer` of it is the entry used longest ago, `older` the one used last. */
  readonly #anchor = makeAnchor();
  #sweeper: Entry = this.#anchor;
  #bytes = 0;

  constructor(options: KeyValueTableOptions) {
    this.#now_ms = options.now_ms;
    this.#maxEntries = options.maxEntries ?? MAX_ENTRIES;
    this.#max_bytes = options.max_bytes ?? MAX_BYTES;
    this.#maxValue_bytes = options.maxValue_bytes ?? MAX_VALUE_BYTES;
  }

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): string | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.expires_ms <= this.#now_ms()) {
      this.#remove(entry);
      return undefined;
    }
    this.#unlink(entry);
    this.#link(entry);
    return entry.value;
  }

  /** As `get`, without counting as a use. */
  peek(key: string): string | undefined {
    const entry = this.#entries.get(key);
    return entry === undefined || entry.expires_ms <= this.#now_ms() ? undefined : entry.value;
  }

  set(key: string, value: string, ttl_ms: number): void {
    if (!(ttl_ms >= 0))
      throw new RangeError(`ttl_ms ${ttl_ms} is no time: 0 keeps the value until it is deleted or evicted`);
    const now_ms = this.#now_ms();
    this.delete(key);
    this.#sweep(now_ms);
    if (2 * Math.max(key.length, value.length) > this.#maxValue_bytes) return;
    const bytes = ENTRY_BYTES + 2 * (key.length + value.length);
    const anchor = this.#anchor;
    const expires_ms = ttl_ms === 0 ? Infinity : now_ms + ttl_ms;
    const entry: Entry = {
      key: detached(key),
      value: detached(value),
      expires_ms,
      bytes,
      older: anchor,
      newer: anchor,
    };
    this.#entries.set(entry.key, entry);
    this.#link(entry);
    this.#bytes += bytes;
    while (this.#entries.size > this.#maxEntries || this.#bytes > this.#max_bytes) this.#remove(anchor.newer);
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined) this.#remove(entry);
  }

  #sweep(now_ms: number): void {
    for (let left = SWEPT_PER_SET; left > 0; left--) {
      const entry = this.#sweeper;
      this.#sweeper = entry.newer;
      if (entry !== this.#anchor && entry.expires_ms <= now_ms) this.#remove(entry);
    }
  }

  #remove(entry: Entry): void {
    this.#unlink(entry);
    this.#entries.delete(entry.key);
    this.#bytes -= entry.bytes;
  }

  #unlink(entry: Entry): void {
    if (this.#sweeper === entry) this.#sweeper = entry.newer;
    entry.older.newer = entry.newer;
    entry.newer.older = entry.older;
  }

  #link(entry: Entry): void {
    const anchor = this.#anchor;
    entry.older = anchor.older;
    entry.newer = anchor;
    anchor.older.newer = entry;
    anchor.older = entry;
  }
}

function makeAnchor(): Entry {
  const anchor = { key: '', value: '', expires_ms: Infinity, bytes: 0 } as Entry;
  anchor.older = anchor;
  anchor.newer = anchor;
  return anchor;
}

/** Values on top of others that it reads and never changes. */
export class KeyValueOverlay implements KeyValues {
  readonly #base: KeyValueTable;
  /** A letter before each value tells it from the mark of a deleted key. */
  readonly #own: KeyValueTable;

  constructor(base: KeyValueTable, own: KeyValueTable) {
    this.#base = base;
    this.#own = own;
  }

  get(key: string): string | undefined {
    const own = this.#own.get(key);
    if (own === undefined) return this.#base.peek(key);
    return own === DELETED ? undefined : own.slice(1);
  }

  /** @param ttl_ms after it, what the base has shows again */
  set(key: string, value: string, ttl_ms: number): void {
    this.#own.set(key, `=${value}`, ttl_ms);
  }

  delete(key: string): void {
    this.#own.set(key, DELETED, 0);
  }
}

const DELETED = '-';
