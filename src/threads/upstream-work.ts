/** What main does once for all workers: it resolves the names of upstreams, probes their nodes, and asks for staples of certificates. */
import type { AlarmClock } from '../clock/clock.ts';
import type { NameQuery } from '../compile/snapshot.ts';
import type { GatewaySettings } from '../config/settings.ts';
import type { MetricRegistry } from '../observe/metrics.ts';
import type { HostLog } from '../sdk/host.ts';
import type { CheckedUpstream, HealthMonitor } from '../upstream/health-monitor.ts';
import { NameAnswers, type ToldAnswer } from '../upstream/name-answers.ts';
import type { NameResolver } from '../upstream/name-resolver.ts';
import { resolvedUpstreams, startProber } from './health.ts';
import type { Staple, Stapled, Stapler } from '../tls/stapler.ts';
import type { NamesTold, StaplesTold } from './messages.ts';
import { startResolver } from './names.ts';
import { startStapler } from './stapling.ts';

export interface UpstreamWorkParts {
  /** Of the board of health. */
  readonly memory: SharedArrayBuffer;
  readonly settings: GatewaySettings;
  readonly clock: AlarmClock;
  readonly errorLog: HostLog;
  readonly metrics: MetricRegistry;
  /** Tells every thread what names resolve to now. */
  readonly broadcast: (told: readonly ToldAnswer[]) => void;
  /** Tells every worker what authorities say of certificates now. */
  readonly onStaples: (staples: readonly Staple[]) => void;
}

export class UpstreamWork {
  private readonly prober: HealthMonitor;
  private readonly resolver: NameResolver;
  private readonly names: NameAnswers;
  private readonly stapler: Stapler;
  private checked: readonly CheckedUpstream[] = [];
  private isProbingDue = false;
  private isClosed = false;

  constructor(parts: UpstreamWorkParts) {
    const { memory, settings, clock, errorLog, metrics, broadcast, onStaples } = parts;
    this.stapler = startStapler({ clock, errorLog, metrics, onStaples });
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

  /** The certificates that are to be stapled from now on. */
  staple(stapled: readonly Stapled[]): void {
    this.stapler.update(stapled);
  }

  /** Tells a worker that begins everything that is known. */
  greet(post: (message: NamesTold | StaplesTold) => void): void {
    post({ type: 'names', told: this.all() });
    post({ type: 'staples', staples: this.stapler.all() });
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
    this.stapler.close();
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
