import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../test/fuzz/random.ts';
import { expose } from './exposition.ts';
import { MetricRegistry } from './metrics.ts';
import type { RegistryOptions } from './metrics.ts';

function registryWith(options: Partial<RegistryOptions> = {}) {
  const time = { now_ms: 0 };
  const registry = new MetricRegistry({ now_ms: () => time.now_ms, ...options });
  /** The lines of samples, without those of the registry's own metric. */
  const samples = (): string[] =>
    [...expose(registry, 'text')]
      .join('')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
  return { time, registry, samples };
}

const help = 'For tests.';

test('counters add, gauges are set, histograms count by upper bound', () => {
  const { registry, samples } = registryWith();
  const counter = registry.counter('c_total', { help, labels: ['a', 'b'] });
  counter.add(1, 'x', 'y');
  counter.add(2.5, 'x', 'y');
  counter.add(0, 'x', '');
  const gauge = registry.gauge('g', { help, labels: ['a'] });
  gauge.set(5, 'x');
  gauge.set(-1, 'x');
  gauge.set(Infinity, 'y');
  gauge.set(NaN, 'z');
  const histogram = registry.histogram('h', { help, labels: ['a'], buckets: [0.5, 1, 10] });
  for (const value of [0.5, 0.6, 1, 10.5, -3]) histogram.observe(value, 'x');
  assert.deepEqual(samples(), [
    'c_total{a="x",b="y"} 3.5',
    'c_total{a="x",b=""} 0',
    'g{a="x"} -1',
    'g{a="y"} +Inf',
    'g{a="z"} NaN',
    'h_bucket{a="x",le="0.5"} 2',
    'h_bucket{a="x",le="1"} 4',
    'h_bucket{a="x",le="10"} 4',
    'h_bucket{a="x",le="+Inf"} 5',
    'h_sum{a="x"} 9.6',
    'h_count{a="x"} 5',
  ]);
});

test('metrics without labels are there from the start', () => {
  const { registry, samples } = registryWith();
  registry.counter('c', { help, labels: [] });
  registry.histogram('h', { help, labels: [], buckets: [] });
  assert.deepEqual(samples(), ['c 0', 'h_bucket{le="+Inf"} 0', 'h_sum 0', 'h_count 0']);
});

test('random writes give what a Map of joined labels gives', () => {
  const seed = Math.floor(performance.timeOrigin) % 1_000_000;
  const random = seededRandom(seed);
  const { registry, samples } = registryWith();
  const counter = registry.counter('c', { help, labels: ['a', 'b', 'd'] });
  const model = new Map<string, number>();
  const value = (): string => ['', 'x', 'y', 'xy', '0', 'constructor'][Math.floor(random() * 6)]!;
  for (let step = 0; step < 5000; step++) {
    const [a, b, d] = [value(), value(), value()];
    const amount = Math.floor(random() * 5);
    counter.add(amount, a, b, d);
    const line = `c{a="${a}",b="${b}",d="${d}"}`;
    model.set(line, (model.get(line) ?? 0) + amount);
  }
  assert.deepEqual(samples().toSorted(), [...model].map(([line, sum]) => `${line} ${sum}`).toSorted(), `seed ${seed}`);
});

test('the same shape is the same metric, another shape is refused and named', () => {
  const { registry, samples } = registryWith();
  registry.counter('c', { help, labels: ['a'] }).add(1, 'x');
  registry.counter('c', { help: 'Other words.', labels: ['a'] }).add(1, 'x');
  registry.histogram('h', { help, labels: [], buckets: [1] });
  assert.equal(samples()[0], 'c{a="x"} 2');
  const rows: [attempt: () => unknown, message: RegExp][] = [
    [() => registry.gauge('c', { help, labels: ['a'] }), /c is a counter with labels \(a\) already, not a gauge/],
    [() => registry.counter('c', { help, labels: ['b'] }), /labels \(a\) already/],
    [() => registry.counter('c', { help, labels: ['a', 'b'] }), /labels \(a\) already/],
    [() => registry.histogram('h', { help, labels: [], buckets: [1, 2] }), /buckets 1 already/],
  ];
  for (const [attempt, message] of rows) assert.throws(attempt, { name: 'TypeError', message });
});

