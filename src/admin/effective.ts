/** The configuration that a route has in effect: each attribute with the object that it comes from. Pure. */
import type { PluginRegistry } from '../compile/plugins.ts';
import type { Kind } from '../model/object-set.ts';
import { isId, isObject } from './change.ts';
import type { Redactor } from './redact.ts';
import type { JsonObject } from './view.ts';

/** A value beside the object that it comes from: `services/1`, or `default`. */
export interface Sourced {
  readonly value: unknown;
  readonly from: string;
}

export interface SourcedPlugin extends Sourced {
  readonly plugin: string;
  readonly priority: number;
  /** Switched off by `_meta.disable`. */
  readonly isDisabled: boolean;
  /** Objects that have the plugin too, and have no say in it. */
  readonly overridden: readonly string[];
}

export interface EffectiveRoute {
  readonly id: string;
  readonly attributes: { readonly [name: string]: Sourced };
  /** In the order in which they run: those of global rules first, in each phase. */
  readonly global_plugins: readonly SourcedPlugin[];
  readonly plugins: readonly SourcedPlugin[];
  /** References to nothing: the route answers with an error. */
  readonly dangling: readonly string[];
}

export interface EffectiveContext {
  readonly objects: { readonly [K in Kind]: readonly { readonly id: string; readonly written: JsonObject }[] };
  readonly plugins: PluginRegistry;
  readonly redactor: Redactor;
}

/** An object beside its name. */
interface Layer {
  readonly name: string;
  readonly kind: Kind;
  readonly id: string;
  readonly value: JsonObject;
}

/** @param asked a route, and the consumer that would call it, null for none */
export function effectiveRoute(
  asked: { readonly id: string; readonly username: string | null },
  context: EffectiveContext,
): EffectiveRoute | { readonly missing: string } {
  const dangling: string[] = [];
  const find = (kind: Kind, id: unknown): Layer | null => {
    if (!isId(id)) return null;
    const found = context.objects[kind].find((object) => object.id === String(id));
    if (found !== undefined) return { name: `${kind}/${found.id}`, kind, id: found.id, value: found.written };
    dangling.push(`${kind}/${String(id)}`);
    return null;
  };
  const route = find('routes', asked.id);
  if (route === null) return { missing: `route ${JSON.stringify(asked.id)}` };
  const consumer = asked.username === null ? null : find('consumers', asked.username);
  if (asked.username !== null && consumer === null) return { missing: `consumer ${JSON.stringify(asked.username)}` };
  const service = find('services', route.value['service_id']);
  const layers = [
    service,
    find('plugin_configs', route.value['plugin_config_id']),
    route,
    find('consumer_groups', consumer?.value['group_id']),
    consumer,
  ].filter((layer) => layer !== null);
  const target = upstreamOf(route, find) ?? (service === null ? null : upstreamOf(service, find));
  const globals = context.objects.global_rules.map(({ id, written }): Layer => {
    return { name: `global_rules/${id}`, kind: 'global_rules', id, value: written };
  });
  return {
    id: route.id,
    attributes: attributesOf(route, service, target, context),
    global_plugins: globals.flatMap((rule) => mergePlugins([rule], context)).toSorted(byPriority),
    plugins: mergePlugins(layers, context),
    dangling,
  };
}

/** The upstream that an object names, and who defines it. */
function upstreamOf({ value, name, kind, id }: Layer, find: (kind: Kind, id: unknown) => Layer | null): Layer | null {
  const { upstream } = value;
  if (isObject(upstream)) return { name, kind, id, value: upstream };
  return find('upstreams', value['upstream_id']);
}

/** What only the route itself says, of what decides about a request. */
const OWN = ['name', 'uri', 'uris', 'methods', 'remote_addr', 'remote_addrs', 'vars'] as const;
const TIMEOUT = { connect: 60, send: 60, read: 60 };

function attributesOf(route: Layer, service: Layer | null, upstream: Layer | null, { redactor }: EffectiveContext) {
  const attributes: Record<string, Sourced> = {};
  const set = (name: string, candidates: readonly (Layer | null)[], otherwise?: unknown): void => {
    const layer = candidates.find((one) => one?.value[name] !== undefined);
    if (layer !== undefined && layer !== null) attributes[name] = { value: layer.value[name], from: layer.name };
    else if (otherwise !== undefined) attributes[name] = { value: otherwise, from: 'default' };
  };
  for (const name of OWN) set(name, [route]);
  set('priority', [route], 0);
  set('status', [route], 1);
  set('host', [route]);
  set('hosts', route.value['host'] === undefined ? [route, service] : [route]);
  set('enable_websocket', [route, service], false);
  if (upstream !== null) {
    const shown = redactor.redact('upstreams', upstream.id, upstream.value);
    attributes['upstream'] = { value: shown, from: upstream.name };
  }
  set('timeout', [route, upstream], TIMEOUT);
  return attributes;
}

/** Later layers win, and a configuration is replaced whole. Authentication of a consumer is no plugin of its requests. */
function mergePlugins(layers: readonly Layer[], { plugins, redactor }: EffectiveContext): SourcedPlugin[] {
  const merged = new Map<string, SourcedPlugin>();
  for (const { kind, id, name: from, value } of layers) {
    if (!isObject(value['plugins'])) continue;
    for (const [plugin, attributes] of Object.entries(value['plugins'])) {
      const shape = plugins.get(plugin);
      if (kind === 'consumers' && shape?.definition.kind === 'auth') continue;
      const reading = isObject(attributes) ? shape?.read('route', attributes, '') : undefined;
      const isGood = reading !== undefined && reading.problems.length === 0;
      const config = { [plugin]: isGood ? reading.config : attributes };
      const before = merged.get(plugin);
      merged.set(plugin, {
        plugin,
        value: (redactor.redact(kind, id, { plugins: config })['plugins'] as JsonObject)[plugin],
        from,
        priority: reading?.meta.priority ?? shape?.definition.priority ?? 0,
        isDisabled: reading?.meta.isDisabled ?? false,
        overridden: before === undefined ? [] : [...before.overridden, before.from],
      });
    }
  }
  return [...merged.values()].toSorted(byPriority);
}

function byPriority(a: SourcedPlugin, b: SourcedPlugin): number {
  return b.priority - a.priority || (a.plugin < b.plugin ? -1 : a.plugin > b.plugin ? 1 : 0);
}
