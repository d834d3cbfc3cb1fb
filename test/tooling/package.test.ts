/** The package as it would be published: packed, unpacked elsewhere, and used there. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { freePorts } from '../free-port.ts';

/** What the guide to embedding has its readers write, on ports that are free. */
async function embeddingExample(): Promise<string> {
  const page = readFileSync(path.join(ROOT, 'docs/embedding.md'), 'utf8');
  const text = /```ts\n([^]*?)```/.exec(page)?.[1] ?? '';
  const [service, gateway] = await freePorts(2);
  return text.replaceAll(/\b(?:8081|9080)\b/g, (port) => String(port === '8081' ? service : gateway));
}

const TYPES = path.resolve(import.meta.dirname, '../../node_modules/@types');
const ROOT = path.resolve(import.meta.dirname, '../..');

describe('the package', () => {
  let folder: string;
  let home: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'gatewright-package-'));
    // A copy, so that a build under way never meets another one's.
    const copy = path.join(folder, 'copy');
    mkdirSync(copy);
    for (const name of ['bin', 'src', 'package.json', 'tsconfig.json', 'tsconfig.build.json', 'README.md', 'LICENSE']) {
      cpSync(path.join(ROOT, name), path.join(copy, name), { recursive: true });
    }
    symlinkSync(path.join(ROOT, 'node_modules'), path.join(copy, 'node_modules'));
    const env = { ...process.env, PATH: `${path.join(ROOT, 'node_modules/.bin')}:${process.env['PATH']}` };
    execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: copy, env, timeout: 100_000 });
    const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '';
    home = path.join(folder, 'app/node_modules/gatewright');
    mkdirSync(home, { recursive: true });
    execFileSync('tar', ['-xzf', path.join(folder, tarball), '--strip-components=1', '-C', home]);
    symlinkSync(path.join(ROOT, 'node_modules'), path.join(home, 'node_modules'));
    cpSync(path.join(ROOT, 'examples/own-plugin'), path.join(folder, 'app'), { recursive: true });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const gatewright = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(path.join(home, 'bin/gatewright'), args, {
      encoding: 'utf8',
      cwd: path.join(folder, 'app'),
      timeout: 100_000,
    });
    return { status, output: stdout + stderr };
  };

  it('has JavaScript and types, no TypeScript, no tests', () => {
    const files = readdirSync(home, { recursive: true, encoding: 'utf8' }).filter(
      (file) => !file.startsWith('node_modules'),
    );
    assert.ok(files.includes('dist/main.js') && files.includes('dist/sdk/index.d.ts') && files.includes('LICENSE'));
    assert.deepEqual(
      files.filter((file) => /(?<!\.d)\.ts$|\.test\./.test(file)),
      [],
    );
  });

  it('runs, and gives people’s plugins the copy that runs', () => {
    assert.match(gatewright('version').output, /^gatewright \d/);
    assert.deepEqual(gatewright('check'), {
      status: 0,
      output: `${path.join(folder, 'app/gatewright.yaml')}: nothing is wrong (routes: 1)\n`,
    });
    assert.match(gatewright('plugins', 'tenant').output, /phases +access/);
  });

  it('types plugins, configurations and gateways by its exports', async () => {
    const app = path.join(folder, 'app');
    writeFileSync(path.join(app, 'package.json'), '{ "type": "module" }');
    writeFileSync(
      path.join(app, 'gatewright.config.ts'),
      `import { defineConfig } from 'gatewright';\nexport default defineConfig({ routes: [] });\n`,
    );
    const tsc = (...files: string[]) =>
      spawnSync(
        path.join(ROOT, 'node_modules/.bin/tsc'),
        ['--noEmit', '--strict', '--module', 'nodenext', '--types', '', ...files],
        {
          encoding: 'utf8',
          cwd: app,
          timeout: 100_000,
        },
      );
    assert.equal(tsc('tenant.ts', 'gatewright.config.ts').stdout, '');
    writeFileSync(path.join(app, 'embedding.ts'), await embeddingExample());
    assert.equal(tsc('--target', 'es2024', '--typeRoots', TYPES, '--types', 'node', 'embedding.ts').stdout, '');
    writeFileSync(
      path.join(app, 'wrong.ts'),
      `import { definePlugin } from 'gatewright/sdk';\nexport default definePlugin({ name: 7 });\n`,
    );
    assert.match(tsc('wrong.ts').stdout, /wrong\.ts\(2,/);
    assert.equal(existsSync(path.join(home, 'src')), false);
  });

  it('embeds a gateway in a program, as the guide has it', async () => {
    const app = path.join(folder, 'app');
    writeFileSync(path.join(app, 'embedding.ts'), await embeddingExample());
    const { stdout, stderr, status } = spawnSync(process.execPath, ['embedding.ts'], {
      encoding: 'utf8',
      cwd: app,
      timeout: 100_000,
    });
    assert.deepEqual(
      [stdout.replaceAll(/\n+/g, '\n'), stderr, status],
      [
        'GET /hello → 200 by upstream (route hello)\n200 hello, paid\nGET /hello → 200 by upstream (route hello)\nhello, paid\n',
        '',
        0,
      ],
    );
  });
});
