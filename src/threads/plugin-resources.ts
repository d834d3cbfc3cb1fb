/** What all plugins of a gateway share: counts, small values and metrics outlive every Snapshot. */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock/clock.ts';
import type { HostFor } from '../compile/instances.ts';
import { CounterTable } from '../limit/counter-table.ts';
import { KeyValueTable } from '../limit/key-values.ts';
import { MetricRegistry } from '../observe/metrics.ts';
import type { HostLog } from '../sdk/host.ts';
import { hostFactory, sha256 } from './host.ts';

export class PluginResources {
  readonly metrics: MetricRegistry;
  readonly hostFor: HostFor;

  constructor(clock: Clock, errorLog: HostLog) {
    const now_ms = (): number => clock.monotonic_ms();
    this.metrics = new MetricRegistry({ now_ms });
    this.hostFor = hostFactory({
      clock,
      errorLog,
      counters: new CounterTable({ now_ms, digest: sha256 }),
      kv: new KeyValueTable({ now_ms }),
      metrics: this.metrics,
      random: Math.random,
      randomBytes,
    });
  }
}
