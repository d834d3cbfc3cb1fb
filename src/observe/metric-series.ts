/** One series of a metric, found at its first write and kept: classes, so that whoever writes to many pays no call for each. */
import type { CounterSeries, HistogramSeries } from '../sdk/host.ts';
import type { MetricCells } from './metric-cells.ts';
import type { MetricFamily, Series } from './metric-family.ts';

/** Throws RangeError for an amount that no counter grows by. */
export function checkAmount(amount: number, name: string): void {
  if (!(amount >= 0 && amount < Infinity))
    throw new RangeError(`${name}: a counter grows by 0 or more, not by ${amount}`);
}

/** Throws RangeError for what is no number. */
export function checkObserved(value: number, name: string): void {
  if (!(value > -Infinity && value < Infinity)) throw new RangeError(`${name}: ${value} cannot be observed`);
}

/** Of a histogram: counts by bucket, the last for what is above all bounds, and the sum. */
export function observeIn(data: Float64Array, at: number, bounds: readonly number[], value: number): void {
  let bucket = 0;
  while (bucket < bounds.length && value > bounds[bucket]!) bucket++;
  data[at + bucket]! += 1;
  data[at + bounds.length + 1]! += value;
}

class KeptSeries {
  protected readonly family: MetricFamily;
  protected readonly cells: MetricCells;
  private readonly values: readonly string[];
  private kept: Series | null = null;

  constructor(family: MetricFamily, cells: MetricCells, values: readonly string[]) {
    this.family = family;
    this.cells = cells;
    this.values = values;
  }

  protected get at(): number {
    const { family, kept, values } = this;
    const series = kept === null ? family.find(values) : family.again(kept, values);
    if (series !== kept) this.kept = series;
    return series.at;
  }
}

export class CountedSeries extends KeptSeries implements CounterSeries {
  add(amount: number): void {
    checkAmount(amount, this.family.shape.name);
    // Finding it may give the numbers another array.
    const { at } = this;
    this.cells.data[at]! += amount;
  }
}

export class ObservedSeries extends KeptSeries implements HistogramSeries {
  observe(value: number): void {
    checkObserved(value, this.family.shape.name);
    const { at } = this;
    observeIn(this.cells.data, at, this.family.shape.buckets, value);
  }
}
