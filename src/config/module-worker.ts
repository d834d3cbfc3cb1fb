/**
 * Runs in a thread of its own: evaluates a configuration written in TypeScript or JavaScript and hands back plain data.
 * A thread for each reading, because modules that were imported once are never read again and never freed.
 */
import { registerHooks } from 'node:module';
import { extname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';

const { path } = workerData as { readonly path: string };

/** What configurations import means the running copy, wherever the file lies; so do the plugins that they import. */
const extension = extname(import.meta.url);
const RUNNING: ReadonlyMap<string, string> = new Map([
  ['gatewright', new URL(`../index${extension}`, import.meta.url).href],
  ['gatewright/sdk', new URL(`../sdk/index${extension}`, import.meta.url).href],
]);
/** Of the gateway itself. */
const OWN = new URL('..', import.meta.url).href;
registerHooks({
  resolve(specifier, context, next) {
    const url = RUNNING.get(specifier);
    return url === undefined ? next(specifier, context) : { url, shortCircuit: true };
  },
  load(url, context, next) {
    const isPeoples = url.startsWith('file:') && !url.startsWith(OWN) && !url.includes('/node_modules/');
    if (isPeoples) post({ imported: fileURLToPath(url) });
    return next(url, context);
  },
});

/** A file that the configuration is made of, or what it says in the end. */
export type ModuleMessage = { readonly imported: string } | { readonly text: string | null };

function post(message: ModuleMessage): void {
  parentPort?.postMessage(message);
}

const module = (await import(pathToFileURL(path).href)) as { readonly default?: unknown };
const value: unknown = await module.default;
// As JSON: no getters, no instances, nothing that only this thread understands.
post({ text: value === undefined ? null : JSON.stringify(value) });