test('names that the formats do not have, and lines that two metrics would write, are refused', () => {
  const { registry } = registryWith({ maxMetrics: 4 });
  registry.histogram('h', { help, labels: [], buckets: [1] });
  registry.counter('x_total', { help, labels: [] });
  const counter =
    (name: string, ...labels: string[]) =>
    (): unknown =>
      registry.counter(name, { help, labels });
  const buckets =
    (...bounds: number[]) =>
    (): unknown =>
      registry.histogram('b', { help, labels: [], buckets: bounds });
  const rows: [attempt: () => unknown, message: RegExp][] = [
    [counter(''), /"" is no name/],
    [counter('1a'), /"1a" is no name/],
    [counter('a-b'), /"a-b" is no name/],
    [counter('a\n'), /is no name/],
    [counter('c', 'a b'), /"a b" is no label of c/],
    [counter('c', 'a:b'), /is no label/],
    [counter('c', '__name__'), /is no label/],
    [counter('c', 'a', 'a'), /each label once/],
    [() => registry.histogram('b', { help, labels: ['le'], buckets: [1] }), /"le" is no label of b/],
    [buckets(1, 1), /ascending/],
    [buckets(2, 1), /ascending/],
    [buckets(Infinity), /ascending/],
    [counter('h_count'), /would write h_count, which h writes already/],
    [counter('x'), /which x_total writes already/],
    [() => registry.gauge('x', { help, labels: [] }), /which x_total writes already/],
  ];
  for (const [attempt, message] of rows) assert.throws(attempt, { name: 'TypeError', message });
  registry.counter('le', { help, labels: ['le'] });
  assert.throws(counter('more'), /one metric too many/);
});

test('amounts and label values that make no sense are refused, and change nothing', () => {
  const { registry, samples } = registryWith();
  const counter = registry.counter('c', { help, labels: ['a'] });
  const histogram = registry.histogram('h', { help, labels: ['a'], buckets: [1] });
  for (const amount of [-1, NaN, Infinity]) assert.throws(() => counter.add(amount, 'x'), RangeError);
  for (const value of [-Infinity, NaN, Infinity]) assert.throws(() => histogram.observe(value, 'x'), RangeError);
  for (const values of [[], ['x', 'y'], [1 as unknown as string], [undefined as unknown as string]]) {
    assert.throws(() => counter.add(1, ...values), { name: 'TypeError', message: /labels \(a\)/ });
  }
  counter.add(1, 'x');
  assert.throws(() => counter.add(1, 'x', 'y'), TypeError);
  assert.deepEqual(samples(), ['c{a="x"} 1']);
});

test('beyond the most series, writes go to the series "other" and are counted', () => {
  const { registry, samples } = registryWith({ maxSeries: 2 });
  const counter = registry.counter('c', { help, labels: ['a', 'b'] });
  for (const value of ['1', '2', '3', '4', '1', '3']) counter.add(1, value, 'x');
  for (const name of ['d', 'e']) registry.gauge(name, { help, labels: ['a'] });
  for (const value of ['1', '2', '3']) registry.gauge('d', { help, labels: ['a'] }).set(1, value);
  assert.deepEqual(samples(), [
    'c{a="1",b="x"} 2',
    'c{a="2",b="x"} 1',
    'c{a="other",b="other"} 3',
    'd{a="1"} 1',
    'd{a="2"} 1',
    'd{a="other"} 1',
    'gatewright_metric_series_overflow_total{metric="c"} 3',
    'gatewright_metric_series_overflow_total{metric="d"} 1',
  ]);
});

