/** `gatewright check`: everything that is wrong with a configuration, without starting anything. */
import { compile } from '../compile/compile.ts';
import { pluginRegistry } from '../compile/plugin-registry.ts';
import { ALL_PLUGINS } from '../plugins/all.ts';
import { findConfiguration, loadConfiguration } from '../config/configuration.ts';
import { loadPlugins } from '../config/plugin-files.ts';
import { KINDS } from '../model/object-set.ts';
import type { ObjectSet } from '../model/object-set.ts';
import type { Problem } from '../model/problem.ts';
import { checkFormat } from '../observe/format.ts';
import { EXIT, type Io, parseOptions, UsageError } from './arguments.ts';

/** `gatewright check [-c FILE] [--json]`: 0 nothing is wrong, 1 problems were found. Throws UsageError. */
export async function check(args: readonly string[], io: Io): Promise<number> {
  const options = parseOptions(args, { config: { type: 'string', short: 'c' }, json: { type: 'boolean' } });
  const file = locate(options.config, io);
  const found = await examine(file, io.env);
  io.stdout(options.json === true ? asJson(file, found) : asText(file, found));
  return found.problems.length === 0 ? EXIT.fine : EXIT.failed;
}

function locate(explicit: string | undefined, io: Io): string {
  try {
    return findConfiguration(explicit, io.cwd, io.env);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

interface Findings {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  readonly objects: ObjectSet['objects'];
}

async function examine(file: string, env: Io['env']): Promise<Findings> {
  const loaded = await loadConfiguration(file, env);
  const { plugins, problems } = await loadPlugins(ALL_PLUGINS, loaded.settings.plugin_files);
  const compiled = compile(loaded.objects, {
    settings: loaded.settings,
    revision: 1,
    plugins: pluginRegistry(plugins, env),
  });
  const format = loaded.settings.access_log === false ? [] : checkFormat(loaded.settings.access_log.format);
  const wrongFormat = format.map((message): Problem => {
    return loaded.dress({ path: 'gateway.access_log.format', code: 'invalid_value', message });
  });
  const inOrder = (problems: readonly Problem[]): Problem[] =>
    problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
  return {
    problems: inOrder([...loaded.problems, ...wrongFormat, ...[...problems, ...compiled.problems].map(loaded.dress)]),
    warnings: inOrder([...loaded.warnings, ...compiled.warnings.map(loaded.dress)]),
    objects: loaded.objects.objects,
  };
}

function countObjects(objects: ObjectSet['objects']): Record<string, number> {
  const counts = KINDS.map((kind) => [kind, objects[kind].length] as const);
  return Object.fromEntries(counts.filter(([, count]) => count !== 0));
}

function asJson(file: string, { problems, warnings, objects }: Findings): string {
  const result = { file, ok: problems.length === 0, objects: countObjects(objects), problems, warnings };
  return `${JSON.stringify(result, null, 2)}\n`;
}

/** `FILE:LINE: PATH: MESSAGE`, which editors and terminals turn into links. */
function asText(file: string, { problems, warnings, objects }: Findings): string {
  const line = (problem: Problem, mark: string): string => {
    const place = problem.line === undefined ? file : `${file}:${problem.line}`;
    return `${place}: ${mark}${problem.path === '' ? '' : `${problem.path}: `}${problem.message}\n`;
  };
  const lines = [
    ...problems.map((problem) => line(problem, '')),
    ...warnings.map((problem) => line(problem, 'warning: ')),
  ];
  const counts = Object.entries(countObjects(objects)).map(([kind, count]) => `${kind.replaceAll('_', ' ')}: ${count}`);
  const summary = counts.length === 0 ? 'no objects' : counts.join(', ');
  const verdict =
    problems.length === 0 ? 'nothing is wrong' : problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  return `${lines.join('')}${file}: ${verdict} (${summary})\n`;
}
