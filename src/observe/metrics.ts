/** The metrics of the gateway and its plugins: counters, gauges and histograms, in bounded memory. */
import type { Counter, Gauge, Histogram, MetricOptions, Metrics } from '../sdk/host.ts';
import { MetricCells } from './metric-cells.ts';
import { MetricFamily } from './metric-family.ts';
import type { FamilyShape, MetricType, Series, SeriesObserver } from './metric-family.ts';
import { checkAmount, checkObserved, CountedSeries, ObservedSeries, observeIn } from './metric-series.ts';

export interface RegistryOptions {
  /** Monotonic; read when metrics are collected, never when they are written. */
  readonly now_ms: () => number;
  /** Series of one metric; what comes beyond is added to the series whose labels are all `other`. Default 10,000. */
  readonly maxSeries?: number;
  /** Default 1,000. */
  readonly maxMetrics?: number;
  /** See `MetricCells`. */
  readonly allocate?: (length: number) => Float64Array;
  readonly observer?: SeriesObserver;
}

export interface FamilyOptions extends MetricOptions {
  /** Series that nothing was written to for so long are forgotten when metrics are next collected; 0, the default, keeps them. */
  readonly expire_ms?: number;
}

type HistogramOptions = FamilyOptions & { readonly buckets: readonly number[] };

const MAX_SERIES = 10_000;
const MAX_METRICS = 1_000;
const OVERFLOWS = 'gatewright_metric_series_overflow_total';
const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
/** Names that a metric takes besides its own, as suffixes: those of its lines. */
const SUFFIXES: Readonly<Record<MetricType, readonly string[]>> = {
  counter: [],
  gauge: [],
  histogram: ['_bucket', '_sum', '_count'],
};

export class MetricRegistry implements Metrics {
  readonly #options: RegistryOptions;
  readonly #cells: MetricCells;
  readonly #families = new Map<string, MetricFamily>();
  /** Names of lines, and which metric writes them. */
  readonly #taken = new Map<string, string>();
  readonly #readers: (() => void)[] = [];
  readonly #overflows: Counter;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#cells = new MetricCells(options.allocate);
    this.#overflows = this.counter(OVERFLOWS, {
      help: 'Writes to the series "other" of a metric that has its most series.',
      labels: ['metric'],
    });
  }

  /**
   * Throws TypeError for names that the exposition formats do not have, and for a name that another shape has. `add`
   * throws RangeError for an amount that is negative or no number, TypeError for a wrong number of label values.
   */
  counter(name: string, options: FamilyOptions): Counter {
    const family = this.#family('counter', name, options, []);
    const cells = this.#cells;
    return {
      add(amount, ...values) {
        checkAmount(amount, name);
        // Finding it may give the numbers another array.
        const { at } = family.find(values);
        cells.data[at]! += amount;
      },
      series: (...values) => new CountedSeries(family, cells, values),
    };
  }

  /** As `counter`; any number can be set. */
  gauge(name: string, options: FamilyOptions): Gauge {
    const family = this.#family('gauge', name, options, []);
    const cells = this.#cells;
    return {
      set(value, ...values) {
        const { at } = family.find(values);
        cells.data[at] = value;
      },
    };
  }

  /** As `counter`. `buckets` are upper bounds, ascending, without +Inf. `observe` throws RangeError for what is no number. */
  histogram(name: string, options: HistogramOptions): Histogram {
    const { buckets } = options;
    const family = this.#family('histogram', name, options, buckets);
    const bounds = family.shape.buckets;
    const cells = this.#cells;
    return {
      observe(value, ...values) {
        checkObserved(value, name);
        const { at } = family.find(values);
        observeIn(cells.data, at, bounds, value);
      },
      series: (...values) => new ObservedSeries(family, cells, values),
    };
  }

  /** Called each time before metrics are collected, to set what is only known by looking. */
  onCollect(read: () => void): void {
    this.#readers.push(read);
  }

  /** All metrics now, by name; forgets the series that have expired. */
  collect(): readonly MetricFamily[] {
    for (const read of this.#readers) read();
    const now_ms = this.#options.now_ms();
    const families = [...this.#families.values()];
    for (const family of families) family.expire(now_ms);
    return families.toSorted((one, other) => (one.shape.name < other.shape.name ? -1 : 1));
  }

  /** The number at a place of a series. */
  read(series: Series, place = 0): number {
    return this.#cells.data[series.at + place] ?? 0;
  }

  #family(type: MetricType, name: string, options: FamilyOptions, buckets: readonly number[]): MetricFamily {
    const { help, labels, expire_ms = 0 } = options;
    const shape = { name, type, help, labels: [...labels], buckets: [...buckets] };
    let family = this.#families.get(name);
    if (family === undefined) {
      checkShape(shape);
      this.#reserve(shape);
      const { maxSeries = MAX_SERIES, maxMetrics = MAX_METRICS } = this.#options;
      // It has room for every metric: its own overflow would count into itself.
      const most = name === OVERFLOWS ? maxMetrics : maxSeries;
      family = new MetricFamily(shape, this.#cells, {
        expire_ms,
        maxSeries: most,
        onOverflow: (metric) => this.#overflows.add(1, metric),
        observer: this.#options.observer ?? null,
      });
      this.#families.set(name, family);
    } else if (textOf(family.shape) !== textOf(shape)) {
      throw new TypeError(`the metric ${name} is ${textOf(family.shape)} already, not ${textOf(shape)}`);
    }
    family.expire_ms = expire_ms;
    return family;
  }

  #reserve({ name, type }: FamilyShape): void {
    const { maxMetrics = MAX_METRICS } = this.#options;
    if (this.#families.size >= maxMetrics)
      throw new TypeError(`${name} is one metric too many: there are ${maxMetrics}`);
    const names = [name, ...SUFFIXES[type].map((suffix) => name + suffix)];
    // In OpenMetrics, the family of a counter x_total is x.
    if (type === 'counter' && name.endsWith('_total')) names.push(name.slice(0, -'_total'.length));
    for (const one of names) {
      const other = this.#taken.get(one);
      if (other !== undefined)
        throw new TypeError(`the metric ${name} would write ${one}, which ${other} writes already`);
    }
    for (const one of names) this.#taken.set(one, name);
  }
}

function textOf({ type, labels, buckets }: FamilyShape): string {
  const bounds = type === 'histogram' ? ` with buckets ${buckets.join(' ')}` : '';
  return `a ${type} with labels (${labels.join(', ')})${bounds}`;
}

function checkShape({ name, type, labels, buckets }: FamilyShape): void {
  if (!METRIC_NAME.test(name))
    throw new TypeError(`"${name}" is no name of a metric: use letters, digits and underscores`);
  labels.forEach((label, at) => {
    const isReserved = label.startsWith('__') || (type === 'histogram' && label === 'le');
    if (!LABEL_NAME.test(label) || isReserved || labels.indexOf(label) !== at) {
      throw new TypeError(`"${label}" is no label of ${name}: use letters, digits and underscores, each label once`);
    }
  });
  buckets.forEach((bound, at) => {
    if (!Number.isFinite(bound) || (at > 0 && bound <= buckets[at - 1]!)) {
      throw new TypeError(`the buckets of ${name} must be ascending numbers, and ${bound} is none in its place`);
    }
  });
}
