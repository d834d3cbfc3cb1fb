/**
 * `npm run reference` writes docs/reference from the definitions of plugins, the schema of the settings and the table of
 * errors. `node scripts/reference.ts --check` writes nothing and fails where a file is not what would be written.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { referencePages } from './reference/pages.ts';

const FOLDER = path.resolve(import.meta.dirname, '../docs/reference');

function main(args: readonly string[]): number {
  if (args.length > 1 || (args[0] ?? '--check') !== '--check') {
    console.error(`expected nothing or --check, found ${args.join(' ')}`);
    return 64;
  }
  const pages = referencePages();
  const stale = [...pages.keys()].filter((file) => textOf(file) !== pages.get(file));
  const left = existingFiles().filter((file) => !pages.has(file));
  if (args.length === 0) {
    for (const file of stale) write(file, pages.get(file) ?? '');
    for (const file of left) rmSync(path.join(FOLDER, file));
    return 0;
  }
  for (const file of stale) console.log(`docs/reference/${file} is not what its source says: run npm run reference`);
  for (const file of left) console.log(`docs/reference/${file} has no source any more: run npm run reference`);
  return stale.length + left.length === 0 ? 0 : 1;
}

function textOf(file: string): string | undefined {
  const place = path.join(FOLDER, file);
  return existsSync(place) ? readFileSync(place, 'utf8') : undefined;
}

function write(file: string, text: string): void {
  const place = path.join(FOLDER, file);
  mkdirSync(path.dirname(place), { recursive: true });
  writeFileSync(place, text);
}

function existingFiles(): string[] {
  if (!existsSync(FOLDER)) return [];
  return readdirSync(FOLDER, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(FOLDER, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, '/'));
}

process.exitCode = main(process.argv.slice(2));
