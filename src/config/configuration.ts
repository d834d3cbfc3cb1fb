/** From a file to settings and objects: finding it, reading it, substituting the environment, naming every problem's line. */
import { stat } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { EMPTY_OBJECTS, KINDS, readObjects } from '../model/object-set.ts';
import type { ObjectSet } from '../model/object-set.ts';
import type { Problem } from '../model/problem.ts';
import { MAX_DOCUMENT_BYTES, parseDocument } from './document.ts';
import type { Document, DocumentFormat } from './document.ts';
import { redact, referencedVariables, substitute } from './environment.ts';
import type { Environment } from './environment.ts';
import { withAbsolutePlaces } from './listener-settings.ts';
import type { ModuleMessage } from './module-worker.ts';
import { readWhole } from './read-whole.ts';
import { DEFAULT_SETTINGS, readSettings } from './settings.ts';
import { readAuthorities } from './tls-settings.ts';
import type { GatewaySettings } from './settings.ts';

export interface Configuration {
  readonly settings: GatewaySettings;
  readonly objects: ObjectSet;
  /** A start or a check with any of these fails. */
  readonly problems: readonly Problem[];
  /** Unknown attributes in files that APISIX wrote. */
  readonly warnings: readonly Problem[];
  /** Whether the file ends with the line #END: once seen, it stays required. */
  readonly hasEndMark: boolean;
  /** State of the file when it was read, as `fileSignature` gives it; absent for a text. */
  readonly signature?: string;
  /** Of a module: all files that it is made of, those under node_modules excepted. */
  readonly imports?: readonly string[];
  /** Gives a problem that compile found its line, and hides what came from the environment. */
  dress(problem: Problem): Problem;
}

export interface ParseOptions {
  readonly format: DocumentFormat;
  /** apisix: APISIX's standalone file, where `#END` is required in YAML and unknown attributes are warnings. */
  readonly dialect: 'gatewright' | 'apisix';
  readonly env: Environment;
}

const NAMES = ['gatewright.yaml', 'gatewright.yml', 'gatewright.json', 'gatewright.config.ts'];

/**
 * The file to read: `explicit` if given, else the first that exists in the current directory, in `gatewright/` under
 * XDG_CONFIG_HOME (`~/.config`), in /etc/gatewright. Throws an Error that names the places if there is none.
 */
export function findConfiguration(explicit: string | undefined, cwd: string, env: Environment): string {
  if (explicit !== undefined) return resolve(cwd, explicit);
  const home = env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config');
  const places = [cwd, join(home, 'gatewright'), '/etc/gatewright'];
  for (const place of places) {
    const found = NAMES.map((name) => join(place, name)).find((path) => existsSync(path));
    if (found !== undefined) return found;
  }
  throw new Error(
    `no configuration found: none of ${NAMES.join(', ')} is in ${places.join(', ')}; name one with -c FILE`,
  );
}

/** Changes whenever the content of a file may have changed; '' if there is no file. */
export async function fileSignature(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs } = await stat(path, { bigint: true });
    return `${dev} ${ino} ${size} ${mtimeNs}`;
  } catch {
    return '';
  }
}

/** Reads a file. Never rejects: a file that cannot be read is a problem like any other. */
export async function loadConfiguration(path: string, env: Environment): Promise<Configuration> {
  // Before the content: a change in between then counts as one.
  const signature = await fileSignature(path);
  const read = await readConfiguration(path, env);
  return { ...(await withFiles(read, dirname(resolve(path)))), signature };
}

/** What the file names beside itself lies beside it, wherever the gateway was started. */
function withAbsolutePaths(settings: GatewaySettings, folder: string): GatewaySettings {
  const { plugin_files, pid_file, http, https } = settings;
  return {
    ...settings,
    http: withAbsolutePlaces(http, folder),
    https: withAbsolutePlaces(https, folder),
    plugin_files: plugin_files.map((file) => resolve(folder, file)),
    pid_file: pid_file === '' ? '' : resolve(folder, pid_file),
  };
}

