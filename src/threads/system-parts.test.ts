import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostLog } from '../sdk/host.ts';
import { systemClock } from '../clock/clock.ts';
import { expose } from '../observe/exposition.ts';
import { DEFAULT_SETTINGS } from '../config/settings.ts';
import { MetricRegistry } from '../observe/metrics.ts';
import { hostFactory } from './host.ts';
import { measureLimits, measureProcess, systemParts } from './system-parts.ts';

const nothing = (): void => undefined;
const SILENT: HostLog = { debug: nothing, info: nothing, warn: nothing, error: nothing };

test('the parts of the system make a host that works, and metrics that make sense', (t) => {
  const metrics = new MetricRegistry({ now_ms: () => systemClock.monotonic_ms() });
  const parts = systemParts({
    clock: systemClock,
    errorLog: SILENT,
    metrics,
    thread: 'worker 1',
    settings: { ...DEFAULT_SETTINGS, profile: 'apisix' },
  });
  measureLimits(metrics, parts.limits);
  measureProcess(metrics, systemClock, '0.1.0');
  t.after(() => parts.close());
  const host = hostFactory(parts)({ plugin: 'limit-count', object: 'routes/1', configHash: 'h' });
  assert.equal(
    host.counters.fixedWindow('s', { key: 'k'.repeat(300), limit: 2, window_ms: 60_000, cost: 1 }).remaining,
    1,
  );
  assert.equal(host.profile, 'apisix');
  host.kv.set('k', 'v', 1000);
  assert.equal(host.kv.get('k'), 'v');
  assert.equal(host.randomBytes(16).length, 16);
  const drawn = host.random();
  assert.ok(drawn >= 0 && drawn < 1);
  const text = [...expose(metrics, 'text')].join('');
  const value = (name: string): number => Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1]);
  assert.ok(value('process_cpu_seconds_total') > 0);
  assert.ok(value('process_resident_memory_bytes') > 10_000_000);
  assert.ok(value('process_open_fds') !== 0);
  assert.ok(Math.abs(value('process_start_time_seconds') - systemClock.wall_ms() / 1000) < 3600);
  assert.equal(value('gatewright_counter_keys'), 1);
  assert.equal(value('gatewright_counter_overflow_total'), 0);
  assert.equal(value('gatewright_kv_entries'), 1);
  assert.match(text, /^gatewright_build_info\{version="0\.1\.0",node="v\d+\.[^"]*"\} 1$/m);
});
