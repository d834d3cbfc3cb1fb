/** The phases that a plugin takes part in. */
import type { PluginInstance } from '../sdk/plugin.ts';
import { exampleHost } from './inert-host.ts';
import type { PluginShape } from './plugins.ts';

/** In the order in which they run. */
const PHASES = [
  'rewrite',
  'access',
  'attempts',
  'beforeProxy',
  'responseHead',
  'responseBody',
  'log',
] as const satisfies readonly (keyof PluginInstance)[];

/** Those of an instance that is made of the first example, or without attributes; undefined where that cannot be made. */
export function phasesOf(shape: PluginShape): string[] | undefined {
  const { name, definition, metadata } = shape;
  try {
    const { config, problems } = shape.read('route', definition.examples?.[0]?.config ?? {}, name);
    if (problems.length > 0) return undefined;
    const host = exampleHost({ plugin: name, object: 'routes/1', configHash: '' });
    const instance = definition.create(config as never, host, metadata.config);
    return PHASES.filter((phase) => instance[phase] !== undefined);
  } catch {
    return undefined;
  }
}
