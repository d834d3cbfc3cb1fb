/** `gatewright/sdk/testing` of the packed package, under the test runners that people use. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { skipMissing } from '../require-program.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
/** Pinned: what these install is no part of this project. */
const RUNNERS = ['vitest@5.1.1', 'jest@30.5.2'];

/** The same for all runners but for where `test` comes from. */
const BODY = `
import { testGateway } from 'gatewright/sdk/testing';

test('a limit counts in virtual time', async () => {
  const gateway = await testGateway('gatewright.yaml', { upstreams: { '10.0.0.1:80': { delay: '2s', body: 'hi' } } });
  const first = await gateway.request('/');
  if (first.body !== 'hi' || first.elapsed_ms !== 2000) throw new Error(first.explain());
  if (first.headers['x-tenant'] !== 'none') throw new Error('the plugin did not run');
  const second = await gateway.request('/');
  if (second.status !== 429) throw new Error(second.explain());
  await gateway.clock.advance('61s');
  const third = await gateway.request('/');
  if (third.status !== 200) throw new Error(third.explain());
  await gateway.close();
});
`;

const CONFIG = `gateway:
  plugin_files: [tenant.ts]
routes:
  - uri: /*
    plugins: { tenant: {}, limit-count: { count: 1, time_window: 60, rejected_code: 429 } }
    upstream: { nodes: { "10.0.0.1:80": 1 } }
`;

const PLUGIN = `import { definePlugin } from 'gatewright/sdk';

export default definePlugin({
  name: 'tenant',
  priority: 1,
  summary: 'Names the tenant.',
  schema: { type: 'object' },
  create: () => ({ responseHead: (exchange) => exchange.response.setHeader('X-Tenant', 'none') }),
});
`;

describe('the testing kit', () => {
  let folder: string;
  let app: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'gatewright-runners-'));
    const copy = path.join(folder, 'copy');
    app = path.join(folder, 'app');
    mkdirSync(copy);
    for (const name of ['bin', 'src', 'package.json', 'tsconfig.json', 'tsconfig.build.json', 'README.md', 'LICENSE']) {
      cpSync(path.join(ROOT, name), path.join(copy, name), { recursive: true });
    }
    symlinkSync(path.join(ROOT, 'node_modules'), path.join(copy, 'node_modules'));
    const env = { ...process.env, PATH: `${path.join(ROOT, 'node_modules/.bin')}:${process.env['PATH']}` };
    execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: copy, env, timeout: 100_000 });
    const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '';
    const home = path.join(app, 'node_modules/gatewright');
    mkdirSync(home, { recursive: true });
    execFileSync('tar', ['-xzf', path.join(folder, tarball), '--strip-components=1', '-C', home]);
    symlinkSync(path.join(ROOT, 'node_modules'), path.join(home, 'node_modules'));
    writeFileSync(path.join(app, 'package.json'), '{ "name": "app", "private": true, "type": "module" }');
    writeFileSync(path.join(app, 'gatewright.yaml'), CONFIG);
    writeFileSync(path.join(app, 'tenant.ts'), PLUGIN);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const run = (program: string, args: readonly string[], more: Readonly<Record<string, string>> = {}) => {
    // A child of a test runner would report to it.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const { status, stdout, stderr } = spawnSync(program, args, {
      cwd: app,
      encoding: 'utf8',
      timeout: 100_000,
      env: { ...env, ...more, CI: 'true' },
    });
    return { status, output: stdout + stderr };
  };

  it('works with node:test', () => {
    writeFileSync(path.join(app, 'node.test.js'), `import { test } from 'node:test';${BODY}`);
    const { status, output } = run(process.execPath, ['--test', 'node.test.js']);
    assert.equal(status, 0, output);
  });

  /** They are fetched here: as dependencies of the project they would be its largest. */
  function fetched(t: TestContext, runner: string): string | null {
    const { status, output } = run('npm', [
      'install',
      '--no-save',
      '--no-audit',
      '--no-fund',
      '--prefix',
      path.join(folder, 'runners'),
      runner,
    ]);
    if (status === 0) return path.join(folder, 'runners/node_modules', runner.slice(0, runner.lastIndexOf('@')));
    skipMissing(t, `${runner} could not be fetched, and nothing was tried with it: ${output.split('\n')[0]}`);
    return null;
  }

  it('works with vitest', (t) => {
    const home = fetched(t, RUNNERS[0] ?? '');
    if (home === null) return;
    symlinkSync(home, path.join(app, 'node_modules/vitest'));
    writeFileSync(path.join(app, 'vi.test.ts'), `import { test } from 'vitest';${BODY}`);
    const { status, output } = run(process.execPath, [path.join(home, 'vitest.mjs'), 'run', 'vi.test.ts']);
    assert.equal(status, 0, output);
    assert.match(output, /1 passed/);
  });

  it('works with jest', (t) => {
    const home = fetched(t, RUNNERS[1] ?? '');
    if (home === null) return;
    // It does not take the types off by itself.
    writeFileSync(path.join(app, 'tenant.js'), PLUGIN);
    writeFileSync(path.join(app, 'jest.yaml'), CONFIG.replace('tenant.ts', 'tenant.js'));
    writeFileSync(path.join(app, 'je.test.js'), BODY.replace('gatewright.yaml', 'jest.yaml'));
    const args = [
      '--experimental-vm-modules',
      path.join(home, 'bin/jest.js'),
      '--rootDir',
      app,
      '--testMatch',
      '**/je.test.js',
    ];
    const { status, output } = run(process.execPath, args);
    assert.equal(status, 0, output);
    assert.match(output, /1 passed/);
  });
});
