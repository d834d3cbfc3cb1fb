/** Plugins as compile sees them. Which ones exist is an argument: the core knows none. */
import type { AnyPlugin, Beside } from '../sdk/plugin.ts';
import { nearest, quote } from '../model/problem.ts';
import type { Problem } from '../model/problem.ts';
import type { Meta } from './meta.ts';

/** Where a plugin's attributes stand: that decides which of its schemas they follow. */
export type PluginPlace = 'route' | 'consumer' | 'metadata';

/** One plugin, with its schemas ready to read attributes by. */
export interface PluginShape {
  readonly name: string;
  /** In the registry, from 1: the same in every thread that has the same plugins. */
  readonly number: number;
  readonly definition: AnyPlugin;
  /** What instances get where no `plugin_metadata` has been configured: its defaults, undefined if it needs more. */
  readonly metadata: Metadata;
  /** Attributes with their defaults, and everything that is wrong with them; paths begin with `path`. */
  read(place: PluginPlace, attributes: unknown, path: string): PluginReading;
  /** What is wrong with them because of what stands beside them. @param config as read */
  checkBeside(config: unknown, beside: Beside, path: string): Problem[];
}

export interface PluginReading {
  /** Frozen, with defaults and without `_meta`; meaningful only if `problems` is empty. */
  readonly config: unknown;
  readonly meta: Meta;
  readonly problems: readonly Problem[];
  /** Unknown attributes: an error or a warning, as the kind of file decides. */
  readonly unknown: readonly Problem[];
}

/** What `plugin_metadata` says for all instances of a plugin. */
export interface Metadata {
  /** Frozen, with defaults; undefined if there is none. */
  readonly config: unknown;
  /** Equal for equal configurations. */
  readonly text: string;
}

export type PluginRegistry = ReadonlyMap<string, PluginShape>;

/** The plugins that the list `plugins` leaves; all if there is no list. Names of none are reported. */
export function enabledPlugins(
  registry: PluginRegistry,
  names: readonly string[] | null,
  problems: Problem[],
): PluginRegistry {
  if (names === null) return registry;
  for (const name of names) {
    if (registry.has(name)) continue;
    problems.push({ path: 'plugins', value: name, code: 'not_available', message: missingPlugin(name, registry) });
  }
  return new Map([...registry].filter(([name]) => names.includes(name)));
}

/** The message for a plugin that does not exist, or is not enabled. */
export function missingPlugin(name: string, registry: PluginRegistry): string {
  const near = nearest(name, registry.keys());
  return `the plugin ${quote(name)} is not available in this version${near === undefined ? '' : `, did you mean "${near}"?`}`;
}