async function readConfiguration(path: string, env: Environment): Promise<Configuration> {
  try {
    if (/\.[cm]?[jt]s$/.test(path)) return await loadModule(path);
    const { size } = await stat(path);
    if (size > MAX_DOCUMENT_BYTES) {
      const limit = MAX_DOCUMENT_BYTES / 1024 / 1024;
      return unreadable('too_large', `${path} has ${Math.ceil(size / 1024 / 1024)} MiB, at most ${limit} are read`);
    }
    const text = decode(await readWhole(path, MAX_DOCUMENT_BYTES));
    if (text === null) return unreadable('syntax', `${path} is not UTF-8`);
    const secrets = await readSecretFiles(text, env);
    const isApisix = /^apisix\.(?:ya?ml|json)$/.test(basename(path));
    const parsed = parseConfiguration(text, {
      format: extname(path) === '.json' ? 'json' : 'yaml',
      dialect: isApisix ? 'apisix' : 'gatewright',
      env: secrets.env,
    });
    const isIncomplete = parsed.objects.isIncomplete || secrets.problems.length > 0;
    const objects = { ...parsed.objects, isIncomplete };
    return { ...parsed, objects, problems: [...secrets.problems, ...parsed.problems] };
  } catch (error) {
    return unreadable('unreadable', `cannot read ${path}: ${(error as Error).message}`);
  }
}

/** What a program has made, as if it had been read from a file in `folder`; the environment is not substituted in it. */
export async function readDocument(document: unknown, folder: string): Promise<Configuration> {
  // As JSON: no getters, no instances, nothing that changes later.
  const read = readValue(JSON.parse(JSON.stringify(document) ?? 'null'), 'gatewright');
  return withFiles({ ...read, hasEndMark: false, dress: (problem) => problem }, folder);
}

/** With what lies beside it in `folder`. */
async function withFiles(read: Configuration, folder: string): Promise<Configuration> {
  const { authorities, problems } = await readAuthorities(read.settings.upstream_tls, folder);
  return {
    ...read,
    settings: { ...withAbsolutePaths(read.settings, folder), authorities },
    problems: [...read.problems, ...problems.map((problem) => read.dress(problem))],
  };
}

/** Pure: everything that a text says, with all its problems. */
export function parseConfiguration(text: string, options: ParseOptions): Configuration {
  const { text: substituted, problems: unset, redactions } = substitute(text, options.env);
  const document = parseDocument(substituted, options.format);
  const dress = (problem: Problem): Problem => redact(withLine(problem, document), redactions);
  const hasEndMark = options.format === 'yaml' && endsWithMark(text);
  const problems: Problem[] = [...unset];
  if (options.dialect === 'apisix' && options.format === 'yaml' && !hasEndMark) {
    problems.push({
      path: '',
      code: 'syntax',
      message: 'the last line of apisix.yaml is #END, or the file is taken for half-written',
    });
  }
  // What an unset variable left behind is broken in ways that would only distract.
  if (unset.length > 0 && document.problems.length > 0) return { ...nothing(problems), dress };
  problems.push(...document.problems);
  if (document.problems.length > 0) return { ...nothing(problems.map(dress)), hasEndMark, dress };
  const read = readValue(document.value, options.dialect);
  const isIncomplete = read.objects.isIncomplete || problems.length > 0;
  return {
    ...read,
    objects: { ...read.objects, isIncomplete },
    problems: [...problems, ...read.problems].map(dress),
    warnings: read.warnings.map(dress),
    hasEndMark,
    dress,
  };
}

/** Whether the last line that is not empty is `#END`. */
export function endsWithMark(text: string): boolean {
  return /(?:^|\n)#END\s*$/.test(text.slice(-1024));
}

type Read = Pick<Configuration, 'settings' | 'objects' | 'problems' | 'warnings'>;

function readValue(value: unknown, dialect: ParseOptions['dialect']): Read {
  if (value === null || value === undefined) {
    // Also what an editor leaves for a moment: it must not be taken for the removal of everything.
    return nothing([
      { path: '', code: 'syntax', message: 'the file is empty: write "routes: []" if there are no routes' },
    ]);
  }
  if (typeof value !== 'object' || Array.isArray(value)) {
    const message = 'expected keys such as "routes:" at the top level';
    return nothing([{ path: '', code: 'wrong_type', message }]);
  }
  const document = value as Readonly<Record<string, unknown>>;
  const { settings, problems } = readSettings(document['gateway']);
  const read = readObjects(document, dialect === 'apisix' ? 'warning' : 'error');
  const isError = dialect === 'gatewright';
  return {
    settings,
    objects: read.set,
    problems: [...problems, ...strayObjects(settings, read.set), ...read.problems, ...(isError ? read.unknown : [])],
    warnings: isError ? [] : read.unknown,
  };
}

