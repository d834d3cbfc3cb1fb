/** Which plugins run where several objects have a say: later ones win, and a configuration is replaced whole. */
import type { Step } from './chain.ts';
import { NO_PLUGINS } from './object-plugins.ts';
import type { ObjectPlugins, PluginUse } from './object-plugins.ts';
import type { RouteObject } from '../model/route.ts';
import type { AllReadings } from './read-objects.ts';
import type { Refusal, RouteMemory } from './snapshot.ts';

/** The objects that a route has its plugins from, in the order in which later ones win. */
export type RouteLayers = readonly [service: ObjectPlugins, pluginConfig: ObjectPlugins, route: ObjectPlugins];

/** The plugins of a route, merged. */
export interface RoutePlugins {
  readonly layers: RouteLayers;
  /** By plugin, with those that are switched off: a consumer may bring them back. */
  readonly merged: ReadonlyMap<string, PluginUse>;
  /** Those that run, in their order. */
  readonly enabled: readonly ActiveUse[];
}

/** The plugins that a consumer brings, merged with those of its group. */
export interface ConsumerPlugins {
  readonly own: ObjectPlugins;
  readonly group: ObjectPlugins;
  readonly merged: ReadonlyMap<string, PluginUse>;
}

/** A plugin that is not switched off. */
export interface ActiveUse extends PluginUse {
  readonly step: Step;
}

export const NO_ROUTE_PLUGINS: RoutePlugins = mergeRoute([NO_PLUGINS, NO_PLUGINS, NO_PLUGINS]);

export function mergeRoute(layers: RouteLayers): RoutePlugins {
  const merged = merge(layers);
  return { layers, merged, enabled: inOrder(merged.values()) };
}

/** Merges the plugins of routes; where nothing changed, they stay the same object, and routes with the same ones share it. */
export class RouteMerger {
  private readonly readings: AllReadings;
  private readonly previous: ReadonlyMap<string, RouteMemory>;
  /** Of routes without plugins of their own, by service and plugin config. */
  private readonly shared = new Map<ObjectPlugins, Map<ObjectPlugins, RoutePlugins>>();

  constructor(readings: AllReadings, previous: ReadonlyMap<string, RouteMemory>) {
    this.readings = readings;
    this.previous = previous;
    this.shared.set(NO_PLUGINS, new Map([[NO_PLUGINS, NO_ROUTE_PLUGINS]]));
  }

  /** @param route the version in force */
  pluginsOf(id: string, { service_id, plugin_config_id }: RouteObject): RoutePlugins {
    const { services, plugin_configs, routes } = this.readings;
    const layers: RouteLayers = [
      services.get(String(service_id))?.plugins ?? NO_PLUGINS,
      plugin_configs.get(String(plugin_config_id))?.plugins ?? NO_PLUGINS,
      routes.get(id)?.plugins ?? NO_PLUGINS,
    ];
    const before = this.previous.get(id)?.entry.value.plugins ?? null;
    const isSame = before !== null && before.layers.every((layer, i) => layer === layers[i]);
    if (layers[2] !== NO_PLUGINS) return isSame ? before : mergeRoute(layers);
    let ofService = this.shared.get(layers[0]);
    if (ofService === undefined) this.shared.set(layers[0], (ofService = new Map<ObjectPlugins, RoutePlugins>()));
    let merged = ofService.get(layers[1]);
    if (merged === undefined) ofService.set(layers[1], (merged = isSame ? before : mergeRoute(layers)));
    return merged;
  }
}

export function mergeConsumer(own: ObjectPlugins, group: ObjectPlugins): ConsumerPlugins {
  return { own, group, merged: merge([group, own]) };
}

/** What stands for the plugins of a consumer that must not be served: it answers every exchange. */
export function refusingConsumer(
  own: ObjectPlugins,
  { status, code, message }: Refusal & { readonly message: string },
): ConsumerPlugins {
  const step: Step = {
    // No plugin has such a name, so none can be in its place.
    plugin: 'consumer_group',
    priority: Number.POSITIVE_INFINITY,
    instance: {
      rewrite: (exchange) => ({ status, code, body: { message, code, request_id: exchange.id } }),
    },
    filter: null,
    errorResponse: undefined,
  };
  const use: PluginUse = { plugin: step.plugin, step, prefersRoute: false, object: '' };
  return { own, group: NO_PLUGINS, merged: new Map([[use.plugin, use]]) };
}

function merge(layers: readonly ObjectPlugins[]): Map<string, PluginUse> {
  const merged = new Map<string, PluginUse>();
  for (const { uses } of layers) for (const use of uses) merged.set(use.plugin, use);
  return merged;
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
