import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expose, formatFor } from './exposition.ts';
import { MetricRegistry } from './metrics.ts';

function registryOfThree(): MetricRegistry {
  const registry = new MetricRegistry({ now_ms: () => 0 });
  registry.counter('z_total', { help: 'Says "a\\b"\nand more.', labels: ['a'] }).add(1, 'x');
  registry.counter('apisix_http_status', { help: 'Bare.', labels: ['code'] }).add(3, '200');
  registry.histogram('h', { help: 'Times.', labels: ['a'], buckets: [0.5, 1] }).observe(1, 'x');
  return registry;
}

test('the text format 0.0.4 has help, type and samples, by name', () => {
  assert.deepEqual([...expose(registryOfThree(), 'text')].join('').split('\n'), [
    '# HELP apisix_http_status Bare.',
    '# TYPE apisix_http_status counter',
    'apisix_http_status{code="200"} 3',
    '# HELP gatewright_metric_series_overflow_total Writes to the series "other" of a metric that has its most series.',
    '# TYPE gatewright_metric_series_overflow_total counter',
    '# HELP h Times.',
    '# TYPE h histogram',
    'h_bucket{a="x",le="0.5"} 0',
    'h_bucket{a="x",le="1"} 1',
    'h_bucket{a="x",le="+Inf"} 1',
    'h_sum{a="x"} 1',
    'h_count{a="x"} 1',
    '# HELP z_total Says "a\\\\b"\\nand more.',
    '# TYPE z_total counter',
    'z_total{a="x"} 1',
    '',
  ]);
});

test('OpenMetrics has families without _total, float bounds, escaped quotes, and an end', () => {
  assert.deepEqual([...expose(registryOfThree(), 'openmetrics')].join('').split('\n'), [
    '# HELP apisix_http_status Bare.',
    '# TYPE apisix_http_status unknown',
    'apisix_http_status{code="200"} 3',
    '# HELP gatewright_metric_series_overflow Writes to the series \\"other\\" of a metric that has its most series.',
    '# TYPE gatewright_metric_series_overflow counter',
    '# HELP h Times.',
    '# TYPE h histogram',
    'h_bucket{a="x",le="0.5"} 0',
    'h_bucket{a="x",le="1.0"} 1',
    'h_bucket{a="x",le="+Inf"} 1',
    'h_sum{a="x"} 1',
    'h_count{a="x"} 1',
    '# HELP z Says \\"a\\\\b\\"\\nand more.',
    '# TYPE z counter',
    'z_total{a="x"} 1',
    '# EOF',
    '',
  ]);
});

test('what is preferred in Accept decides the format', () => {
  const rows: [accept: string | undefined, format: string][] = [
    [undefined, 'text'],
    ['', 'text'],
    ['*/*', 'text'],
    ['text/html', 'text'],
    ['application/openmetrics-text', 'openmetrics'],
    ['application/openmetrics-text; version=1.0.0; charset=utf-8', 'openmetrics'],
    ['Application/OpenMetrics-Text;version=0.0.1', 'openmetrics'],
    ['application/openmetrics-text;version=2.0.0', 'text'],
    ['application/openmetrics-text;q=0', 'text'],
    ['application/openmetrics-text;q=nonsense', 'text'],
    ['application/openmetrics-text;q=0.3,text/plain;q=0.7', 'text'],
    ['text/plain;version=0.0.4;q=0.5,*/*;q=0.1', 'text'],
    [
      'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
      'openmetrics',
    ],
    [
      'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
      'openmetrics',
    ],
  ];
  for (const [accept, format] of rows) assert.equal(formatFor(accept), format, accept ?? 'no field');
});

test('many series come in pieces of bounded size', () => {
  const registry = new MetricRegistry({ now_ms: () => 0 });
  const counter = registry.counter('c', { help: 'Many.', labels: ['a'] });
  for (let series = 0; series < 10_000; series++) counter.add(series, `value ${series}`);
  const pieces = [...expose(registry, 'text')];
  assert.ok(pieces.length > 3 && pieces.every((piece) => piece.length < 70_000));
  const lines = pieces.join('').split('\n');
  assert.equal(lines.filter((line) => line.startsWith('c{')).length, 10_000);
  assert.ok(lines.includes('c{a="value 9999"} 9999'));
});