/** Objects in a file whose settings say that they come from elsewhere. */
function strayObjects({ store }: GatewaySettings, { objects }: ObjectSet): Problem[] {
  if (store.type === 'file') return [];
  return KINDS.filter((kind) => objects[kind].length > 0).map((kind) => {
    const message = `objects come from the store "${store.type}": put these there with gatewright apply`;
    return { path: kind === 'credentials' ? 'consumers' : kind, code: 'conflict', message };
  });
}

const MODULE_TIMEOUT_ms = 10_000;

/** TypeScript and JavaScript files: the default export is the document; they read the environment themselves. */
async function loadModule(path: string): Promise<Configuration> {
  const imports: string[] = [];
  try {
    const text = await evaluate(path, imports);
    if (text === null) {
      const message = `${path} has no default export: write export default defineConfig({ … })`;
      return { ...unreadable('syntax', message), imports };
    }
    const read = readValue(JSON.parse(text), 'gatewright');
    return { ...read, imports, hasEndMark: false, dress: (problem) => problem };
  } catch (error) {
    return { ...unreadable('unreadable', `cannot read ${path}: ${(error as Error).message}`), imports };
  }
}

/** The default export as JSON, null if there is none; rejects with what the module throws. @param imports gets its files */
function evaluate(path: string, imports: string[]): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const file = new URL(`./module-worker${extname(import.meta.url)}`, import.meta.url);
    const worker = new Worker(file, { workerData: { path } });
    const timer = setTimeout(() => {
      reject(new Error(`it did not end within ${MODULE_TIMEOUT_ms / 1000} s`));
      void worker.terminate();
    }, MODULE_TIMEOUT_ms);
    worker.on('message', (message: ModuleMessage) => {
      if ('imported' in message) {
        imports.push(message.imported);
        return;
      }
      resolve(message.text);
      void worker.terminate();
    });
    worker.once('error', reject);
    worker.once('exit', () => {
      clearTimeout(timer);
      reject(new Error('it ended before it was evaluated'));
    });
  });
}

function withLine(problem: Problem, document: Document): Problem {
  if (problem.line !== undefined || problem.path === '') return problem;
  const line = document.lineOf(problem.path);
  return line === undefined ? problem : { ...problem, line };
}

function nothing(problems: readonly Problem[]): Configuration {
  return {
    settings: DEFAULT_SETTINGS,
    objects: { ...EMPTY_OBJECTS, isIncomplete: true },
    problems,
    warnings: [],
    hasEndMark: false,
    dress: (problem) => problem,
  };
}

function unreadable(code: Problem['code'], message: string): Configuration {
  return nothing([{ path: '', code, message }]);
}

function decode(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

const MAX_SECRET_BYTES = 64 * 1024;

/** `VAR_FILE` names a file whose content is the value of `VAR`, as container platforms hand out secrets. */
async function readSecretFiles(text: string, env: Environment): Promise<{ env: Environment; problems: Problem[] }> {
  const values: Record<string, string | undefined> = { ...env };
  const problems: Problem[] = [];
  for (const name of referencedVariables(text)) {
    const file = env[`${name}_FILE`];
    if (file === undefined || file === '') continue;
    if (env[name] !== undefined) {
      problems.push({ path: '', code: 'environment', message: `${name} and ${name}_FILE are both set: keep one` });
      continue;
    }
    try {
      const bytes = await readWhole(file, MAX_SECRET_BYTES);
      values[name] = bytes.toString('utf8').replace(/\r?\n$/, '');
    } catch (error) {
      values[name] = '';
      problems.push({
        path: '',
        code: 'environment',
        message: `cannot read ${name}_FILE: ${(error as Error).message}`,
      });
    }
  }
  return { env: values, problems };
}
