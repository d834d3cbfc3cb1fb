import { execFile, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '../..');
const SETTINGS: readonly string[] = [
  '.gitignore',
  '.oxfmtrc.json',
  '.oxlintrc.json',
  'knip.json',
  'tsconfig.json',
  'tsconfig.hot.json',
  'scripts',
];

/** The packages that the checks themselves are made of. */
const TOOLS: readonly string[] = ['@types/node', 'knip', 'oxfmt', 'oxlint', 'oxlint-tsgolint', 'typescript'];

/** What writes the reference imports the sources, and a planted tree has others. */
const filter = (source: string): boolean => !/^scripts[/\\]reference/.test(path.relative(ROOT, source));

export interface CheckRun {
  readonly status: number | null;
  readonly output: string;
}

/** A small repository under the temporary folder that has this repository's own settings and check scripts. */
export class PlantedTree {
  readonly root: string;

  constructor(files: Readonly<Record<string, string>>) {
    this.root = mkdtempSync(path.join(tmpdir(), 'gatewright-planted-'));
    for (const name of SETTINGS) cpSync(path.join(ROOT, name), path.join(this.root, name), { recursive: true, filter });
    this.linkPackages();
    const { scripts, devDependencies } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
      readonly scripts: Readonly<Record<string, string>>;
      readonly devDependencies: Readonly<Record<string, string>>;
    };
    // The planted sources use no package, and an unused dependency is a finding of its own.
    const tools = Object.entries(devDependencies).filter(([name]) => TOOLS.includes(name));
    const manifest = { name: 'planted', type: 'module', scripts, devDependencies: Object.fromEntries(tools) };
    this.write({ 'package.json': `${JSON.stringify(manifest, null, 2)}\n`, ...files });
    spawnSync('git', ['init', '-q'], { cwd: this.root });
  }

  /** Links each package: the folder itself also holds caches, and those of two trees must not meet. */
  private linkPackages(): void {
    mkdirSync(path.join(this.root, 'node_modules'));
    for (const name of readdirSync(path.join(ROOT, 'node_modules'))) {
      if (name === '.cache') continue;
      symlinkSync(path.join(ROOT, 'node_modules', name), path.join(this.root, 'node_modules', name));
    }
  }

  write(files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) {
      const file = path.join(this.root, name);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
  }

  /** Runs one of the checks of scripts/check.ts on the tree. */
  check(name: string, environment: NodeJS.ProcessEnv = {}): Promise<CheckRun> {
    return this.run(process.execPath, ['scripts/check.ts', name], environment);
  }

  run(program: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<CheckRun> {
    const bin = path.join(ROOT, 'node_modules/.bin');
    const PATH = `${bin}${path.delimiter}${process.env['PATH'] ?? ''}`;
    const env: NodeJS.ProcessEnv = { ...process.env, ...environment, PATH };
    // A test runner inside a test runner would report to the outer one instead of to us.
    delete env['NODE_TEST_CONTEXT'];
    return new Promise((resolve) => {
      execFile(program, args, { cwd: this.root, env, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
        const status = error === null ? 0 : typeof error.code === 'number' ? error.code : null;
        resolve({ status, output: `${status === null ? (error?.message ?? '') : ''}${stdout}${stderr}` });
      });
    });
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
