/** Routes as they stand in a Snapshot: compiled, a tombstone where one has no good version, and reused where nothing changed. */
import { normalizePattern } from '../router/path.ts';
import type { RouterRoute } from '../router/router.ts';
import { reporter } from '../model/object-model.ts';
import type { RawObject } from '../model/object-set.ts';
import type { Problem } from '../model/problem.ts';
import { MATCH_ATTRIBUTES, routeModel, urisOf } from '../model/route.ts';
import type { RouteObject } from '../model/route.ts';
import { serviceModel } from '../model/service.ts';
import type { ServiceObject } from '../model/service.ts';
import type { AllReadings, Reading } from './read-objects.ts';
import { compileRoute, tombstone } from './route.ts';
import type { RouteSurroundings } from './route.ts';
import { checkMatch } from './rules.ts';
import type { RuleContext } from './rules.ts';
import type { CompiledRoute, RouteMemory } from './snapshot.ts';

interface RouteContext {
  readonly around: RouteSurroundings;
  readonly context: RuleContext;
  /** Of the previous Snapshot. */
  readonly before: RouteMemory | undefined;
  readonly problems: Problem[];
}

/** One route as it stands in the router; null if it is switched off, unknown if what it matches cannot be told. */
export function routeMemory(
  id: string,
  { raw, value }: Reading<RouteObject>,
  { around, context, before, problems }: RouteContext,
): RouteMemory | null | 'unknown' {
  const route = value ?? readMatchPart(raw, context);
  const service = route === null ? null : serviceFor(route, around.readings);
  if (route === null || service === 'unknown') return 'unknown';
  if (route.status === 0) return null;
  const compiled = value === null ? tombstone(id) : compileRoute(id, value, around, reporter(raw.path, problems));
  return renew(compiled, [route, service], before, context);
}

type MatchSources = readonly [route: RouteObject, service: ServiceObject | null];

/** The previous entry if all that it was made of is still the same. */
function renew(
  compiled: CompiledRoute,
  match: MatchSources,
  previous: RouteMemory | undefined,
  context: RuleContext,
): RouteMemory {
  const sources = [...match, compiled.upstream, compiled.refusal?.code, compiled.plugins];
  if (previous !== undefined && sources.every((source, i) => previous.sources[i] === source)) return previous;
  return { entry: entryOf(match, compiled, context), sources };
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
  [route, service]: MatchSources,
  compiled: CompiledRoute,
  context: RuleContext,
): RouterRoute<CompiledRoute> {
  return {
    id: compiled.id,
    uris: urisOf(route).map((uri) => normalizePattern(uri, context.matching.mergeSlashes) ?? uri),
    hosts: route.hosts ?? (route.host === undefined ? (service?.hosts ?? []) : [route.host]),
    methods: route.methods ?? [],
    remoteAddresses: route.remote_addrs ?? (route.remote_addr === undefined ? [] : [route.remote_addr]),
    vars: route.vars ?? [],
    priority: route.priority,
    value: compiled,
  };
}
