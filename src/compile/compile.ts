/**
 * Objects → Snapshot: pure, without I/O, and every problem at once. A bad object never widens access: its last good
 * version serves on, or a tombstone answers in its place, or the whole change is held back.
 */
import { reporter } from '../model/object-model.ts';
import type { ObjectSet, RawObject } from '../model/object-set.ts';
import type { Problem } from '../model/problem.ts';
import { MATCH_ATTRIBUTES, routeModel } from '../model/route.ts';
import type { RouteObject } from '../model/route.ts';
import { serviceModel } from '../model/service.ts';
import type { ServiceObject } from '../model/service.ts';
import type { UpstreamObject } from '../model/upstream.ts';
import type { PluginRegistry } from './plugins.ts';
import { readAll } from './read-objects.ts';
import type { AllReadings } from './read-objects.ts';
import { checkReferences } from './references.ts';
import { compileRoute, hostsOf, patternsOf, tombstone } from './route.ts';
import type { RouteSurroundings } from './route.ts';
import { buildRouter } from './route-table.ts';
import type { RouteEntry } from './route-table.ts';
import { checkMatch } from './rules.ts';
import type { RuleContext } from './rules.ts';
import type { CompiledRoute, RouteMemory, Snapshot, UpstreamMemory } from './snapshot.ts';
import { renewUpstream } from './upstream.ts';

export interface CompileOptions {
  /** What of the settings bears on matching. */
  readonly settings: {
    readonly router: 'radixtree_host_uri' | 'radixtree_uri' | 'radixtree_uri_with_parameter';
    readonly merge_slashes: boolean;
  };
  /** Of the Snapshot to be made. */
  readonly revision: number;
  /** Where last good versions, and the parts that did not change, come from. */
  readonly previous?: Snapshot;
  /** The plugins that exist; none by default. */
  readonly plugins?: PluginRegistry;
}

export interface CompileResult {
  /** The new Snapshot; the previous one if the change is blocked. */
  readonly snapshot: Snapshot;
  /** At a start and in `check`, one is enough to fail; a running gateway serves the good part. */
  readonly problems: readonly Problem[];
  /** Unknown attributes where they are tolerated. */
  readonly warnings: readonly Problem[];
  /** True if nothing may change: what a bad route would match, or what a bad global rule would do, is not known. */
  readonly isBlocked: boolean;
}

/** The Snapshot before the first configuration: no route matches. */
export const EMPTY_SNAPSHOT: Snapshot = { revision: 0, router: { find: () => undefined } };

export function compile(objects: ObjectSet, options: CompileOptions): CompileResult {
  const previous = options.previous ?? EMPTY_SNAPSHOT;
  const memory = previous.memory;
  const context: RuleContext = { plugins: options.plugins ?? new Map(), mergeSlashes: options.settings.merge_slashes };
  const read = readAll(objects, context, memory?.good ?? new Map());
  const problems = [...read.problems];
  checkReferences(read.readings, problems);
  const upstreams = compileUpstreams(read.readings, memory?.upstreams ?? new Map());
  const around = { readings: read.readings, upstreams, previous: memory?.routes ?? new Map() };
  const routes = compileRoutes(around, context, problems);
  if (routes === null || hasLostGlobalRule(read.readings)) {
    return { snapshot: previous, problems, warnings: read.warnings, isBlocked: true };
  }
  const snapshot: Snapshot = {
    revision: options.revision,
    router: buildRouter(routes.entries),
    memory: { good: read.good, upstreams, routes: routes.compiled },
  };
  return { snapshot, problems, warnings: read.warnings, isBlocked: false };
}

function compileUpstreams(
  readings: AllReadings,
  previous: ReadonlyMap<string, UpstreamMemory>,
): Map<string, UpstreamMemory> {
  const upstreams = new Map<string, UpstreamMemory>();
  const add = (key: string, upstream: UpstreamObject | undefined): void => {
    if (upstream !== undefined) upstreams.set(key, renewUpstream(upstream, key, previous.get(key)));
  };
  for (const [id, { value }] of readings.upstreams) if (value !== null) add(`upstreams/${id}`, value);
  for (const [id, { value }] of readings.services) add(`services/${id}`, value?.upstream);
  for (const [id, { value }] of readings.routes) add(`routes/${id}`, value?.upstream);
  return upstreams;
}

interface CompiledRoutes {
  readonly entries: readonly RouteEntry<CompiledRoute>[];
  readonly compiled: ReadonlyMap<string, RouteMemory>;
}

/** null if what a route matches cannot be told. */
function compileRoutes(around: RouteSurroundings, context: RuleContext, problems: Problem[]): CompiledRoutes | null {
  const entries: RouteEntry<CompiledRoute>[] = [];
  const compiled = new Map<string, RouteMemory>();
  let isBlocked = false;
  for (const [id, { raw, value }] of around.readings.routes) {
    const route = value ?? readMatchPart(raw, context);
    const service = route === null ? null : serviceFor(route, around.readings);
    if (route === null || service === 'unknown') {
      isBlocked = true;
      continue;
    }
    if (route.status === 0) continue;
    if (value === null) {
      entries.push(entryOf(route, service, tombstone(id), context));
      continue;
    }
    const memory = compileRoute(id, value, around, reporter(raw.path, problems));
    compiled.set(id, memory);
    entries.push(entryOf(route, service, memory.compiled, context));
  }
  return isBlocked ? null : { entries, compiled };
}

/** What a bad route says about the requests it matches; null if that part is bad itself. */
function readMatchPart(raw: RawObject, context: RuleContext): RouteObject | null {
  const part = Object.entries(raw.value).filter(([key]) => MATCH_ATTRIBUTES.includes(key) || key === 'service_id');
  const { value } = routeModel.read({ ...raw, value: { ...Object.fromEntries(part), plugins: {} } });
  if (value === null) return null;
  const problems: Problem[] = [];
  checkMatch(value, context, reporter(raw.path, problems));
  return problems.length === 0 ? value : null;
}

/**
 * The service that a route may have its hosts from; of a bad one its hosts alone. unknown where they cannot be told: the
 * route would then match hosts that it must not take from others.
 */
function serviceFor(route: RouteObject, readings: AllReadings): ServiceObject | null | 'unknown' {
  const reading = route.service_id === undefined ? undefined : readings.services.get(String(route.service_id));
  if (reading === undefined) return null;
  if (reading.value !== null || route.host !== undefined || route.hosts !== undefined) return reading.value;
  const hosts = reading.raw.value['hosts'];
  const { value } = serviceModel.read({ ...reading.raw, value: hosts === undefined ? {} : { hosts } });
  return value ?? 'unknown';
}

function entryOf(
  route: RouteObject,
  service: ServiceObject | null,
  compiled: CompiledRoute,
  context: RuleContext,
): RouteEntry<CompiledRoute> {
  return {
    id: compiled.id,
    uris: patternsOf(route, context.mergeSlashes),
    hosts: hostsOf(route, service),
    methods: route.methods ?? [],
    remoteAddresses: route.remote_addrs ?? (route.remote_addr === undefined ? [] : [route.remote_addr]),
    vars: route.vars ?? [],
    priority: route.priority,
    value: compiled,
  };
}

function hasLostGlobalRule(readings: AllReadings): boolean {
  return [...readings.global_rules.values()].some(({ value }) => value === null);
}
