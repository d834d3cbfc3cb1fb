/** docs/dependencies.md has a row for each dependency, and for nothing else. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';

const ROOT = path.resolve(import.meta.dirname, '../..');
const read = (name: string): string => readFileSync(path.join(ROOT, name), 'utf8');

type Versions = Readonly<Record<string, string>>;

interface Locked {
  readonly resolved?: string;
  readonly integrity?: string;
  readonly optionalDependencies?: Versions;
}

test('the page lists what package.json has, each in its table', () => {
  const { dependencies, devDependencies } = JSON.parse(read('package.json')) as {
    readonly dependencies: Versions;
    readonly devDependencies: Versions;
  };
  const [, atRunTime = '', forDevelopment = ''] = read('docs/dependencies.md').split(/^## .*$/m);
  const rows = (table: string): string[] => Array.from(table.matchAll(/^\| \[([^\]]+)\]/gm), (row) => row[1] ?? '');
  assert.deepEqual(rows(atRunTime).toSorted(), Object.keys(dependencies).toSorted());
  assert.deepEqual(rows(forDevelopment).toSorted(), Object.keys(devDependencies).toSorted());
});

test('the lock file names no place to download from, so that every registry serves', () => {
  const { packages } = JSON.parse(read('package-lock.json')) as {
    readonly packages: Readonly<Record<string, Locked>>;
  };
  const entries = Object.entries(packages).filter(([name]) => name !== '');
  assert.ok(entries.length > 10);
  assert.deepEqual(
    entries.filter(([, { resolved, integrity }]) => resolved !== undefined || integrity === undefined),
    [],
  );
});

test('the lock file has the binaries of every platform, without which npm ci refuses it', () => {
  const { packages } = JSON.parse(read('package-lock.json')) as { readonly packages: Readonly<Record<string, Locked>> };
  const wanted = Object.values(packages).flatMap(({ optionalDependencies }) => Object.keys(optionalDependencies ?? {}));
  assert.ok(wanted.length > 20);
  const isLocked = (name: string): boolean =>
    Object.keys(packages).some((place) => place === `node_modules/${name}` || place.endsWith(`/node_modules/${name}`));
  assert.deepEqual(
    wanted.filter((name) => !isLocked(name)),
    [],
  );
});
