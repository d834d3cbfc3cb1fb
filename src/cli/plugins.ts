/** `gatewright plugins`: which plugins there are, and what one of them takes. */
import { parseArgs } from 'node:util';
import { phasesOf } from '../compile/plugin-phases.ts';
import { pluginRegistry } from '../compile/plugin-registry.ts';
import type { PluginShape } from '../compile/plugins.ts';
import { findConfiguration, loadConfiguration } from '../config/configuration.ts';
import { loadPlugins } from '../config/plugin-files.ts';
import { nearest } from '../model/problem.ts';
import { publishSchema } from '../model/publish.ts';
import { ALL_PLUGINS } from '../plugins/all.ts';
import type { Schema } from '../sdk/schema.ts';
import { EXIT, type Io, UsageError } from './arguments.ts';
import { attributeRows, columns } from './schema.ts';

interface Listed {
  readonly shape: PluginShape;
  /** Where its code lies, '' for the gateway's own. */
  readonly file: string;
  /** By the list `plugins` of the configuration, where it has one. */
  readonly isEnabled: boolean;
}

/**
 * `gatewright plugins [NAME] [-c FILE] [--json]`: all plugins in the order in which they run within a phase, or one of them
 * with its attributes. With a configuration, people's own are among them. 1 if one of those cannot be loaded; the others
 * are listed all the same. Throws UsageError.
 */
export async function plugins(args: readonly string[], io: Io): Promise<number> {
  const { name, config, isJson } = parse(args);
  const { listed, faults } = await list(config, io);
  for (const fault of faults) io.stderr(`gatewright plugins: ${fault}\n`);
  if (name === undefined) io.stdout(isJson ? asJson(listed.map(factsOf)) : asTable(listed));
  else {
    const found = find(name, listed);
    io.stdout(isJson ? asJson({ ...factsOf(found), ...schemasOf(found) }) : asPage(found));
  }
  return faults.length === 0 ? EXIT.fine : EXIT.failed;
}

function parse(args: readonly string[]) {
  try {
    const options = { config: { type: 'string', short: 'c' }, json: { type: 'boolean' } } as const;
    const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options });
    if (positionals.length > 1) throw new Error(`one plugin is expected, found ${positionals.join(' ')}`);
    return { name: positionals[0], config: values.config, isJson: values.json === true };
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

async function list(
  config: string | undefined,
  io: Io,
): Promise<{ listed: readonly Listed[]; faults: readonly string[] }> {
  const path = locate(config, io);
  const loaded = path === null ? null : await loadConfiguration(path, io.env);
  const { plugins: definitions, files, problems } = await loadPlugins(ALL_PLUGINS, loaded?.settings.plugin_files ?? []);
  const enabled = loaded?.objects.plugins ?? null;
  const listed = Array.from(pluginRegistry(definitions).values(), (shape) => ({
    shape,
    file: files.get(shape.name) ?? '',
    isEnabled: enabled === null || enabled.includes(shape.name),
  }));
  listed.sort(
    (a, b) => b.shape.definition.priority - a.shape.definition.priority || (a.shape.name < b.shape.name ? -1 : 1),
  );
  return { listed, faults: problems.map((problem) => `${problem.path}: ${problem.message}`) };
}

/** Without a configuration, the gateway's own plugins are all that there are. */
function locate(config: string | undefined, io: Io): string | null {
  try {
    return findConfiguration(config, io.cwd, io.env);
  } catch {
    return null;
  }
}

function find(name: string, listed: readonly Listed[]): Listed {
  const found = listed.find(({ shape }) => shape.name === name);
  if (found !== undefined) return found;
  const near = nearest(
    name,
    listed.map(({ shape }) => shape.name),
  );
  throw new UsageError(`there is no plugin "${name}"${near === undefined ? '' : `, did you mean "${near}"?`}`);
}

function factsOf({ shape, file, isEnabled }: Listed) {
  const { name, priority, kind, summary, effects = [], buffers } = shape.definition;
  return {
    name,
    priority,
    kind: kind ?? null,
    phases: phasesOf(shape) ?? null,
    summary,
    file: file === '' ? null : file,
    enabled: isEnabled,
    effects,
    buffers: buffers ?? null,
  };
}

function schemasOf({ shape }: Listed): Record<string, unknown> {
  const { schema, consumerSchema, metadataSchema, examples = [] } = shape.definition;
  const published = (one: Schema | undefined): unknown => (one === undefined ? null : publishSchema(one));
  return {
    schema: published(schema),
    consumer_schema: published(consumerSchema),
    metadata_schema: published(metadataSchema),
    examples,
  };
}

function asJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function asTable(listed: readonly Listed[]): string {
  const rows = listed.map(({ shape, file, isEnabled }) => {
    const { name, priority, kind = '', summary } = shape.definition;
    const notes = [file === '' ? '' : `(${file})`, isEnabled ? '' : '(not enabled)'].filter((note) => note !== '');
    return [name, String(priority), kind, (phasesOf(shape) ?? ['?']).join(' '), [summary, ...notes].join(' ')];
  });
  return columns([['NAME', 'PRIORITY', 'KIND', 'PHASES', 'SUMMARY'], ...rows]);
}

function asPage(listed: Listed): string {
  const { shape, file } = listed;
  const {
    name,
    priority,
    kind,
    summary,
    effects = [],
    buffers,
    schema,
    consumerSchema,
    metadataSchema,
  } = shape.definition;
  const facts: [string, string | undefined][] = [
    ['priority', String(priority)],
    ['kind', kind],
    ['phases', phasesOf(shape)?.join(', ')],
    ['reaches', effects.length === 0 ? undefined : effects.join(', ')],
    ['buffers', buffers],
    ['file', file === '' ? undefined : file],
    ['enabled', listed.isEnabled ? undefined : 'no: the list "plugins" leaves it out'],
  ];
  const parts: [string, Schema | undefined][] = [
    ['attributes', schema],
    ['attributes on consumers and credentials', consumerSchema],
    ['metadata', metadataSchema],
  ];
  const tables = parts.map(([title, one]) => (one === undefined ? '' : `\n${title}:\n${tableOf(one)}`));
  const known = facts.filter((fact): fact is [string, string] => fact[1] !== undefined);
  return `${name}: ${summary}\n\n${columns(known)}${tables.join('')}`;
}

function tableOf(schema: Schema): string {
  const rows = attributeRows(schema);
  return rows.length === 0 ? '  none\n' : columns(rows).replaceAll(/^(?=.)/gm, '  ');
}
