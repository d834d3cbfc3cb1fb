/** Which plugins run where several objects have a say: later ones win, and a configuration is replaced whole. */
import type { Step } from './chain.ts';
import type { RouteChains } from './chain-source.ts';
import { NO_PLUGINS } from './object-plugins.ts';
import type { ObjectPlugins, PluginUse } from './object-plugins.ts';
import type { RouteObject } from '../model/route.ts';
import type { RouteFacts } from '../sdk/exchange.ts';
import type { PersistentMap } from './persistent-map.ts';
import type { AllReadings } from './read-objects.ts';
import type { CompileMemory, Refusal, RouteMemory } from './snapshot.ts';

/** The objects that a route has its plugins from, in the order in which later ones win. */
export type RouteLayers = readonly [service: ObjectPlugins, pluginConfig: ObjectPlugins, route: ObjectPlugins];

/** The plugins of a route, merged. */
export interface RoutePlugins {
  readonly layers: RouteLayers;
  /** By plugin, with those that are switched off: a consumer may bring them back. */
  readonly merged: ReadonlyMap<string, PluginUse>;
  /** Those that run, in their order. */
  readonly enabled: readonly ActiveUse[];
  /** What was made of them last: a memory of `Chains`. */
  chains: RouteChains | null;
  /** What plugins were told last of a route that has these. */
  told: ToldFacts | null;
}

/** The facts of a route, for exchanges that matched it in the same way. */
export interface ToldFacts {
  readonly route: object;
  readonly matchedText: string;
  readonly isPrefixMatched: boolean;
  readonly facts: RouteFacts;
}

/** The plugins that a consumer brings, merged with those of its group. */
export interface ConsumerPlugins {
  readonly own: ObjectPlugins;
  readonly group: ObjectPlugins;
  readonly merged: ReadonlyMap<string, PluginUse>;
  readonly enabled: readonly ActiveUse[];
}

/** A plugin that is not switched off. */
export interface ActiveUse extends PluginUse {
  readonly step: Step;
}

export function mergeRoute(layers: RouteLayers): RoutePlugins {
  const merged = merge(layers);
  return { layers, merged, enabled: inOrder(merged.values()), chains: null, told: null };
}

/** The merged plugins of routes that have none of their own, by service and plugin config. Kept from Snapshot to Snapshot. */
export type SharedRoutePlugins = WeakMap<ObjectPlugins, WeakMap<ObjectPlugins, RoutePlugins>>;

/** Merges the plugins of routes; where nothing changed, they stay the same object. */
export class RouteMerger {
  readonly shared: SharedRoutePlugins;
  private readonly readings: AllReadings;
  private readonly previous: PersistentMap<RouteMemory> | undefined;

  constructor(readings: AllReadings, memory: CompileMemory | undefined) {
    this.readings = readings;
    this.previous = memory?.routes;
    this.shared = memory?.sharedPlugins ?? new WeakMap();
  }

  /** @param route the version in force */
  pluginsOf(id: string, { service_id, plugin_config_id }: RouteObject): RoutePlugins {
    const { services, plugin_configs, routes } = this.readings;
    const service = services.get(String(service_id))?.plugins ?? NO_PLUGINS;
    const config = plugin_configs.get(String(plugin_config_id))?.plugins ?? NO_PLUGINS;
    const own = routes.get(id)?.plugins ?? NO_PLUGINS;
    if (own === NO_PLUGINS) return this.sharedBy(service, config);
    const before = this.previous?.get(id)?.entry.value.plugins ?? null;
    const layers: RouteLayers = [service, config, own];
    return before !== null && before.layers.every((layer, i) => layer === layers[i]) ? before : mergeRoute(layers);
  }

  private sharedBy(service: ObjectPlugins, config: ObjectPlugins): RoutePlugins {
    let ofService = this.shared.get(service);
    if (ofService === undefined) {
      ofService = new WeakMap<ObjectPlugins, RoutePlugins>();
      this.shared.set(service, ofService);
    }
    let merged = ofService.get(config);
    if (merged === undefined) ofService.set(config, (merged = mergeRoute([service, config, NO_PLUGINS])));
    return merged;
  }
}

export function mergeConsumer(own: ObjectPlugins, group: ObjectPlugins): ConsumerPlugins {
  const merged = merge([group, own]);
  return { own, group, merged, enabled: inOrder(merged.values()) };
}

/** What stands for the plugins of a consumer that must not be served: it answers every exchange. */
export function refusingConsumer(
  own: ObjectPlugins,
  { status, code, message }: Refusal & { readonly message: string },
): ConsumerPlugins {
  const step: Step = {
    // No plugin has such a name, so none can be in its place.
    plugin: 'consumer_group',
    number: 0,
    priority: Number.POSITIVE_INFINITY,
    instance: {
      rewrite: (exchange) => ({ status, code, body: { message, code, request_id: exchange.requestId } }),
    },
    filter: null,
    errorResponse: undefined,
  };
  const use: ActiveUse = { plugin: step.plugin, step, prefersRoute: false, object: '' };
  return { own, group: NO_PLUGINS, merged: new Map([[use.plugin, use]]), enabled: [use] };
}

function merge(layers: readonly ObjectPlugins[]): Map<string, PluginUse> {
  const merged = new Map<string, PluginUse>();
  for (const { uses } of layers) for (const use of uses) merged.set(use.plugin, use);
  return merged;
}

/** A plugin that wants whole what another one wants passed on as it comes; null if there is none. */
export function bodyConflict({ enabled }: RoutePlugins): readonly [buffering: string, streaming: string] | null {
  for (const { plugin, buffers } of enabled) {
    const other = enabled.find(({ streams }) => areSame(buffers, streams));
    if (other !== undefined) return [plugin, other.plugin];
  }
  return null;
}

function areSame(buffers: PluginUse['buffers'], streams: PluginUse['streams']): boolean {
  if (buffers === null || buffers === undefined || streams === null || streams === undefined) return false;
  return buffers === 'both' || streams === 'both' || buffers === streams;
}

/** Those that are not switched off: highest priority first, ties by name, then by owner. */
export function inOrder(uses: Iterable<PluginUse>): ActiveUse[] {
  return [...uses].filter(isActive).sort(compareUses);
}

export function isActive(use: PluginUse): use is ActiveUse {
  return use.step !== null;
}

function compareUses(a: ActiveUse, b: ActiveUse): number {
  return b.step.priority - a.step.priority || compareTexts(a.plugin, b.plugin) || compareTexts(a.object, b.object);
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
