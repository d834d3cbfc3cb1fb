/** `gatewright init`: makes a project, with a configuration, a plugin, tests and scripts. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { EXIT, FailedError, type Io, parseVerb } from './arguments.ts';
import { packageJson, PROJECT_FILES } from './project-files.ts';
import { packageVersion } from './version.ts';

/** `gatewright init [FOLDER]`: never changes a file that is there, but for package.json, which is completed. Throws UsageError, FailedError. */
export function init(args: readonly string[], io: Io): number {
  const { names } = parseVerb(args, {}, 'at most one folder', [0, 1]);
  const [name = '.'] = names;
  const folder = path.resolve(io.cwd, name);
  const there = Object.keys(PROJECT_FILES).filter((file) => existsSync(path.join(folder, file)));
  if (there.length > 0) {
    const verb = there.length === 1 ? 'is' : 'are';
    throw new FailedError(`${there.join(', ')} ${verb} there already, and nothing was written: choose another folder`);
  }
  const manifest = path.join(folder, 'package.json');
  const isNew = !existsSync(manifest);
  const made = packageJson(isNew ? null : readManifest(manifest), packageName(folder), packageVersion());
  try {
    for (const [file, text] of Object.entries(PROJECT_FILES)) {
      mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
      writeFileSync(path.join(folder, file), text, { flag: 'wx' });
      io.stdout(`made ${path.join(name, file)}\n`);
    }
    writeFileSync(manifest, made);
  } catch (error) {
    throw new FailedError(`cannot write there: ${(error as Error).message}`);
  }
  io.stdout(`${isNew ? 'made' : 'completed'} ${path.join(name, 'package.json')}\n\n`);
  const steps = [...(name === '.' ? [] : [`cd ${name}`]), 'npm install', 'npm test', 'npm run dev'];
  io.stdout(`next: ${steps.join(', ')}\n`);
  return EXIT.fine;
}

function readManifest(file: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('it is no object');
    const { type } = value as { readonly type?: unknown };
    if (type !== undefined && type !== 'module') {
      throw new Error(`its type is ${JSON.stringify(type)}: plugins are modules, write "type": "module"`);
    }
    return value as Record<string, unknown>;
  } catch (error) {
    throw new FailedError(`cannot complete package.json, and nothing was written: ${(error as Error).message}`);
  }
}

/** As npm allows names. */
function packageName(folder: string): string {
  const name = path
    .basename(folder)
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, '-')
    .replace(/^[._-]+/, '');
  return name === '' ? 'gateway' : name;
}
