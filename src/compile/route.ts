/** Route object → what the data plane needs of it, with its references followed. */
import { normalizePattern } from '../router/path.ts';
import type { ErrorCode } from '../sdk/errors.ts';
import { ERRORS } from '../sdk/errors.ts';
import type { Report } from '../model/object-model.ts';
import { quote } from '../model/problem.ts';
import type { RouteObject } from '../model/route.ts';
import { urisOf } from '../model/route.ts';
import type { ServiceObject } from '../model/service.ts';
import type { AllReadings } from './read-objects.ts';
import type { CompiledRoute, CompiledUpstream, Refusal, RouteMemory, UpstreamMemory } from './snapshot.ts';
import { compileTimeouts } from './upstream.ts';

export interface RouteSurroundings {
  readonly readings: AllReadings;
  /** Compiled upstreams by the key of their owner. */
  readonly upstreams: ReadonlyMap<string, UpstreamMemory>;
  /** Routes of the previous Snapshot by id. */
  readonly previous: ReadonlyMap<string, RouteMemory>;
}

const NO_TIMEOUTS = { connect_ms: 60_000, send_ms: 60_000, read_ms: 60_000 };

/** Compiles a good route; what it refers to and does not find is reported, and answered as APISIX answers it. */
export function compileRoute(id: string, route: RouteObject, around: RouteSurroundings, report: Report): RouteMemory {
  const config = follow('plugin_configs', 'plugin_config_id', route.plugin_config_id, around, report);
  const service = follow('services', 'service_id', route.service_id, around, report);
  const target = findUpstream(id, route, service, around, report);
  if (target === 'unset' && service !== 'missing' && service !== 'bad' && route.plugins === undefined) {
    report('upstream', 'missing_attribute', 'neither the route nor its service names an upstream');
  }
  const refusal =
    refusalFor(config, 'reference_missing') ??
    refusalFor(service, 'service_missing') ??
    refusalFor(target === 'unset' ? 'missing' : target, 'upstream_missing');
  const upstream = typeof target === 'object' ? target.found : null;
  const sources = [route, typeof service === 'object' ? service.found : null, upstream, refusal?.code];
  const before = around.previous.get(id);
  if (before !== undefined && sources.every((source, i) => before.sources[i] === source)) return before;
  const compiled: CompiledRoute = {
    id,
    name: route.name ?? '',
    serviceId: route.service_id === undefined ? '' : String(route.service_id),
    upstream: refusal === null ? upstream : null,
    refusal,
    timeouts: compileTimeouts(route.timeout) ?? upstream?.timeouts ?? NO_TIMEOUTS,
  };
  return { compiled, sources };
}

/** A route without a good version: it matches as declared, so that no other route answers for it, and refuses. */
export function tombstone(id: string): CompiledRoute {
  const refusal = refuse('config_invalid');
  return { id, name: '', serviceId: '', upstream: null, refusal, timeouts: NO_TIMEOUTS };
}

/** A reference: unset, to nothing, to an object without a good version, or followed. */
type Followed<T> = 'unset' | 'missing' | 'bad' | { readonly found: T };

function follow<K extends 'services' | 'plugin_configs' | 'upstreams'>(
  kind: K,
  attribute: string,
  reference: string | number | undefined,
  around: RouteSurroundings,
  report: Report,
): Followed<NonNullable<ReturnType<AllReadings[K]['get']>>['value'] & object> {
  if (reference === undefined) return 'unset';
  const reading = around.readings[kind].get(String(reference));
  if (reading === undefined) {
    const noun = { services: 'service', plugin_configs: 'plugin config', upstreams: 'upstream' }[kind];
    report(attribute, 'dangling_reference', `there is no ${noun} with the id ${quote(String(reference))}`, reference);
    return 'missing';
  }
  return reading.value === null ? 'bad' : { found: reading.value as never };
}

/** The route's own upstream first, then the one it names, then the service's. */
function findUpstream(
  id: string,
  route: RouteObject,
  service: Followed<ServiceObject>,
  around: RouteSurroundings,
  report: Report,
): Followed<CompiledUpstream> {
  if (route.upstream !== undefined) return compiled(`routes/${id}`, around);
  if (route.upstream_id !== undefined) {
    const followed = follow('upstreams', 'upstream_id', route.upstream_id, around, report);
    return typeof followed === 'object' ? compiled(`upstreams/${route.upstream_id}`, around) : followed;
  }
  if (typeof service !== 'object') return 'unset';
  if (service.found.upstream !== undefined) return compiled(`services/${route.service_id}`, around);
  if (service.found.upstream_id === undefined) return 'unset';
  // Reported once, at the service.
  const followed = follow('upstreams', 'upstream_id', service.found.upstream_id, around, () => undefined);
  return typeof followed === 'object' ? compiled(`upstreams/${service.found.upstream_id}`, around) : followed;
}

function compiled(key: string, around: RouteSurroundings): Followed<CompiledUpstream> {
  const upstream = around.upstreams.get(key);
  return upstream === undefined ? 'missing' : { found: upstream.compiled };
}

function refusalFor(followed: Followed<unknown>, missing: ErrorCode): Refusal | null {
  if (followed === 'missing') return refuse(missing);
  if (followed === 'bad') return refuse('config_invalid');
  return null;
}

function refuse(code: ErrorCode): Refusal {
  return { status: ERRORS[code].status, code };
}

/** Patterns of a checked route in the spelling that request paths have. */
export function patternsOf(route: RouteObject, mergeSlashes: boolean): string[] {
  return urisOf(route).map((uri) => normalizePattern(uri, mergeSlashes) ?? uri);
}

/** Hosts that a route matches: its own, else its service's, else all (none named). */
export function hostsOf(route: RouteObject, service: ServiceObject | null): readonly string[] {
  return route.hosts ?? (route.host === undefined ? (service?.hosts ?? []) : [route.host]);
}
