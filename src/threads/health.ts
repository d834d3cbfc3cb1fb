/** Health checks across threads: control says what is to be checked, main probes it, and everybody looks at one board. */
import type { Clock } from '../clock/clock.ts';
import { type Certificates, NO_CERTIFICATES } from '../compile/certificates.ts';
import { PersistentMap } from '../compile/persistent-map.ts';
import type { CompiledUpstream, NameQuery, Snapshot, UpstreamMemory } from '../compile/snapshot.ts';
import type { GatewaySettings } from '../config/settings.ts';
import type { MetricRegistry } from '../observe/metrics.ts';
import type { HostLog } from '../sdk/host.ts';
import { expandNodes } from '../upstream/expand-nodes.ts';
import { HealthBoard } from '../upstream/health-board.ts';
import { type CheckedUpstream, HealthMonitor, type HealthTurn } from '../upstream/health-monitor.ts';
import { healthReport, type UpstreamReport } from '../upstream/health-report.ts';
import { NameAnswers, type ToldAnswer } from '../upstream/name-answers.ts';
import { probeBy, type ShownCertificate } from '../upstream/probe.ts';
import { resolveAuthorities } from '../upstream/upstream-tls.ts';

export interface ProberParts {
  /** Of the board. */
  readonly memory: SharedArrayBuffer;
  readonly settings: Pick<GatewaySettings, 'health' | 'authorities' | 'upstream_tls'>;
  readonly clock: Clock;
  readonly errorLog: HostLog;
  readonly metrics: MetricRegistry;
}

/** The prober of a gateway: in main, where no request and no configuration keeps it waiting. */
export function startProber({ memory, settings, clock, errorLog, metrics }: ProberParts): HealthMonitor {
  let unchecked = 0;
  const ca = resolveAuthorities(settings.authorities);
  const monitor = new HealthMonitor({
    board: new HealthBoard(memory),
    now_ms: () => clock.monotonic_ms(),
    random: Math.random,
    startTimer,
    probe: probeBy({
      minVersion: settings.upstream_tls.min_version,
      ...(ca === undefined ? {} : { ca }),
    }),
    slowStart_ms: settings.health.slow_start_ms,
    onTurn: (turn) => logTurn(errorLog, turn),
    onUnchecked: (nodes) => {
      unchecked = nodes;
      if (nodes > 0) errorLog.warn('nodes_not_checked', { nodes, reason: 'there are more than can be checked' });
      else errorLog.info('all_nodes_checked');
    },
  });
  const labels: string[] = [];
  const notChecked = metrics.gauge('gatewright_health_unchecked_nodes', {
    help: 'Nodes with health checks that are not checked, because there are too many.',
    labels,
  });
  const discarded = metrics.counter('gatewright_health_discarded_probes_total', {
    help: 'Probes that timed out because the gateway was late itself, and that count for nothing.',
    labels,
  });
  let discardedBefore = 0;
  metrics.onCollect(() => {
    notChecked.set(unchecked);
    discarded.add(monitor.discarded - discardedBefore);
    discardedBefore = monitor.discarded;
  });
  return monitor;
}

function logTurn(errorLog: HostLog, { upstream, node, isDown, reason }: HealthTurn): void {
  const detail = { upstream, node, ...(reason === '' ? { found_by: 'traffic' } : { found_by: 'probe', reason }) };
  if (isDown) errorLog.warn('node_down', detail);
  else errorLog.info('node_up', detail);
}

function startTimer(delay_ms: number, onExpired: () => void): { stop(): void } {
  const timer = setTimeout(onExpired, delay_ms);
  return { stop: () => clearTimeout(timer) };
}

/** The series of a node that left go when nobody has set them for so long. */
const EXPIRE_MS = 60_000;

const NO_UPSTREAMS = PersistentMap.empty<UpstreamMemory>();

/** Whether main does something for it. */
function isTended(upstream: UpstreamMemory | undefined): boolean {
  return upstream !== undefined && (upstream.compiled.checks !== undefined || upstream.compiled.names !== undefined);
}

/** What control tells main of upstreams, and reads of their health. */
export class UpstreamView {
  private readonly board: HealthBoard;
  private readonly names: NameAnswers;
  private readonly onChanged: (checked: readonly CheckedUpstream[], queries: readonly NameQuery[]) => void;
  /** At the last update. */
  private looked: { readonly upstreams: PersistentMap<UpstreamMemory>; readonly certificates: Certificates } = {
    upstreams: NO_UPSTREAMS,
    certificates: NO_CERTIFICATES,
  };
  private sources: readonly CompiledUpstream[] = [];
  private shown: readonly (ShownCertificate | undefined)[] = [];
  private checked: readonly CheckedUpstream[] = [];

