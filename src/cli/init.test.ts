import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { it, type TestContext } from 'node:test';
import { FailedError, UsageError } from './arguments.ts';
import { init } from './init.ts';

function emptyFolder(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatewright-init-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

function run(cwd: string, ...args: string[]): string {
  let text = '';
  const io = { stdout: (more: string) => void (text += more), stderr: () => undefined, env: {}, cwd };
  assert.equal(init(args, io), 0);
  return text;
}

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort();
const manifestOf = (folder: string) =>
  JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as Record<string, Record<string, string>>;

const FILES = [
  '.gitignore',
  'gatewright.test.yaml',
  'gatewright.yaml',
  'package.json',
  'plugins/greeting.ts',
  'test/greeting.test.ts',
  'tsconfig.json',
];

it('makes a project in a folder that need not be there', (t) => {
  const folder = emptyFolder(t);
  const text = run(folder, 'My Gateway');
  assert.deepEqual(filesIn(path.join(folder, 'My Gateway')), FILES);
  assert.match(text, /^made My Gateway\/gatewright\.yaml$/m);
  assert.match(text, /^next: cd My Gateway, npm install, npm test, npm run dev$/m);
  const { name, type, scripts = {}, dependencies = {} } = manifestOf(path.join(folder, 'My Gateway'));
  assert.deepEqual([name, type], ['my-gateway', 'module']);
  assert.deepEqual(Object.keys(scripts), ['dev', 'check', 'types', 'test', 'start']);
  assert.match(dependencies['gatewright'] ?? '', /^\^\d/);
});

it('completes a package.json that is there, and changes nothing that it says', (t) => {
  const folder = emptyFolder(t);
  const before = {
    name: 'mine',
    scripts: { test: 'echo "Error: no test specified" && exit 1', dev: 'my own' },
    dependencies: { gatewright: 'file:gatewright.tgz' },
    keywords: ['a'],
  };
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify(before));
  assert.match(run(folder), /^completed package\.json$/m);
  const { name, scripts = {}, dependencies, devDependencies = {}, keywords } = manifestOf(folder);
  assert.deepEqual([name, dependencies, keywords], ['mine', before.dependencies, ['a']]);
  assert.equal(scripts['dev'], 'my own');
  assert.match(scripts['test'] ?? '', /gatewright test/);
  assert.ok('typescript' in devDependencies);
});

it('overwrites nothing, and writes nothing where it cannot write all', (t) => {
  const folder = emptyFolder(t);
  mkdirSync(path.join(folder, 'plugins'));
  writeFileSync(path.join(folder, 'plugins/greeting.ts'), 'mine');
  writeFileSync(path.join(folder, 'tsconfig.json'), '{}');
  assert.throws(
    () => run(folder),
    (error: unknown) => {
      return (
        error instanceof FailedError && /plugins\/greeting\.ts, tsconfig\.json are there already/.test(error.message)
      );
    },
  );
  assert.deepEqual(filesIn(folder), ['plugins/greeting.ts', 'tsconfig.json']);
  const other = emptyFolder(t);
  for (const [text, reason] of [
    ['{', /cannot complete package\.json/],
    ['[]', /it is no object/],
    ['{"type":"commonjs"}', /plugins are modules/],
  ] as const) {
    writeFileSync(path.join(other, 'package.json'), text);
    assert.throws(() => run(other), reason);
    assert.deepEqual(filesIn(other), ['package.json']);
    assert.equal(readFileSync(path.join(other, 'package.json'), 'utf8'), text);
  }
  assert.throws(() => run(other, 'a', 'b'), UsageError);
});
