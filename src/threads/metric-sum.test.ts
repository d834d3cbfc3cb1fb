import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expose } from '../observe/exposition.ts';
import { MetricFeed } from './metric-feed.ts';
import { LEFT, MetricSum } from './metric-sum.ts';

const help = 'For tests.';

function threads(count: number) {
  const time = { now_ms: 0 };
  const sum = new MetricSum(() => time.now_ms);
  const feeds = Array.from({ length: count }, (_, thread) => {
    const feed = new MetricFeed(() => time.now_ms);
    feed.connect((message) => sum.take(thread, structuredClone(message)));
    return feed;
  });
  const lines = (): string[] =>
    [...expose(sum, 'text')]
      .join('')
      .split('\n')
      .filter((line) => /^[^#]/.test(line) && !line.startsWith('gatewright_metric_series_overflow'));
  return { time, sum, feeds, lines, registries: feeds.map(({ registry }) => registry) };
}

test('what several threads count is added up, where it was counted', () => {
  const { registries, lines } = threads(3);
  for (const [at, registry] of registries.entries()) {
    registry.counter('c_total', { help, labels: ['a'] }).add(at + 1, 'x');
    registry.gauge('g', { help, labels: [] }).set(10 * at);
    const histogram = registry.histogram('h', { help, labels: ['a'], buckets: [1, 2] });
    for (const value of [0.5, 1.5, 9]) histogram.observe(value, 'y');
  }
  registries[1]?.counter('c_total', { help, labels: ['a'] }).add(5, 'only "here"');
  assert.deepEqual(lines(), [
    'c_total{a="x"} 6',
    String.raw`c_total{a="only \"here\""} 5`,
    'g 30',
    'h_bucket{a="y",le="1"} 3',
    'h_bucket{a="y",le="2"} 6',
    'h_bucket{a="y",le="+Inf"} 9',
    'h_sum{a="y"} 33',
    'h_count{a="y"} 9',
  ]);
});

test('numbers are found again after their memory was moved', () => {
  const { registries, lines } = threads(2);
  const counters = registries.map((registry) => registry.counter('c', { help, labels: ['n'] }));
  for (let n = 0; n < 5_000; n++) for (const counter of counters) counter.add(1, String(n));
  for (const counter of counters) counter.add(1, '0');
  const found = lines();
  assert.equal(found.length, 5_000);
  assert.ok(found.includes('c{n="0"} 4') && found.includes('c{n="4999"} 2'));
});

test('a thread that ends leaves its counters behind and takes its gauges with it', () => {
  const { registries, sum, lines } = threads(2);
  for (const registry of registries) {
    registry.counter('c', { help, labels: ['a'] }).add(2, 'x');
    registry.gauge('g', { help, labels: ['a'] }).set(1, 'x');
  }
  registries[0]?.gauge('g', { help, labels: ['a'] }).set(7, 'its own');
  sum.leave(0);
  assert.deepEqual(lines(), ['c{a="x"} 4', 'g{a="x"} 1']);
  sum.leave(1);
  assert.deepEqual(lines(), ['c{a="x"} 4']);
});

test('a series that expires in one thread stays as it was while another one counts it, and goes with the last', () => {
  const { time, registries, feeds, lines } = threads(2);
  const counters = registries.map((registry) => registry.counter('c', { help, labels: ['a'], expire_ms: 1_000 }));
  const collect = (): void => feeds.forEach((feed, id) => feed.collect(id));
  for (const counter of counters) counter.add(2, 'x');
  collect();
  time.now_ms = 900;
  counters[1]?.add(1, 'x');
  collect();
  time.now_ms = 1_100;
  collect();
  assert.deepEqual(lines(), ['c{a="x"} 5']);
  time.now_ms = 3_000;
  collect();
  assert.deepEqual(lines(), []);
});

test('more series than one metric may have are summed up as other', () => {
  const sum = new MetricSum(() => 0, 3);
  const feed = new MetricFeed(() => 0);
  feed.connect((message) => sum.take(1, message));
  const counter = feed.registry.counter('c', { help, labels: ['a'] });
  for (let n = 0; n < 10; n++) counter.add(1, String(n));
  const text = [...expose(sum, 'text')].join('');
  assert.match(text, /^c\{a="2"\} 1\nc\{a="other"\} 7$/m);
});

test('another sum that is told what this one knows, and what comes later, says the same', () => {
  const { registries, sum, feeds, time } = threads(3);
  for (const [at, registry] of registries.entries()) {
    registry.counter('c', { help, labels: ['a'] }).add(at + 1, 'x');
    registry.counter('c', { help, labels: ['a'] }).add(1, `only ${at}`);
    registry.gauge('g', { help, labels: [] }).set(10 * at);
    registry.histogram('h', { help, labels: ['a'], buckets: [1, 2] }).observe(at, 'y');
  }
  sum.leave(0);
  const other = new MetricSum(() => time.now_ms);
  for (const { thread, feed } of sum.replay()) other.take(thread, structuredClone(feed));
  other.leave(LEFT);
  const told = (of: MetricSum): string[] => [...expose(of, 'text')].join('').split('\n').toSorted();
  assert.deepEqual(told(other), told(sum));
  assert.ok(told(other).includes('c{a="only 0"} 1'));
  feeds[1]?.connect((message) => [sum, other].forEach((one) => one.take(1, structuredClone(message))));
  registries[1]?.counter('c', { help, labels: ['a'] }).add(5, 'new');
  registries[1]?.counter('c', { help, labels: ['a'] }).add(5, 'x');
  assert.deepEqual(told(other), told(sum));
  for (const one of [sum, other]) one.leave(1);
  assert.deepEqual(told(other), told(sum));
  assert.ok(told(other).includes('c{a="x"} 11'));
});

test('a thread that does not answer is not waited for', async () => {
  const { sum, feeds, registries } = threads(2);
  let value = 0;
  const gauge = registries[0]?.gauge('g', { help, labels: [] });
  registries[0]?.onCollect(() => gauge?.set(++value));
  await sum.refresh((thread, id) => {
    if (thread === 0) feeds[0]?.collect(id);
  }, Promise.resolve());
  assert.equal(value, 1);
  await sum.refresh((thread, id) => feeds[thread]?.collect(id), new Promise(() => undefined));
  assert.equal(value, 2);
});
