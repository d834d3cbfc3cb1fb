/** What main does for upstreams: it resolves their names and probes their nodes, once for all workers. */
import type { Clock } from '../clock/clock.ts';
import type { NameQuery } from '../compile/snapshot.ts';
import type { GatewaySettings } from '../config/settings.ts';
import type { MetricRegistry } from '../observe/metrics.ts';
import type { HostLog } from '../sdk/host.ts';
import type { CheckedUpstream, HealthMonitor } from '../upstream/health-monitor.ts';
import { NameAnswers, type ToldAnswer } from '../upstream/name-answers.ts';
import type { NameResolver } from '../upstream/name-resolver.ts';
import { resolvedUpstreams, startProber } from './health.ts';
import { startResolver } from './names.ts';

export interface UpstreamWorkParts {
  /** Of the board of health. */
  readonly memory: SharedArrayBuffer;
  readonly settings: GatewaySettings;
  readonly clock: Clock;
  readonly errorLog: HostLog;
  readonly metrics: MetricRegistry;
  /** Tells every thread what names resolve to now. */
  readonly broadcast: (told: readonly ToldAnswer[]) => void;
}

export class UpstreamWork {
  private readonly prober: HealthMonitor;
  private readonly resolver: NameResolver;
  private readonly names: NameAnswers;
  private checked: readonly CheckedUpstream[] = [];
  private isProbingDue = false;
  private isClosed = false;

  constructor({ memory, settings, clock, errorLog, metrics, broadcast }: UpstreamWorkParts) {
    this.prober = startProber({ memory, settings, clock, errorLog, metrics });
    this.names = new NameAnswers((queries) => this.resolver.ask(queries));
    const onTold = (told: readonly ToldAnswer[]): void => {
      this.names.tell(told);
      broadcast(told);
      this.probeSoon();
    };
    this.resolver = startResolver({ settings: settings.dns, clock, errorLog, metrics, onTold });
  }

  /** All that is to be done from now on. */
  update(checked: readonly CheckedUpstream[], queries: readonly NameQuery[]): void {
    this.checked = checked;
    this.resolver.update(queries);
    this.probeSoon();
  }

  /** Of names that the configuration does not have, or not yet. */
  resolve(queries: readonly NameQuery[]): void {
    this.resolver.ask(queries);
  }

  /** What names resolve to, for a thread that begins. */
  all(): readonly ToldAnswer[] {
    return this.resolver.all();
  }

  close(): void {
    this.isClosed = true;
    this.resolver.close();
    this.prober.close();
  }

  /** Answers come in crowds: one look at all upstreams for each crowd. */
  private probeSoon(): void {
    if (this.isProbingDue) return;
    this.isProbingDue = true;
    setImmediate(() => {
      this.isProbingDue = false;
      if (!this.isClosed) this.prober.update(resolvedUpstreams(this.checked, this.names));
    });
  }
}
