/** `gatewright test`: runs the tests that are kept beside a configuration, in virtual time and without a socket. */
import { spawn } from 'node:child_process';
import { existsSync, type FSWatcher, globSync, readFileSync, statSync, watch, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { findConfiguration, loadConfiguration } from '../config/configuration.ts';
import { nearest } from '../model/problem.ts';
import { readCases } from '../testing/cases/case-file.ts';
import { type ReporterName, REPORTERS, totals } from '../testing/cases/reports.ts';
import { type FileResult, runFile } from '../testing/cases/run-file.ts';
import { EXIT, FailedError, type Io, parseVerb, UsageError } from './arguments.ts';

const OPTIONS = {
  config: { type: 'string', short: 'c' },
  filter: { type: 'string', short: 'f' },
  reporter: { type: 'string', short: 'r' },
  output: { type: 'string', short: 'o' },
  watch: { type: 'boolean', short: 'w' },
} as const;

const USAGE = 'files or folders with tests';
const PATTERN = '**/*.test.{yaml,yml}';

/**
 * `gatewright test [FILE|FOLDER…] [-c CONFIG] [--filter TEXT] [--reporter spec|junit|tap] [--output FILE] [--watch]`: 0 all
 * passed, 1 one failed or nothing was run. Throws UsageError.
 */
export async function test(args: readonly string[], io: Io): Promise<number> {
  const { values, names } = parseVerb(args, OPTIONS, USAGE, [0, 10_000]);
  const reporter = reporterOf(values.reporter);
  const files = filesIn(names.length === 0 ? ['.'] : names, io.cwd);
  if (values.watch === true) return watchAndRun(args, files, values.config, io);
  const { filter } = values;
  const begun_ms = performance.now();
  const results: FileResult[] = [];
  for (const file of files) {
    const result = await runFile(file, readFileSync(file, 'utf8'), {
      env: io.env,
      config: values.config === undefined ? undefined : resolve(io.cwd, values.config),
      isWanted: (name) => filter === undefined || name.toLowerCase().includes(filter.toLowerCase()),
      now_ms: () => performance.now(),
    });
    results.push({ ...result, file: relative(io.cwd, file) });
  }
  const run = { files: results, duration_ms: performance.now() - begun_ms };
  const { tests, failed } = totals(run);
  if (tests === 0 && filter !== undefined) throw new FailedError(`no test has ${JSON.stringify(filter)} in its name`);
  const report = REPORTERS[reporter](run);
  if (values.output === undefined) io.stdout(report);
  else writeFileSync(resolve(io.cwd, values.output), report);
  return failed === 0 ? EXIT.fine : EXIT.failed;
}

function reporterOf(name = 'spec'): ReporterName {
  if (Object.hasOwn(REPORTERS, name)) return name as ReporterName;
  const near = nearest(name, Object.keys(REPORTERS));
  const hint = near === undefined ? '' : `, did you mean "${near}"?`;
  throw new UsageError(`there is no reporter "${name}"${hint}; there are ${Object.keys(REPORTERS).join(', ')}`);
}

/** Absolute, in order. Throws UsageError where there is none. */
function filesIn(names: readonly string[], cwd: string): string[] {
  const files = names.flatMap((name) => {
    const path = resolve(cwd, name);
    if (!existsSync(path)) throw new UsageError(`there is no ${name}`);
    if (!statSync(path).isDirectory()) return [path];
    const exclude = (entry: string): boolean => /(?:^|\/)(?:node_modules|\.[^/.][^/]*)(?:\/|$)/.test(entry);
    return globSync(PATTERN, { cwd: path, exclude })
      .toSorted()
      .map((file) => join(path, file));
  });
  if (files.length === 0) {
    throw new UsageError(
      `no tests found: write them into a file such as gatewright.test.yaml (searched ${names.join(', ')})`,
    );
  }
  return [...new Set(files)];
}

const QUIET_MS = 100;

/** Runs the tests anew in a process of their own, so that changed plugins are read anew, whenever one of their files changed. */
function watchAndRun(
  args: readonly string[],
  files: readonly string[],
  config: string | undefined,
  io: Io,
): Promise<number> {
  const rest = args.filter((arg) => arg !== '--watch' && arg !== '-w');
  const [, main = ''] = process.argv;
  let watchers: FSWatcher[] = [];
  let timer: NodeJS.Timeout | undefined;
  let isRunning = false;
  let isStale = false;
  const run = async (): Promise<void> => {
    isRunning = true;
    isStale = false;
    for (const watcher of watchers) watcher.close();
    const folders = await foldersOf(files, config, io);
    watchers = folders.map((folder) => watch(folder, changed));
    const child = spawn(process.execPath, [...process.execArgv, main, 'test', ...rest], {
      cwd: io.cwd,
      env: io.env,
      stdio: 'inherit',
    });
    child.once('close', () => {
      isRunning = false;
      io.stderr(`\nwaiting for changes in ${folders.map((folder) => relative(io.cwd, folder) || '.').join(', ')}\n`);
      if (isStale) changed();
    });
  };
  // Editors write a file in several steps.
  const changed = (): void => {
    isStale = true;
    clearTimeout(timer);
    timer = setTimeout(() => void (isRunning ? undefined : run()), QUIET_MS);
  };
  void run();
  return new Promise((end) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        for (const watcher of watchers) watcher.close();
        clearTimeout(timer);
        end(EXIT.fine);
      });
    }
  });
}

/** Where the tests, their configurations and the plugins of these stand. */
async function foldersOf(files: readonly string[], config: string | undefined, io: Io): Promise<string[]> {
  const folders = new Set<string>();
  for (const file of files) {
    folders.add(dirname(file));
    try {
      const { head } = readCases(readFileSync(file, 'utf8'));
      const named = config === undefined ? head.config : resolve(io.cwd, config);
      if (typeof named === 'object') continue;
      const path = findConfiguration(named, dirname(file), io.env);
      folders.add(dirname(path));
      const { settings } = await loadConfiguration(path, io.env);
      for (const plugin of settings.plugin_files) folders.add(dirname(plugin));
    } catch {
      // The run says what is wrong.
    }
  }
  return [...folders].filter((folder) => existsSync(folder));
}
