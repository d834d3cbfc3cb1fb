/** Route object → what the data plane needs of it, with its references followed. */
import type { ErrorCode } from '../sdk/errors.ts';
import { ERRORS } from '../sdk/errors.ts';
import type { Report } from '../model/object-model.ts';
import type { RouteObject } from '../model/route.ts';
import type { ServiceObject } from '../model/service.ts';
import { pathOf } from '../model/problem.ts';
import { bodyConflict } from './merge.ts';
import type { RouteMerger } from './merge.ts';
import type { AllReadings } from './read-objects.ts';
import { follow } from './references.ts';
import type { Dangling, Followed } from './references.ts';
import type { CompiledRoute, CompiledUpstream, Refusal, UpstreamMemory } from './snapshot.ts';
import { compileTimeouts } from './upstream.ts';

export interface RouteSurroundings {
  readonly readings: AllReadings;
  /** Compiled upstreams by the key of their owner. */
  readonly upstreams: { get(key: string): UpstreamMemory | undefined };
  readonly merger: RouteMerger;
}

const NO_TIMEOUTS = { connect_ms: 60_000, send_ms: 60_000, read_ms: 60_000 };

/** Compiles a good route; what it refers to and does not find is reported, and answered as APISIX answers it. */
export function compileRoute(id: string, route: RouteObject, around: RouteSurroundings, report: Report): CompiledRoute {
  const at = (attribute: string) => (message: string, id: string | number) =>
    report(attribute, 'dangling_reference', message, id);
  const config = follow(around.readings, 'plugin_configs', route.plugin_config_id, at('plugin_config_id'));
  const service = follow(around.readings, 'services', route.service_id, at('service_id'));
  const target = findUpstream(id, route, service, around, at('upstream_id'));
  if (target === 'unset' && service !== 'missing' && service !== 'bad' && route.plugins === undefined) {
    report('upstream', 'missing_attribute', 'neither the route nor its service names an upstream');
  }
  const unknown = refusalFor(config, 'reference_missing') ?? refusalFor(service, 'service_missing');
  // With part of its plugins alone, a route might answer what the missing ones would have refused.
  const plugins = unknown === null ? around.merger.pluginsOf(id, route) : null;
  const conflict = plugins === null ? null : bodyConflict(plugins);
  if (conflict !== null) {
    const [buffering, streaming] = conflict;
    const message = `the plugin "${buffering}" may need the whole body, which "${streaming}" wants passed on as it comes: leave one of them out`;
    report(pathOf('plugins', buffering), 'not_supported', message);
  }
  const unfit = unknown ?? (conflict === null ? null : refuse('config_invalid'));
  const refusal = unfit ?? refusalFor(target === 'unset' ? 'missing' : target, 'upstream_missing');
  const upstream = typeof target === 'object' ? target.found : null;
  return {
    id,
    name: route.name ?? '',
    serviceId: route.service_id === undefined ? '' : String(route.service_id),
    serviceName: (typeof service === 'object' ? service.found.name : undefined) ?? '',
    upstream: refusal === null ? upstream : null,
    refusal,
    timeouts: compileTimeouts(route.timeout) ?? upstream?.timeouts ?? NO_TIMEOUTS,
    hasOwnTimeouts: route.timeout !== undefined,
    ...hostsOf(route, typeof service === 'object' ? service.found : null),
    ...webSocketOf(route, typeof service === 'object' ? service.found : null),
    plugins,
  };
}

function hostsOf(route: RouteObject, service: ServiceObject | null): Pick<CompiledRoute, 'hosts'> {
  const hosts = route.hosts ?? (route.host === undefined ? service?.hosts : [route.host]);
  return hosts === undefined || hosts.length === 0 ? {} : { hosts };
}

function webSocketOf(route: RouteObject, service: ServiceObject | null): Pick<CompiledRoute, 'websocket'> {
  return (route.enable_websocket ?? service?.enable_websocket ?? false) ? { websocket: true } : {};
}

/** A route without a good version: it matches as declared, so that no other route answers for it, and refuses. */
export function tombstone(id: string): CompiledRoute {
  const refusal = refuse('config_invalid');
  return {
    id,
    name: '',
    serviceId: '',
    serviceName: '',
    upstream: null,
    refusal,
    timeouts: NO_TIMEOUTS,
    plugins: null,
  };
}

/** The route's own upstream first, then the one it names, then the service's. */
function findUpstream(
  id: string,
  route: RouteObject,
  service: Followed<ServiceObject>,
  around: RouteSurroundings,
  dangling: Dangling,
): Followed<CompiledUpstream> {
  if (route.upstream !== undefined) return compiled(`routes/${id}`, around);
  if (route.upstream_id !== undefined) return named(route.upstream_id, around, dangling);
  if (typeof service !== 'object') return 'unset';
  if (service.found.upstream !== undefined) return compiled(`services/${route.service_id}`, around);
  // A dangling reference is reported at the service, once.
  return service.found.upstream_id === undefined ? 'unset' : named(service.found.upstream_id, around, () => undefined);
}

function named(id: string | number, around: RouteSurroundings, dangling: Dangling): Followed<CompiledUpstream> {
  const followed = follow(around.readings, 'upstreams', id, dangling);
  return typeof followed === 'object' ? compiled(`upstreams/${id}`, around) : followed;
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
