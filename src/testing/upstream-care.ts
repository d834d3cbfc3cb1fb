/** What main does for upstreams, in a test: health checks and names, in virtual time. */
import type { Snapshot } from '../compile/snapshot.ts';
import type { GatewaySettings } from '../config/settings.ts';
import { MetricRegistry } from '../observe/metrics.ts';
import type { HostLog } from '../sdk/host.ts';
import { resolvedUpstreams, UpstreamView } from '../threads/health.ts';
import { HealthBoard } from '../upstream/health-board.ts';
import { type CheckedUpstream, HealthMonitor } from '../upstream/health-monitor.ts';
import type { UpstreamReport } from '../upstream/health-report.ts';
import { NameAnswers } from '../upstream/name-answers.ts';
import { NameResolver } from '../upstream/name-resolver.ts';
import type { Probe } from '../upstream/probe.ts';
import type { ScriptedNames } from './scripted-names.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { VirtualClock } from './virtual-clock.ts';

export interface CareOptions {
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  readonly settings: GatewaySettings;
  /** The first to be in force. */
  readonly snapshot: Snapshot;
  readonly errorLog: HostLog;
  readonly probe: Probe;
  readonly names: ScriptedNames;
}

/** Slots for checked nodes, and for as many again as another configuration or other addresses may bring. */
function slotsFor({ memory }: Snapshot): number {
  let nodes = 0;
  for (const { compiled } of memory?.upstreams.values() ?? []) {
    if (compiled.checks !== undefined) nodes += Math.max(16, compiled.nodes.length);
  }
  return 64 + nodes * 3;
}

export class UpstreamCare {
  /** For the worker. */
  readonly board: HealthBoard;
  readonly names: NameAnswers;
  private readonly view: UpstreamView;
  private readonly monitor: HealthMonitor;
  private readonly resolver: NameResolver;
  private checked: readonly CheckedUpstream[] = [];

  constructor({ clock, random, settings, errorLog, snapshot, probe, names }: CareOptions) {
    const memory = new SharedArrayBuffer(HealthBoard.bytes({ slots: slotsFor(snapshot) }));
    const now_ms = (): number => clock.monotonic_ms();
    const startTimer = (delay_ms: number, onExpired: () => void) => clock.startTimer(delay_ms, onExpired);
    this.board = new HealthBoard(memory);
    this.monitor = new HealthMonitor({
      board: new HealthBoard(memory),
      now_ms,
      random: random.random,
      startTimer,
      probe,
      slowStart_ms: settings.health.slow_start_ms,
      onTurn: ({ upstream, node, isDown, reason }) =>
        errorLog[isDown ? 'warn' : 'info'](isDown ? 'node_down' : 'node_up', { upstream, node, reason }),
      onUnchecked: (nodes) => {
        if (nodes > 0) throw new RangeError(`${nodes} nodes are too many to be checked in a test`);
      },
    });
    this.names = new NameAnswers((queries) => this.resolver.ask(queries));
    this.resolver = new NameResolver({
      lookup: names.lookup,
      now_ms,
      random: random.random,
      startTimer,
      minTtl_ms: settings.dns.min_ttl_ms,
      maxTtl_ms: settings.dns.max_ttl_ms,
      onTold: (told) => {
        this.names.tell(told);
        this.view.tell(told);
        this.check();
      },
      onFailed: ({ query, reason, isStale }) =>
        errorLog.warn('name_not_resolved', {
          name: query.name,
          reason,
          serves: isStale ? 'the last answer' : 'nothing',
        }),
      onRecovered: ({ name }) => errorLog.info('name_resolved', { name }),
    });
    this.view = new UpstreamView(memory, new MetricRegistry({ now_ms }), (checked, queries) => {
      this.checked = checked;
      this.resolver.update(queries);
      this.check();
    });
    this.view.update(snapshot);
  }

  update(snapshot: Snapshot): void {
    this.view.update(snapshot);
  }

  report(): UpstreamReport[] {
    return this.view.report();
  }

  close(): void {
    this.resolver.close();
    this.monitor.close();
  }

  private check(): void {
    this.monitor.update(resolvedUpstreams(this.checked, this.names));
  }
}
