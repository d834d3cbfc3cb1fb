/** What follows from the objects in force beside their being served: nodes to probe, names to resolve, certificates to look after. */
import type { AlarmClock } from '../clock/clock.ts';
import type { NameQuery, Snapshot } from '../compile/snapshot.ts';
import type { GatewaySettings } from '../config/settings.ts';
import type { MetricRegistry } from '../observe/metrics.ts';
import type { HostLog } from '../sdk/host.ts';
import type { Stapled } from '../tls/stapler.ts';
import type { CheckedUpstream } from '../upstream/health-monitor.ts';
import { CertificateWatch } from './certificate-watch.ts';
import { UpstreamView } from './health.ts';
import type { FromControl, Port } from './messages.ts';

export interface FollowUpParts {
  /** Of the board of health. */
  readonly memory: SharedArrayBuffer;
  readonly settings: GatewaySettings;
  readonly clock: AlarmClock;
  readonly errorLog: HostLog;
  readonly metrics: MetricRegistry;
  /** What is to be probed and resolved, all of it, whenever that changed. */
  readonly onUpstreams: (checked: readonly CheckedUpstream[], queries: readonly NameQuery[]) => void;
  /** What is to be stapled, all of it, whenever that changed. */
  readonly onStapled: (stapled: readonly Stapled[]) => void;
}

export class FollowUp {
  readonly upstreams: UpstreamView;
  private readonly certificates: CertificateWatch;

  constructor({ memory, settings, clock, errorLog, metrics, onUpstreams, onStapled }: FollowUpParts) {
    this.upstreams = new UpstreamView(memory, metrics, onUpstreams);
    this.certificates = new CertificateWatch({
      clock,
      errorLog,
      metrics,
      fallbackName: settings.tls.fallback_sni.toLowerCase(),
      onStapled,
    });
  }

  /** A Snapshot is in force. */
  update(snapshot: Snapshot): void {
    this.upstreams.update(snapshot);
    this.certificates.update(snapshot);
  }

  /** For the status. */
  get remarks(): Readonly<Record<string, unknown>> {
    return this.certificates.remarks;
  }

  close(): void {
    this.certificates.close();
  }
}

/** With main to do what is to be done. */
export function followUpInMain(
  main: Port<unknown, FromControl>,
  parts: Omit<FollowUpParts, 'onUpstreams' | 'onStapled'>,
): FollowUp {
  return new FollowUp({
    ...parts,
    onUpstreams: (checked, queries) => main.post({ type: 'upstreams', checked, queries }),
    onStapled: (stapled) => main.post({ type: 'stapled', stapled }),
  });
}
