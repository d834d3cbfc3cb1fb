/**
 * `npm run reference` writes docs/reference from the definitions of plugins, the schema of the settings and the table of
 * errors, and the types and builders of src/builders from all schemas. `node scripts/reference.ts --check` writes nothing
 * and fails where a file is not what would be written.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { builderFiles } from './reference/builders.ts';
import { referencePages } from './reference/pages.ts';

interface Folder {
  /** From the top of the project. */
  readonly name: string;
  readonly files: Map<string, string>;
  /** Written by hand, among those that are made. */
  readonly byHand: readonly string[];
}

const TOP = path.resolve(import.meta.dirname, '..');

function main(args: readonly string[]): number {
  if (args.length > 1 || (args[0] ?? '--check') !== '--check') {
    console.error(`expected nothing or --check, found ${args.join(' ')}`);
    return 64;
  }
  const folders: readonly Folder[] = [
    { name: 'docs/reference', files: referencePages(), byHand: [] },
    { name: 'src/builders', files: builderFiles(), byHand: BUILDERS_BY_HAND },
  ];
  const faults = folders.map((folder) => (args.length === 0 ? write(folder) : check(folder)));
  return faults.every((count) => count === 0) ? 0 : 1;
}

const BUILDERS_BY_HAND = ['define-config.ts', 'use.ts'];

function write({ name, files, byHand }: Folder): number {
  for (const [file, text] of files) {
    const place = path.join(TOP, name, file);
    if (textOf(place) === text) continue;
    mkdirSync(path.dirname(place), { recursive: true });
    writeFileSync(place, text);
  }
  for (const file of leftIn(name, files, byHand)) rmSync(path.join(TOP, name, file));
  return 0;
}

function check({ name, files, byHand }: Folder): number {
  const stale = [...files.keys()].filter((file) => textOf(path.join(TOP, name, file)) !== files.get(file));
  const left = leftIn(name, files, byHand);
  for (const file of stale) console.log(`${name}/${file} is not what its source says: run npm run reference`);
  for (const file of left) console.log(`${name}/${file} has no source any more: run npm run reference`);
  return stale.length + left.length;
}

function textOf(place: string): string | undefined {
  return existsSync(place) ? readFileSync(place, 'utf8') : undefined;
}

/** Files that nothing makes any more. */
function leftIn(name: string, files: Map<string, string>, byHand: readonly string[]): string[] {
  const folder = path.join(TOP, name);
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, '/'))
    .filter((file) => !files.has(file) && !byHand.includes(file) && !file.endsWith('.test.ts'));
}

process.exitCode = main(process.argv.slice(2));
