/** A configuration → what the gateway would make of it, short enough to read: what has its default value is left out. */
import { compile, type CompileResult } from '../../src/compile/compile.ts';
import type { CompiledNode, CompiledUpstream, CompiledUpstreamTls, RouteMemory, Snapshot } from '../../src/compile/snapshot.ts';
import { type Configuration, parseConfiguration } from '../../src/config/configuration.ts';
import { DEFAULT_SETTINGS, type GatewaySettings } from '../../src/config/settings.ts';
import type { Problem } from '../../src/model/problem.ts';
import { describePlugins, TEST_PLUGINS } from './plugins.ts';

/**
 * The expected output of a case. `---` separates the configurations that a running gateway sees one after the other.
 * Comments at the top of each: `# env: NAME=value` sets a variable, `# dialect: apisix` reads it as APISIX's file. What begins with `{` is JSON.
 * `# plugins: test` in the first one makes the plugins of plugins.ts available, and shows what becomes of them.
 */
export function render(input: string): string {
  let previous: Snapshot | undefined;
  const hasPlugins = /^# plugins: test$/m.test(input);
  const results = input.split(/^---\n/m).map((text, index) => {
    const configuration = parseConfiguration(text, {
      format: text.startsWith('{') ? 'json' : 'yaml',
      dialect: /^# dialect: apisix$/m.test(text) ? 'apisix' : 'gatewright',
      env: Object.fromEntries(Array.from(text.matchAll(/^# env: (\w+)=(.*)$/gm), ([, name, value]) => [name, value])),
    });
    const { settings, objects } = configuration;
    const compiled = compile(objects, { settings, revision: index + 1, ...(hasPlugins ? { plugins: TEST_PLUGINS } : {}), ...(previous === undefined ? {} : { previous }) });
    const before = previous;
    previous = compiled.snapshot;
    const described = describe(configuration, compiled, before);
    return hasPlugins ? { ...described, ...withoutEmpty(describePlugins(compiled.snapshot)) } : described;
  });
  return `${JSON.stringify(results.length === 1 ? results[0] : results, null, 2)}\n`;
}

function describe(configuration: Configuration, compiled: CompileResult, before: Snapshot | undefined): Record<string, unknown> {
  const problems = [...configuration.problems, ...compiled.problems.map(configuration.dress)];
  const warnings = [...configuration.warnings, ...compiled.warnings.map(configuration.dress)];
  const memory = compiled.snapshot.memory;
  return withoutEmpty({
    problems: problems.map(oneLine),
    warnings: warnings.map(oneLine),
    blocked: compiled.isBlocked,
    settings: changed(configuration.settings),
    routes: Object.fromEntries(sorted(memory?.routes).map(([id, route]) => [id, describeRoute(route)])),
    upstreams: Object.fromEntries(
      sorted(memory?.upstreams).map(([key, upstream]) => [key, describeUpstream(upstream.compiled)]),
    ),
    reused: reused(compiled.snapshot, before),
  });
}

function oneLine({ path, line, value, code, message }: Problem): unknown {
  return { at: `${line ?? '-'} ${path}`, code, message, ...(value === undefined ? {} : { value }) };
}

function changed(settings: GatewaySettings): unknown {
  const defaults = new Map(Object.entries(DEFAULT_SETTINGS).map(([key, value]) => [key, JSON.stringify(value)]));
  return Object.fromEntries(Object.entries(settings).filter(([key, value]) => defaults.get(key) !== JSON.stringify(value)));
}

function describeRoute({ entry }: RouteMemory): unknown {
  const { uris, hosts, methods, remoteAddresses, vars, priority, value } = entry;
  const { connect_ms, send_ms, read_ms } = value.timeouts;
  const timeouts = `${connect_ms} ${send_ms} ${read_ms}`;
  return withoutEmpty({
    uris,
    hosts,
    methods,
    remote_addresses: remoteAddresses,
    vars,
    priority,
    name: value.name,
    service: value.serviceId,
    upstream: value.upstream?.key ?? '',
    refusal: value.refusal === null ? '' : `${value.refusal.status} ${value.refusal.code}`,
    websocket: value.websocket === true ? 'passes' : '',
    timeouts_ms: timeouts === '60000 60000 60000' ? '' : timeouts,
  });
}

function describeUpstream(upstream: CompiledUpstream): unknown {
  const { connect_ms, send_ms, read_ms } = upstream.timeouts;
  const { size, idle_ms, requests } = upstream.keepalive;
  const timeouts = `${connect_ms} ${send_ms} ${read_ms}`;
  const pool = `size ${size}, idle ${idle_ms} ms, requests ${requests}`;
  return withoutEmpty({
    nodes: upstream.nodes.map(describeNode),
    balancer: upstream.balancer.type === 'roundrobin' ? {} : upstream.balancer,
    retries: upstream.retries === Math.max(0, upstream.nodes.length - 1) ? '' : `${upstream.retries}`,
    retry_timeout_ms: upstream.retryTimeout_ms,
    timeouts_ms: timeouts === '60000 60000 60000' ? '' : timeouts,
    pass_host: upstream.passHost === 'pass' ? '' : upstream.passHost,
    upstream_host: upstream.upstreamHost,
    tls: upstream.tls === undefined ? '' : describeTls(upstream.tls),
    service: upstream.names?.service ?? {},
    checks: upstream.checks === undefined ? {} : { ...upstream.checks, identity: '' },
    keepalive: pool === 'size 320, idle 60000 ms, requests 1000' ? '' : pool,
  });
}

function describeTls({ cert, certId, verify }: CompiledUpstreamTls): string {
  const shown = certId === '' ? (cert === '' ? 'no certificate' : 'a certificate of its own') : `certificate ${certId}`;
  return `shows ${shown}, verifies ${verify === null ? 'by profile' : String(verify)}`;
}

function describeNode({ host, port, weight, priority, authority }: CompiledNode): string {
  const isOwn = authority === `${host}:${port}`;
  return `${authority} weight ${weight}${priority === 0 ? '' : ` priority ${priority}`}${isOwn ? '' : ` (${host})`}`;
}

/** By id. */
function sorted<T>(entries: Iterable<[string, T]> | undefined): [string, T][] {
  return [...(entries ?? [])].toSorted(([one], [other]) => (one < other ? -1 : 1));
}

/** What is the same object as in the Snapshot before. */
function reused(snapshot: Snapshot, before: Snapshot | undefined): string[] {
  if (before?.memory === undefined || snapshot === before) return [];
  const { routes, upstreams } = before.memory;
  return [
    ...sorted(snapshot.memory?.routes).flatMap(([id, route]) => (routes.get(id) === route ? [`route ${id}`] : [])),
    ...sorted(snapshot.memory?.upstreams).flatMap(([key, upstream]) =>
      upstreams.get(key)?.compiled === upstream.compiled ? [`upstream ${key}`] : [],
    ),
  ];
}

function withoutEmpty(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const isEmpty = (value: unknown): boolean =>
    value === '' || value === 0 || value === false || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);
  return Object.fromEntries(Object.entries(members).filter(([, value]) => !isEmpty(value)));
}
