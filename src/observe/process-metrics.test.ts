import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expose } from './exposition.ts';
import { MetricRegistry } from './metrics.ts';
import { addProcessMetrics, addThreadMetrics } from './process-metrics.ts';

test('the process is read whenever metrics are collected', () => {
  const registry = new MetricRegistry({ now_ms: () => 0 });
  const state = {
    user: 1.5,
    system: 0.5,
    fds: 12 as number | null,
    delay: { mean: 0.001, p99: 0.02, max: 0.5 } as object | null,
  };
  addProcessMetrics(
    registry,
    {
      cpu_s: () => state,
      rss_bytes: () => 1_000_000,
      openFds: () => state.fds,
      start_s: 1_790_000_000,
    },
    { version: '0.1.0', node: 'v26.0.0' },
  );
  addThreadMetrics(registry, 'worker 1', () => state.delay as { mean: number; p99: number; max: number } | null);
  const samples = (): string[] =>
    [...expose(registry, 'text')]
      .join('')
      .split('\n')
      .filter((line) => /^[^#]/.test(line));
  assert.deepEqual(samples(), [
    'gatewright_build_info{version="0.1.0",node="v26.0.0"} 1',
    'gatewright_event_loop_delay_seconds{thread="worker 1",quantile="mean"} 0.001',
    'gatewright_event_loop_delay_seconds{thread="worker 1",quantile="0.99"} 0.02',
    'gatewright_event_loop_delay_seconds{thread="worker 1",quantile="max"} 0.5',
    'process_cpu_seconds_total 2',
    'process_cpu_system_seconds_total 0.5',
    'process_cpu_user_seconds_total 1.5',
    'process_open_fds 12',
    'process_resident_memory_bytes 1000000',
    'process_start_time_seconds 1790000000',
  ]);
  Object.assign(state, { user: 4, fds: null, delay: null });
  const later = samples();
  assert.ok(later.includes('process_cpu_seconds_total 4.5'));
  assert.ok(later.includes('process_open_fds -1'));
  assert.ok(later.includes('gatewright_event_loop_delay_seconds{thread="worker 1",quantile="max"} 0'));
  // A reading that falls, which a counter must not.
  state.user = 3;
  assert.ok(samples().includes('process_cpu_user_seconds_total 4'));
});
