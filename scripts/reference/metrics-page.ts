/** The page of metrics: what is registered by those who write them, in a registry that nobody reads. */
import { systemClock } from '../../src/clock/clock.ts';
import { exampleHost } from '../../src/compile/inert-host.ts';
import type { PluginShape } from '../../src/compile/plugins.ts';
import { DEFAULT_SETTINGS } from '../../src/config/settings.ts';
import { MetricRegistry } from '../../src/observe/metrics.ts';
import type { HostLog } from '../../src/sdk/host.ts';
import {
  configProblems,
  threadMetrics,
  http2Abuses,
  upstreamHttp2Abuses,
  measureNode,
  measureWorker,
  pluginFaults,
  storeLive,
  connectionRefusals,
  proxyRefusals,
  tlsRefusals,
  upstreamTlsFailures,
} from '../../src/threads/gateway-metrics.ts';
import { CertificateWatch } from '../../src/threads/certificate-watch.ts';
import { startStapler } from '../../src/threads/stapling.ts';
import { UpstreamView, startProber } from '../../src/threads/health.ts';
import { countDrops } from '../../src/threads/logs.ts';
import { startResolver } from '../../src/threads/names.ts';
import { allocateSharedMemory } from '../../src/threads/shared-memory.ts';
import { measureLimits, measureProcess, sharedLimits, systemParts } from '../../src/threads/system-parts.ts';
import { cell } from './attributes.ts';

const nothing = (): void => {};
const SILENT: HostLog = { debug: nothing, info: nothing, warn: nothing, error: nothing };

export function metricsPage(shapes: readonly PluginShape[]): string {
  const metrics = new MetricRegistry({ now_ms: () => 0 });
  registerGateway(metrics);
  const own = rowsOf(metrics, new Set());
  const known = new Set(metrics.collect().map(({ shape }) => shape.name));
  const ofPlugins = shapes.flatMap((shape) => {
    registerPlugin(metrics, shape);
    const rows = rowsOf(metrics, known);
    for (const { shape: family } of metrics.collect()) known.add(family.name);
    return rows.map((row) => `${row} [${shape.name}](plugins/${shape.name}.md) |`);
  });
  return `# Metrics

What \`gateway.metrics\` serves to Prometheus, all threads together. Names and labels are APISIX's where APISIX has the metric;
[differences](../apisix-differences.md) says where they mean something else. A metric has at most 10,000 series: what comes
beyond is summed up in one whose labels are \`other\`.

## Of the gateway

| Name | Type | Labels | Description |
|---|---|---|---|
${own.join('\n')}

## Of plugins

| Name | Type | Labels | Description | Plugin |
|---|---|---|---|---|
${ofPlugins.join('\n')}
`;
}

function registerGateway(metrics: MetricRegistry): void {
  const memory = allocateSharedMemory(1);
  measureProcess(metrics, systemClock, '0');
  measureNode(metrics, '0');
  measureWorker(metrics, nothing, { requestCount: 0, acceptedCount: 0, connectionCount: 0 }, '');
  threadMetrics(metrics);
  configProblems(metrics);
  http2Abuses(metrics);
  upstreamHttp2Abuses(metrics);
  tlsRefusals(metrics);
  connectionRefusals(metrics);
  proxyRefusals(metrics);
  upstreamTlsFailures(metrics);
  storeLive(metrics);
  pluginFaults(metrics);
  countDrops(metrics, {});
  systemParts({ clock: systemClock, errorLog: SILENT, metrics, thread: '', settings: DEFAULT_SETTINGS }).close();
  measureLimits(metrics, sharedLimits(memory.limits, systemClock, 1));
  const health = {
    memory: memory.health,
    settings: DEFAULT_SETTINGS,
    clock: systemClock,
    errorLog: SILENT,
    metrics,
  };
  startProber(health).close();
  startStapler({ clock: systemClock, errorLog: SILENT, metrics, onStaples: nothing }).close();
  const watched = { clock: systemClock, errorLog: SILENT, metrics, fallbackName: '', onStapled: nothing };
  new CertificateWatch(watched).close();
  startResolver({ ...health, settings: DEFAULT_SETTINGS.dns, onTold: nothing }).close();
  void new UpstreamView(memory.health, metrics, nothing);
}

function registerPlugin(metrics: MetricRegistry, shape: PluginShape): void {
  const { name, definition, metadata } = shape;
  const { config } = shape.read('route', definition.examples?.[0]?.config ?? {}, name);
  const host = { ...exampleHost({ plugin: name, object: 'routes/1', configHash: '' }), metrics };
  definition.create(config as never, host, metadata.config);
}

function rowsOf(metrics: MetricRegistry, known: ReadonlySet<string>): string[] {
  return metrics
    .collect()
    .filter(({ shape }) => !known.has(shape.name))
    .map(({ shape: { name, type, labels, help } }) => {
      return `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${cell(help)} |`;
    });
}
