/** Tells when the heap of this thread is nearly full of what is in use: before V8 ends the thread, or the process, for it. */
import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { resourceLimits } from 'node:worker_threads';

/** Of what the heap may hold. */
const FULL_SHARE = 0.8;
const MEBIBYTE = 1024 * 1024;

export interface HeapReaders {
  used_bytes(): number;
  limit_bytes(): number;
}

const OWN: HeapReaders = {
  used_bytes: () => getHeapStatistics().used_heap_size,
  // V8's own limit has the space for young objects in it, which old ones never get.
  limit_bytes: () => getHeapStatistics().heap_size_limit - (resourceLimits.maxYoungGenerationSizeMb ?? 0) * MEBIBYTE,
};

/** Decides, after each complete collection: before one, most of the heap may be garbage. */
export class HeapWatch {
  private readonly onFull: (used_bytes: number) => void;
  private readonly readers: HeapReaders;
  private observer: PerformanceObserver | null = null;

  /** @param onFull called once */
  constructor(onFull: (used_bytes: number) => void, readers: HeapReaders = OWN) {
    this.onFull = onFull;
    this.readers = readers;
  }

  begin(): void {
    this.observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        const { kind } = (entry as PerformanceEntry & { readonly detail: { readonly kind: number } }).detail;
        if (kind === constants.NODE_PERFORMANCE_GC_MAJOR) return this.onCollected();
      }
    });
    this.observer.observe({ entryTypes: ['gc'] });
  }

  /** A complete collection is over. */
  onCollected(): void {
    const used_bytes = this.readers.used_bytes();
    if (used_bytes <= FULL_SHARE * this.readers.limit_bytes()) return;
    this.close();
    this.onFull(used_bytes);
  }

  close(): void {
    this.observer?.disconnect();
    this.observer = null;
  }
}
