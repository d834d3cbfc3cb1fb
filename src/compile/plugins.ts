/** Plugins as compile sees them. Which ones exist is an argument: the core knows none. */
import type { Schema } from '../sdk/schema.ts';
import type { Report } from '../model/object-model.ts';
import { nearest, pathOf, quote } from '../model/problem.ts';
import type { Problem } from '../model/problem.ts';
import { validator } from '../model/validate.ts';

/** Where a plugin's attributes stand: that decides which of its schemas they follow. */
export type PluginPlace = 'route' | 'consumer' | 'metadata';

/** What compile needs to know of a plugin. */
export interface PluginShape {
  readonly name: string;
  /** Everything that is wrong with attributes in a place; paths begin with `path`. */
  check(place: PluginPlace, attributes: unknown, path: string): readonly Problem[];
}

export type PluginRegistry = ReadonlyMap<string, PluginShape>;

/** A shape from the schemas that a plugin declares; null where it has nothing to say. */
export function pluginShape(name: string, schemas: Readonly<Record<PluginPlace, Schema | null>>): PluginShape {
  const validators = new Map(
    Object.entries(schemas).flatMap(([place, schema]) =>
      schema === null ? [] : [[place, validator(schema)] as const],
    ),
  );
  return {
    name,
    check(place, attributes, path) {
      const validate = validators.get(place);
      if (validate === undefined) {
        return [{ path, code: 'invalid_value', message: `the plugin "${name}" has no attributes here` }];
      }
      const { problems, unknown } = validate(attributes, path);
      return [...problems, ...unknown];
    },
  };
}

/** The plugins that the list `plugins` leaves; all if there is no list. Names of none are reported. */
export function enabledPlugins(
  registry: PluginRegistry,
  names: readonly string[] | null,
  problems: Problem[],
): PluginRegistry {
  if (names === null) return registry;
  for (const name of names) {
    if (registry.has(name)) continue;
    problems.push({ path: 'plugins', value: name, code: 'not_available', message: missing(name, registry) });
  }
  return new Map([...registry].filter(([name]) => names.includes(name)));
}

/** Reports plugins that do not exist, and attributes that are not theirs. */
export function checkPlugins(
  plugins: Readonly<Record<string, unknown>> | undefined,
  place: PluginPlace,
  registry: PluginRegistry,
  report: Report,
): void {
  for (const name in plugins)
    checkPlugin(name, { place, attributes: plugins[name], path: pathOf('plugins', name) }, registry, report);
}

/** One plugin; `path` is that of its attributes, '' where the object itself consists of them. */
export function checkPlugin(
  name: string,
  use: { readonly place: PluginPlace; readonly attributes: unknown; readonly path: string },
  registry: PluginRegistry,
  report: Report,
): void {
  const plugin = registry.get(name);
  if (plugin === undefined) {
    report(use.path, 'not_available', missing(name, registry));
    return;
  }
  for (const problem of plugin.check(use.place, use.attributes, use.path)) {
    report(problem.path, problem.code, problem.message, problem.value);
  }
}

function missing(name: string, registry: PluginRegistry): string {
  const near = nearest(name, registry.keys());
  return `the plugin ${quote(name)} is not available in this version${near === undefined ? '' : `, did you mean "${near}"?`}`;
}