test('a series that is called "other" by its own right takes the overflow too', () => {
  const { registry, samples } = registryWith({ maxSeries: 1 });
  const counter = registry.counter('c', { help, labels: ['a'] });
  for (const value of ['other', '2']) counter.add(1, value);
  assert.deepEqual(samples(), ['c{a="other"} 2', 'gatewright_metric_series_overflow_total{metric="c"} 1']);
});

test('label values are escaped, cut off where they are very long, and made well-formed', () => {
  const { registry, samples } = registryWith();
  const counter = registry.counter('c', { help, labels: ['a'] });
  for (const value of ['a"b\\c\nd', '\ud800', '\ud801', '\u00e4\u20ac', 'x'.repeat(5000), `${'x'.repeat(4999)}y`]) {
    counter.add(1, value);
    counter.add(1, value);
  }
  assert.deepEqual(samples(), [
    'c{a="a\\"b\\\\c\\nd"} 2',
    'c{a="\ufffd"} 4',
    'c{a="\u00e4\u20ac"} 2',
    `c{a="${'x'.repeat(512)}"} 4`,
  ]);
});

test('idle series are forgotten after expire_ms, and begin at 0 when they come back', () => {
  const { time, registry, samples } = registryWith({ maxSeries: 2 });
  const counter = registry.counter('c', { help, labels: ['a', 'b'], expire_ms: 1000 });
  const histogram = registry.histogram('h', { help, labels: ['a'], buckets: [1], expire_ms: 1000 });
  counter.add(1, 'x', '1');
  counter.add(1, 'x', '2');
  counter.add(1, 'x', '3');
  histogram.observe(2, 'x');
  const at = (now_ms: number): string[] => {
    time.now_ms = now_ms;
    return samples().filter((line) => line.startsWith('c'));
  };
  const [one, two, other] = ['c{a="x",b="1"} 1', 'c{a="x",b="2"} 1', 'c{a="other",b="other"} 1'];
  assert.deepEqual(at(500), [one, two, other]);
  assert.deepEqual(at(1499), [one, two, other]);
  counter.add(1, 'x', '1');
  assert.deepEqual(at(1500), ['c{a="x",b="1"} 2']);
  assert.ok(!samples().some((line) => line.startsWith('h')));
  // There is room again, and nothing is left in the cells that are used anew.
  counter.add(1, 'x', '2');
  histogram.observe(0.5, 'y');
  assert.deepEqual(at(1600), ['c{a="x",b="1"} 2', two]);
  assert.ok(samples().includes('h_bucket{a="y",le="+Inf"} 1') && samples().includes('h_sum{a="y"} 0.5'));
  assert.deepEqual(at(1e15), []);
  counter.add(4, 'x', '1');
  assert.deepEqual(at(1e15 + 1), ['c{a="x",b="1"} 4']);
});

test('readers are called before metrics are collected', () => {
  const { registry, samples } = registryWith();
  const gauge = registry.gauge('g', { help, labels: [] });
  let count = 0;
  registry.onCollect(() => gauge.set(++count));
  assert.deepEqual(samples(), ['g 1']);
  assert.deepEqual(samples(), ['g 2']);
});

test('a write that makes room for its series is counted', () => {
  const registry = new MetricRegistry({ now_ms: () => 0 });
  const counter = registry.counter('many', { help: 'Many.', labels: ['n'] });
  const histogram = registry.histogram('more', { help: 'More.', labels: ['n'], buckets: [1] });
  const most = 3_000;
  for (let n = 0; n < most; n++) {
    counter.add(1, `a${n}`);
    counter.series(`b${n}`).add(1);
    histogram.observe(0, `a${n}`);
    histogram.series(`b${n}`).observe(0);
  }
  const lost = registry
    .collect()
    .filter(({ shape }) => shape.name === 'many' || shape.name === 'more')
    .flatMap(({ series }) => [...series].filter((one) => registry.read(one) !== 1));
  assert.deepEqual(lost, []);
});
