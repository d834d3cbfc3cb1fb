/** From what a test gives as its configuration to settings, objects and plugins, with every problem. */
import { resolve } from 'node:path';
import { type Configuration, loadConfiguration, parseConfiguration } from '../config/configuration.ts';
import { ConfigurationError } from '../config/configuration-error.ts';
import type { ConfigurationFile } from '../builders/index.ts';
import type { GatewaySettings } from '../config/settings.ts';
import type { Environment } from '../config/environment.ts';
import { loadPlugins } from '../config/plugin-files.ts';
import { compile } from '../compile/compile.ts';
import { checkedPluginRegistry, pluginRegistry } from '../compile/plugin-registry.ts';
import type { CompileMemory } from '../compile/snapshot.ts';
import type { PluginRegistry } from '../compile/plugins.ts';
import type { Problem } from '../model/problem.ts';
import { ALL_PLUGINS } from '../plugins/all.ts';
import type { AnyPlugin } from '../sdk/plugin.ts';

/** The path of a file, a text in YAML (it has a line end), or what such a file says. */
export type ConfigurationSource = string | ConfigurationFile | Readonly<Record<string, unknown>>;

/** A configuration that was found right, and is ready to be put in force as often as one likes. */
export interface CheckedConfiguration {
  /** '' where it is no file. */
  readonly file: string;
  readonly settings: GatewaySettings;
  /** As control has it: nothing runs in it. */
  readonly memory: CompileMemory;
  /** For who assembles: nothing is checked again. */
  readonly plugins: PluginRegistry;
}

export interface CheckOptions {
  readonly env: Environment;
  /** Of people, beside those that the configuration names. */
  readonly plugins: readonly AnyPlugin[];
}

/** Rejects with a ConfigurationError. */
export async function checkConfiguration(
  source: ConfigurationSource,
  { env, plugins }: CheckOptions,
): Promise<CheckedConfiguration> {
  const isText = typeof source === 'string' && source.includes('\n');
  const file = typeof source === 'string' && !isText ? resolve(source) : '';
  const read = file !== '' ? await loadConfiguration(file, env) : parsed(source, isText, env);
  const { settings, objects, dress } = read;
  const files = settings.plugin_files.map((one) => resolve(one));
  const loaded = await loadPlugins([...ALL_PLUGINS, ...plugins], files);
  const registry = pluginRegistry(loaded.plugins, env);
  const { snapshot, problems } = compile(objects, { settings, revision: 1, plugins: registry });
  const found = [
    ...read.problems,
    ...[...loaded.problems, ...problems].map(dress),
    ...storeProblems(settings.store.type),
  ];
  const { memory } = snapshot;
  if (found.length > 0 || memory === undefined) throw new ConfigurationError(found, file);
  return { file, settings, memory, plugins: checkedPluginRegistry(loaded.plugins, new Set(), env) };
}

function parsed(source: ConfigurationSource, isText: boolean, env: Environment): Configuration {
  const text = isText ? (source as string) : JSON.stringify(source);
  return parseConfiguration(text, { format: isText ? 'yaml' : 'json', dialect: 'gatewright', env });
}

function storeProblems(type: string): Problem[] {
  if (type === 'file') return [];
  const message = `the objects are in the store "${type}": test a file that has them, as gatewright dump prints one`;
  return [{ path: 'gateway.store.type', code: 'not_supported', message }];
}