  /** @param onChanged told what is to be checked and resolved, all of it, whenever that changed */
  constructor(
    memory: SharedArrayBuffer,
    metrics: MetricRegistry,
    onChanged: (checked: readonly CheckedUpstream[], queries: readonly NameQuery[]) => void,
  ) {
    this.board = new HealthBoard(memory);
    // Main knows the queries of everything that is asked about here.
    this.names = new NameAnswers(() => undefined);
    this.onChanged = onChanged;
    const status = metrics.gauge('apisix_upstream_status', {
      help: 'Health of the nodes of upstreams that have health checks: 1 for up, 0 for down.',
      labels: ['name', 'ip', 'port'],
      expire_ms: EXPIRE_MS,
    });
    metrics.onCollect(() => {
      const upstreams = resolvedUpstreams(this.checked, this.names);
      for (const [at, { key, nodes }] of healthReport(this.board, upstreams).entries()) {
        for (const [index, { ip, status: state }] of nodes.entries()) {
          const isUp = state === 'healthy' || state === 'mostly_healthy';
          // Of the node, and not of its probes: those of all nodes of a machine may go to one port.
          const port = upstreams[at]?.nodes[index]?.port ?? 0;
          status.set(isUp ? 1 : 0, `/apisix/${key}`, ip, String(port));
        }
      }
    });
  }

  /** Everything in a Snapshot that has checks or names, also what no route uses: it is ready before it is used. */
  update({ memory }: Snapshot): void {
    const upstreams = memory?.upstreams ?? NO_UPSTREAMS;
    const certificates = memory?.certificates ?? NO_CERTIFICATES;
    const before = this.looked;
    this.looked = { upstreams, certificates };
    // Most changes touch none of them, and there may be tens of thousands.
    const isTouched = before.upstreams
      .differences(upstreams)
      .some(([, here, there]) => isTended(here) || isTended(there));
    if (!isTouched && before.certificates === certificates) return;
    const sources = Array.from(upstreams.values().filter(isTended), ({ compiled }) => compiled);
    const shown = sources.map((one) => shownBy(one, certificates));
    const isSame = sources.length === this.sources.length && sources.every((one, i) => one === this.sources[i]);
    if (isSame && shown.every((one, i) => one?.cert === this.shown[i]?.cert && one?.ca === this.shown[i]?.ca)) return;
    this.sources = sources;
    this.shown = shown;
    this.checked = sources.flatMap(({ key, checks, nodes, names }, i) => {
      if (checks === undefined) return [];
      const certificate = shown[i];
      return [
        {
          key,
          checks,
          nodes,
          ...(names === undefined ? {} : { names }),
          ...(certificate === undefined ? {} : { shown: certificate }),
        },
      ];
    });
    const queries = sources.flatMap(({ names }) => names?.queries ?? []);
    this.onChanged(this.checked, queries);
  }

  tell(told: readonly ToldAnswer[]): void {
    this.names.tell(told);
  }

  /** For the Control API. */
  report(): UpstreamReport[] {
    return healthReport(this.board, resolvedUpstreams(this.checked, this.names));
  }
}

/** What probes over TLS show, and by whom they know the node: the same as requests. */
function shownBy({ tls, checks }: CompiledUpstream, certificates: Certificates): ShownCertificate | undefined {
  if (tls === undefined || checks?.active.type !== 'https') return undefined;
  const ssl = tls.certId === '' ? undefined : certificates.client(tls.certId);
  const { cert, key } = ssl?.certs[0] ?? tls;
  if (cert === '') return undefined;
  return { cert, key, ...(ssl === undefined || ssl.clientCa === '' ? {} : { ca: ssl.clientCa }) };
}

/** The same with an address for each node; nodes whose names have none yet are left out. */
export function resolvedUpstreams(checked: readonly CheckedUpstream[], names: NameAnswers): CheckedUpstream[] {
  return checked.map((upstream) => {
    if (upstream.names === undefined) return upstream;
    const { nodes } = expandNodes(upstream, (kind, name) => names.get({ kind, name }));
    return { ...upstream, nodes };
  });
}
