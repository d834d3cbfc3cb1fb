/** bin/gatewright finds a Node.js that is new enough, wherever it is called from. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';

const LAUNCHER = path.resolve(import.meta.dirname, '../../bin/gatewright');

/** Prints what the launcher started: the flags, the script and the arguments. */
const MAIN = 'console.log(JSON.stringify([process.execArgv, process.argv.slice(1)]));\n';

describe('the launcher', () => {
  let root: string;
  let bin: string;
  before(() => {
    root = mkdtempSync(path.join(tmpdir(), 'gatewright-launcher-'));
    bin = path.join(root, 'bin/gatewright');
    mkdirSync(path.join(root, 'src'));
    cpSync(LAUNCHER, bin, { recursive: true });
    writeFileSync(path.join(root, 'src/main.ts'), MAIN);
  });
  after(() => rmSync(root, { recursive: true, force: true }));

  /** A folder with a `node` that runs `body`, to be put on the PATH. */
  function fakeNode(name: string, body: string): string {
    const folder = path.join(root, name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, 'node'), `#!/bin/sh\n${body}\n`);
    chmodSync(path.join(folder, 'node'), 0o755);
    return folder;
  }

  const launch = (folder: string, args: readonly string[] = [], file = bin) =>
    spawnSync(file, args, { encoding: 'utf8', env: { PATH: `${folder}:/usr/bin:/bin` }, cwd: tmpdir() });

  const started = (stdout: string): string[] => (JSON.parse(stdout) as [string[], string[]])[1];

  it('starts src/main.ts with the arguments, and without the inspector’s signal', () => {
    const { stdout, stderr } = launch(path.dirname(process.execPath), ['run', '-c', 'a file.yaml']);
    const [flags, [main, ...args]] = JSON.parse(stdout) as [string[], string[]];
    assert.deepEqual(flags, ['--disable-sigusr1']);
    assert.equal(main, path.join(root, 'src/main.ts'));
    assert.deepEqual(args, ['run', '-c', 'a file.yaml']);
    assert.equal(stderr, '');
  });

  it('follows symbolic links, relative ones too, as npm makes them', () => {
    mkdirSync(path.join(root, 'links'), { recursive: true });
    symlinkSync('../bin/gatewright', path.join(root, 'links/relative'));
    symlinkSync(path.join(root, 'links/relative'), path.join(root, 'links/absolute'));
    for (const name of ['relative', 'absolute']) {
      const { stdout } = launch(path.dirname(process.execPath), [], path.join(root, 'links', name));
      assert.deepEqual(started(stdout), [path.join(root, 'src/main.ts')]);
    }
  });

  it('refuses an old Node.js and says what to do', () => {
    for (const [name, version] of [
      ['old', 'v20.20.2'],
      ['odd', 'nonsense'],
    ] as const) {
      const { status, stderr } = launch(fakeNode(name, `echo ${version}`));
      assert.equal(status, 1);
      assert.equal(
        stderr,
        `gatewright: needs Node.js 24 or later, found ${version}: run 'npm ci' in ${root}, which brings it along unless scripts are ignored, or install it\n`,
      );
    }
  });

  it('says what to do where there is no Node.js at all', () => {
    const { status, stderr } = spawnSync('/bin/sh', [bin], { encoding: 'utf8', env: { PATH: fakeTools() } });
    assert.equal(status, 1);
    assert.match(stderr, /^gatewright: needs Node\.js 24 or later, found none: run 'npm ci'/);
  });

  /** A PATH with the tools that the launcher itself uses and without any node. */
  function fakeTools(): string {
    const folder = path.join(root, 'tools');
    mkdirSync(folder, { recursive: true });
    for (const tool of ['dirname', 'readlink']) symlinkSync(`/usr/bin/${tool}`, path.join(folder, tool));
    return folder;
  }

  it('prefers the package’s own Node.js to the one on the PATH', () => {
    const own = fakeNode('node_modules/node/bin', 'echo own "$@"');
    const { stdout } = launch(fakeNode('other', 'echo other'), ['version']);
    assert.equal(stdout, `own --disable-sigusr1 ${path.join(root, 'src/main.ts')} version\n`);
    rmSync(own, { recursive: true });
  });

  it('passes on the exit code', () => {
    writeFileSync(path.join(root, 'src/main.ts'), 'process.exitCode = 64;\n');
    assert.equal(launch(path.dirname(process.execPath)).status, 64);
    writeFileSync(path.join(root, 'src/main.ts'), MAIN);
  });

  it('starts the compiled program where there are no sources, and never in place of them', () => {
    const [source, built] = [path.join(root, 'src/main.ts'), path.join(root, 'dist/main.js')];
    mkdirSync(path.dirname(built));
    writeFileSync(built, MAIN);
    const folder = path.dirname(process.execPath);
    assert.deepEqual(started(launch(folder).stdout), [source]);
    rmSync(source);
    assert.deepEqual(started(launch(folder).stdout), [built]);
  });
});
