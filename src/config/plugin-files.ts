/** People's own plugins: modules anywhere on disk, named by `gateway.plugin_files`. Every thread loads the same list by itself. */
import { statSync } from 'node:fs';
import { registerHooks, type ResolveHookSync } from 'node:module';
import { extname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { pathOf, quote } from '../model/problem.ts';
import type { Problem } from '../model/problem.ts';
import { validator } from '../model/validate.ts';
import { definitionFault } from '../sdk/plugin.ts';
import type { AnyPlugin } from '../sdk/plugin.ts';
import { fileSignature } from './configuration.ts';

export interface LoadedPlugins {
  /** The gateway's own, then people's, in the order of their files: the same in each thread. */
  readonly plugins: readonly AnyPlugin[];
  /** By the name of the plugin, for people's own. */
  readonly files: ReadonlyMap<string, string>;
  /** State of the files when they were read. */
  readonly signature: string;
  /** What is wrong with files, and with what they define. Those plugins are not among `plugins`. */
  readonly problems: readonly Problem[];
}

/** A module that has not been evaluated by then waits for something that may never come. */
const LOADING_MS = 10_000;

/** `import … from 'gatewright/sdk'` means the running copy, wherever the importing file lies. */
const RUNNING = {
  'gatewright/sdk': new URL(`../sdk/index${extname(import.meta.url)}`, import.meta.url).href,
  'gatewright/sdk/testing': new URL(`../testing/index${extname(import.meta.url)}`, import.meta.url).href,
  gatewright: new URL(`../index${extname(import.meta.url)}`, import.meta.url).href,
};

/**
 * Evaluates the modules, once in each thread: a module that was imported stays as it was until its thread is replaced.
 * Never rejects.
 * @param own the gateway's plugins @param paths absolute @param patience_ms how long one module may take
 */
export async function loadPlugins(
  own: readonly AnyPlugin[],
  paths: readonly string[],
  patience_ms = LOADING_MS,
): Promise<LoadedPlugins> {
  const files = new Map<string, string>();
  const problems: Problem[] = [];
  const plugins = [...own];
  const signature = await pluginSignature(paths);
  if (paths.length > 0) resolveToRunningCopy();
  for (const [index, file] of paths.entries()) {
    const report = (message: string): void => {
      problems.push({ path: pathOf('gateway.plugin_files', index), value: file, code: 'invalid_value', message });
    };
    for (const definition of await definitionsIn(file, patience_ms, report)) {
      const { name } = definition;
      const other = plugins.some((plugin) => plugin.name === name);
      if (other)
        report(
          `${quote(file)} defines "${name}", which ${files.get(name) ?? 'Gatewright itself'} does: give it another name`,
        );
      else {
        plugins.push(definition);
        files.set(name, file);
      }
    }
  }
  return { plugins, files, signature, problems };
}

/** Changes whenever the code in one of the files may have changed; what they import is not looked at. */
export async function pluginSignature(paths: readonly string[]): Promise<string> {
  return (await Promise.all(paths.map(fileSignature))).join('\n');
}

function resolveToRunningCopy(): void {
  const resolve: ResolveHookSync = (specifier, context, next) =>
    Object.hasOwn(RUNNING, specifier)
      ? { url: RUNNING[specifier as keyof typeof RUNNING], shortCircuit: true }
      : next(specifier, context);
  try {
    registerHooks({ resolve });
  } catch {
    // jest has a loader of its own and refuses: there, what is installed beside the plugin is what runs.
  }
}

async function definitionsIn(
  file: string,
  patience_ms: number,
  report: (message: string) => void,
): Promise<AnyPlugin[]> {
  let exported: unknown;
  try {
    if (!statSync(file).isFile()) throw new Error('it is no file');
    exported = await inTime(import(pathToFileURL(file).href) as Promise<{ readonly default?: unknown }>, patience_ms);
  } catch (error) {
    report(`cannot load ${quote(file)}: ${reasonOf(error, file)}`);
    return [];
  }
  const list = Array.isArray(exported) ? (exported as readonly unknown[]) : [exported];
  return list.filter((definition): definition is AnyPlugin => {
    const fault = faultOf(definition);
    if (fault !== null) report(`${quote(file)} exports no plugin: ${fault}`);
    return fault === null;
  });
}

async function inTime(loading: Promise<{ readonly default?: unknown }>, patience_ms: number): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new Error(`it was not evaluated within ${patience_ms} ms: await nothing at its top level`)),
      patience_ms,
    );
  });
  try {
    return (await Promise.race([loading, late])).default;
  } finally {
    clearTimeout(timer);
  }
}

function faultOf(definition: unknown): string | null {
  if (definition === undefined) return 'its default export is missing: write "export default definePlugin({ … })"';
  const fault = definitionFault(definition);
  if (fault !== null) return fault;
  const { name, schema, consumerSchema, metadataSchema } = definition as AnyPlugin;
  for (const [member, one] of Object.entries({ schema, consumerSchema, metadataSchema })) {
    try {
      // The schema is compiled with its first value.
      if (one !== undefined) validator(one)({}, '');
    } catch (error) {
      return `the ${member} of ${name} is no JSON Schema: ${(error as Error).message}`;
    }
  }
  return null;
}

/** What would help, where the error alone does not say it. */
function reasonOf(error: unknown, file: string): string {
  if (!(error instanceof Error)) return `it threw ${String(error)}`;
  const { code } = error as NodeJS.ErrnoException;
  const [first = ''] = error.message.split('\n');
  const remedy = code === undefined ? undefined : REMEDIES[code];
  return (
    remedy ?? (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX' ? `${first}: ${ERASABLE}` : first) + placeIn(error, file)
  );
}

const REMEDIES: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING:
    'packages under node_modules must ship JavaScript: build the plugin, and name the built file',
  ERR_UNKNOWN_FILE_EXTENSION: 'a plugin is a .ts, .mts, .js or .mjs file',
};
const ERASABLE = 'only TypeScript that can be erased runs, so no enum, namespace or parameter property';

/** The line of the file that the error is about. */
function placeIn({ stack = '' }: Error, file: string): string {
  const { href } = pathToFileURL(file);
  const found = [href, file].map((name) => stack.indexOf(`${name}:`)).find((at) => at >= 0);
  const line = found === undefined ? undefined : /:(\d+)/.exec(stack.slice(stack.indexOf(':', found + 6)))?.[1];
  return line === undefined ? '' : ` (line ${line})`;
}
