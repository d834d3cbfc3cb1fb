/** From what a test gives as its configuration to settings, objects and plugins, with every problem. */
import { resolve } from 'node:path';
import { type Configuration, loadConfiguration, parseConfiguration } from '../config/configuration.ts';
import type { ConfigurationFile } from '../builders/index.ts';
import type { Environment } from '../config/environment.ts';
import { loadPlugins } from '../config/plugin-files.ts';
import { pluginRegistry } from '../compile/plugin-registry.ts';
import type { PluginRegistry } from '../compile/plugins.ts';
import type { Problem } from '../model/problem.ts';
import { ALL_PLUGINS } from '../plugins/all.ts';
import type { AnyPlugin } from '../sdk/plugin.ts';

/** The path of a file, a text in YAML (it has a line end), or what such a file says. */
export type ConfigurationSource = string | ConfigurationFile | Readonly<Record<string, unknown>>;

/** A configuration that cannot be put in force: every problem that it has. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[], file: string) {
    super(
      `the configuration has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:\n${problems.map((one) => textOf(one, file)).join('\n')}`,
    );
    this.problems = problems;
  }
}

function textOf({ path, line, message }: Problem, file: string): string {
  const place =
    file === '' ? (line === undefined ? '' : `line ${line}: `) : `${file}${line === undefined ? '' : `:${line}`}: `;
  return `  ${place}${path === '' ? '' : `${path}: `}${message}`;
}

export interface ReadConfiguration extends Pick<Configuration, 'settings' | 'objects' | 'dress'> {
  /** '' where it is no file. */
  readonly file: string;
  readonly plugins: PluginRegistry;
}

export interface ReadOptions {
  readonly env: Environment;
  /** Of people, beside those that the configuration names. */
  readonly plugins: readonly AnyPlugin[];
}

/** Rejects with a ConfigurationError. */
export async function readConfiguration(
  source: ConfigurationSource,
  { env, plugins }: ReadOptions,
): Promise<ReadConfiguration> {
  const isText = typeof source === 'string' && source.includes('\n');
  const file = typeof source === 'string' && !isText ? resolve(source) : '';
  const read = file !== '' ? await loadConfiguration(file, env) : parsed(source, isText, env);
  const { settings, objects, dress } = read;
  const files = settings.plugin_files.map((one) => resolve(one));
  const loaded = await loadPlugins([...ALL_PLUGINS, ...plugins], files);
  const problems = [...read.problems, ...loaded.problems.map(dress), ...storeProblems(settings.store.type)];
  if (problems.length > 0) throw new ConfigurationError(problems, file);
  return { settings, objects, dress, file, plugins: pluginRegistry(loaded.plugins) };
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
