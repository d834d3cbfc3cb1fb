/**
 * The series of one metric, found by their label values: a tree with one level for each label. Each node remembers the
 * child that was asked for last: traffic comes in runs, and most labels follow from the first ones (a route has one
 * service), so that most steps compare one string with itself.
 */
import type { MetricCells } from './metric-cells.ts';

export type MetricType = 'counter' | 'gauge' | 'histogram';

export interface FamilyShape {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds, ascending; +Inf is implied. Empty for other types. */
  readonly buckets: readonly number[];
}

/** One series. A histogram has its buckets' counts one after the other, not summed up, then the sum. */
export interface Series {
  readonly values: readonly string[];
  /** `a="x",b="y"`, escaped; '' without labels. */
  readonly labelText: string;
  /** Where its numbers are. */
  readonly at: number;
  /** Written to since the last look. */
  isTouched: boolean;
  /** When it was last found touched. */
  seen_ms: number;
  /** It was forgotten: its numbers are another series' by now. */
  isGone: boolean;
}

/** Told of the series of a registry, so that another thread can know them. */
export interface SeriesObserver {
  onAdded(family: MetricFamily, series: Series): void;
  /** Its numbers are still in their place. */
  onGone(family: MetricFamily, series: Series): void;
}

interface Node {
  lastValue: string | null;
  last: Node | null;
  children: Map<string, Node> | null;
  series: Series | null;
}

interface FamilyOptions {
  readonly expire_ms: number;
  readonly maxSeries: number;
  readonly onOverflow: (name: string) => void;
  readonly observer: SeriesObserver | null;
}

/** The value of every label of the series that takes what has no room. */
const OTHER = 'other';
/** A longer label value is cut off. */
const MAX_VALUE_LENGTH = 512;

export class MetricFamily {
  readonly shape: FamilyShape;
  /** Series that nothing was added to for so long are forgotten; 0 keeps them. */
  expire_ms: number;
  readonly series = new Set<Series>();
  readonly #cells: MetricCells;
  readonly #maxSeries: number;
  readonly #onOverflow: (name: string) => void;
  readonly #observer: SeriesObserver | null;
  readonly #depth: number;
  readonly #root: Node = makeNode();
  #other: Series | null = null;

  constructor(shape: FamilyShape, cells: MetricCells, options: FamilyOptions) {
    this.shape = shape;
    this.expire_ms = options.expire_ms;
    this.#cells = cells;
    this.#maxSeries = options.maxSeries;
    this.#onOverflow = options.onOverflow;
    this.#observer = options.observer;
    this.#depth = shape.labels.length;
    // A metric without labels is there from the start, at 0: its first event is then seen as an increase.
    if (this.#depth === 0) this.#add([]);
  }

  /** Numbers that each series has. */
  get width(): number {
    const { type, buckets } = this.shape;
    return type === 'histogram' ? buckets.length + 2 : 1;
  }

  find(values: readonly string[]): Series {
    const depth = this.#depth;
    let node = this.#root;
    for (let level = 0; level < depth; level++) {
      const value = values[level]!;
      if (node.lastValue === value) {
        node = node.last!;
        continue;
      }
      const child = node.children?.get(value);
      if (child === undefined) return this.#findBounded(values);
      node.lastValue = value;
      node.last = child;
      node = child;
    }
    if (values.length !== depth || node.series === null) return this.#findBounded(values);
    node.series.isTouched = true;
    return node.series;
  }

  /** The same for who kept what `find` gave: finds it again if it was forgotten since. */
  again(series: Series, values: readonly string[]): Series {
    if (series.isGone) return this.find(values);
    series.isTouched = true;
    return series;
  }

  /** Forgets the series that were not written to for `expire_ms`; time counts from the first look after a write. */
  expire(now_ms: number): void {
    if (this.expire_ms === 0 || this.#depth === 0) return;
    for (const series of this.series) {
      if (series.isTouched) {
        series.isTouched = false;
        series.seen_ms = now_ms;
      } else if (now_ms - series.seen_ms >= this.expire_ms) {
        this.#remove(series);
      }
    }
  }

  #findBounded(values: readonly string[]): Series {
    const { name, labels } = this.shape;
    if (values.length !== this.#depth || values.some((value) => typeof value !== 'string')) {
      throw new TypeError(`${name} has the labels (${labels.join(', ')}): each needs one string`);
    }
    const bounded = values.map(bound);
    const known = this.#lookUp(bounded);
    if (known !== null) return known;
    if (this.series.size - (this.#other === null ? 0 : 1) < this.#maxSeries) return this.#add(bounded);
    this.#onOverflow(name);
    const others = labels.map(() => OTHER);
    return this.#lookUp(others) ?? (this.#other = this.#add(others));
  }

  #lookUp(values: readonly string[]): Series | null {
    let node: Node | undefined = this.#root;
    for (const value of values) node = node?.children?.get(value);
    const series = node?.series ?? null;
    if (series !== null) series.isTouched = true;
    return series;
  }

  #add(values: readonly string[]): Series {
    const { labels } = this.shape;
    const labelText = labels.map((label, at) => `${label}="${escapeValue(values[at]!)}"`).join(',');
    const series: Series = {
      values,
      labelText,
      at: this.#cells.claim(this.width),
      isTouched: true,
      seen_ms: 0,
      isGone: false,
    };
    let node = this.#root;
    for (const value of values) {
      node.children ??= new Map();
      let child = node.children.get(value);
      if (child === undefined) node.children.set(value, (child = makeNode()));
      node = child;
    }
    node.series = series;
    this.series.add(series);
    this.#observer?.onAdded(this, series);
    return series;
  }

  #remove(series: Series): void {
    const path: Node[] = [this.#root];
    for (const value of series.values) path.push(path.at(-1)!.children!.get(value)!);
    path.at(-1)!.series = null;
    for (let level = series.values.length - 1; level >= 0; level--) {
      const node = path[level]!;
      const child = path[level + 1]!;
      if (child.series !== null || (child.children?.size ?? 0) > 0) break;
      node.children!.delete(series.values[level]!);
      if (node.last !== child) continue;
      node.last = null;
      node.lastValue = null;
    }
    this.series.delete(series);
    series.isGone = true;
    this.#observer?.onGone(this, series);
    this.#cells.free(series.at, this.width);
    if (series === this.#other) this.#other = null;
  }
}

function makeNode(): Node {
  return { lastValue: null, last: null, children: null, series: null };
}

/** As it can be written out, with memory of its own: a value cut from a request would keep the whole head alive. */
function bound(value: string): string {
  const short = value.length > MAX_VALUE_LENGTH ? value.slice(0, MAX_VALUE_LENGTH) : value;
  return Buffer.from(short, 'utf8').toString('utf8');
}

/** As the exposition formats want it inside of quotes. */
function escapeValue(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
