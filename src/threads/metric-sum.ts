/**
 * The metrics of all threads as one: numbers are read where each thread writes them, and added up. What a thread counted
 * stays when it is gone, so that no counter ever falls; its gauges go with it.
 */
import type { FeedMessage, FedFamily } from './messages.ts';

/** Series of one metric; what comes beyond is summed up as `other`. */
const MAX_SERIES = 10_000;
const OTHER = 'other';
/** In a replay: the threads that are gone. */
export const LEFT = -1;

interface Part {
  readonly source: Source;
  readonly at: number;
}

export interface SummedSeries {
  readonly labelText: string;
  /** Where it is counted now. */
  readonly parts: Part[];
  /** What is left of those that are gone; null for none. */
  base: Float64Array | null;
  /** Since when nobody counts it any more. */
  left_ms: number;
}

interface SummedFamily {
  readonly shape: FedFamily;
  readonly series: Map<string, SummedSeries>;
}

/** One thread. */
interface Source {
  cells: Float64Array;
  /** By the place of their numbers. */
  readonly series: Map<number, { readonly family: SummedFamily; readonly series: SummedSeries; readonly part: Part }>;
  readonly waiting: Map<number, () => void>;
}

export class MetricSum {
  private readonly now_ms: () => number;
  private readonly maxSeries: number;
  private readonly families = new Map<string, SummedFamily>();
  private readonly sources = new Map<number, Source>();
  private nextId = 1;

  constructor(now_ms: () => number, maxSeries = MAX_SERIES) {
    this.now_ms = now_ms;
    this.maxSeries = maxSeries;
  }

  /** News of a thread. */
  take(thread: number, message: FeedMessage): void {
    const source = this.sourceOf(thread);
    switch (message.type) {
      case 'cells':
        source.cells = new Float64Array(message.buffer);
        return;
      case 'series':
        return this.add(source, message.family, message.labelText, message.at);
      case 'gone':
        return this.drop(source, message.at, message.numbers, true);
      case 'collected':
        source.waiting.get(message.id)?.();
        source.waiting.delete(message.id);
    }
  }

  /** The thread has ended: nothing more comes from it. */
  leave(thread: number): void {
    const source = this.sources.get(thread);
    if (source === undefined) return;
    for (const [at, { family }] of source.series) {
      const width = widthOf(family.shape);
      this.drop(source, at, source.cells.subarray(at, at + width), false);
    }
    for (const settle of source.waiting.values()) settle();
    this.sources.delete(thread);
  }

  /** The same as news, for another sum; what is left of threads that are gone comes as one that has `left`. */
  *replay(): Generator<{ readonly thread: number; readonly feed: FeedMessage }> {
    for (const [thread, { cells, series }] of this.sources) {
      // Feeds are made with shared memory.
      const buffer = cells.buffer as SharedArrayBuffer;
      if (cells.length > 0) yield { thread, feed: { type: 'cells', buffer } };
      for (const [at, { family, series: one }] of series) {
        yield { thread, feed: { type: 'series', family: family.shape, labelText: one.labelText, at } };
      }
    }
    const numbers: number[] = [];
    const news: FeedMessage[] = [];
    for (const { shape, series } of this.families.values()) {
      for (const { labelText, base } of series.values()) {
        if (base === null) continue;
        news.push({ type: 'series', family: shape, labelText, at: numbers.length });
        numbers.push(...base);
      }
    }
    const buffer = new SharedArrayBuffer(numbers.length * Float64Array.BYTES_PER_ELEMENT);
    new Float64Array(buffer).set(numbers);
    yield { thread: LEFT, feed: { type: 'cells', buffer } };
    for (const feed of news) yield { thread: LEFT, feed };
  }

  /**
   * Lets all threads bring their numbers up to date. One that does not answer in time is read as it is.
   * @param ask passes the id on to a thread, which gives it back with `collected`
   */
  async refresh(ask: (thread: number, id: number) => void, timeout: Promise<void>): Promise<void> {
    const id = this.nextId++;
    const answers = Array.from(this.sources, ([thread, { waiting }]) => {
      const answered = new Promise<void>((resolve) => waiting.set(id, resolve));
      ask(thread, id);
      return answered;
    });
    await Promise.race([Promise.all(answers), timeout]);
    for (const { waiting } of this.sources.values()) waiting.delete(id);
  }

  /** All metrics now, by name. */
  collect(): readonly { readonly shape: FedFamily; readonly series: Iterable<SummedSeries> }[] {
    const now_ms = this.now_ms();
    for (const { shape, series } of this.families.values()) {
      if (shape.expire_ms === 0) continue;
      for (const [key, { parts, left_ms }] of series) {
        if (parts.length === 0 && now_ms - left_ms >= shape.expire_ms) series.delete(key);
      }
    }
    return Array.from(this.families.values(), ({ shape, series }) => ({ shape, series: series.values() })).toSorted(
      (one, other) => (one.shape.name < other.shape.name ? -1 : 1),
    );
  }

  read({ parts, base }: SummedSeries, place = 0): number {
    let sum = base?.[place] ?? 0;
    for (const { source, at } of parts) sum += source.cells[at + place] ?? 0;
    return sum;
  }

  private sourceOf(thread: number): Source {
    let source = this.sources.get(thread);
    if (source === undefined) {
      source = { cells: new Float64Array(0), series: new Map(), waiting: new Map() };
      this.sources.set(thread, source);
    }
    return source;
  }

  private add(source: Source, shape: FedFamily, labelText: string, at: number): void {
    let family = this.families.get(shape.name);
    if (family === undefined) this.families.set(shape.name, (family = { shape, series: new Map() }));
    const series = this.seriesFor(family, labelText);
    const part = { source, at };
    series.parts.push(part);
    source.series.set(at, { family, series, part });
  }

  private seriesFor({ shape, series }: SummedFamily, labelText: string): SummedSeries {
    const known = series.get(labelText);
    if (known !== undefined) return known;
    // Each thread has its own bound: together they may know more.
    const others = shape.labels.map((label) => `${label}="${OTHER}"`).join(',');
    const key = series.size < this.maxSeries ? labelText : others;
    let made = series.get(key);
    if (made === undefined) series.set(key, (made = { labelText: key, parts: [], base: null, left_ms: 0 }));
    return made;
  }

  /**
   * Nobody writes to these numbers any more: what they counted is kept, unless the whole series has expired.
   * @param isExpired because nothing was written to it for its time
   */
  private drop(source: Source, at: number, numbers: ArrayLike<number>, isExpired: boolean): void {
    const entry = source.series.get(at);
    if (entry === undefined) return;
    source.series.delete(at);
    const { family, series, part } = entry;
    series.parts.splice(series.parts.indexOf(part), 1);
    const { shape } = family;
    const isGauge = shape.type === 'gauge';
    if (series.parts.length === 0 && (isGauge || isExpired)) family.series.delete(series.labelText);
    if (isGauge) return;
    series.base ??= new Float64Array(widthOf(shape));
    for (let i = 0; i < series.base.length; i++) series.base[i] = (series.base[i] ?? 0) + (numbers[i] ?? 0);
    series.left_ms = this.now_ms();
  }
}

function widthOf({ type, buckets }: FedFamily): number {
  return type === 'histogram' ? buckets.length + 2 : 1;
}
