/** The examples of docs/testing.md work. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';

const ROOT = path.resolve(import.meta.dirname, '../..');
const PAGE = readFileSync(path.join(ROOT, 'docs/testing.md'), 'utf8');

/** The first block with that fence. */
function block(fence: string): string {
  const found = new RegExp(`\n\`\`\`${fence}\n([^]*?)\n\`\`\`\n`).exec(PAGE)?.[1];
  assert.ok(found !== undefined, `there is a block ${fence}`);
  return `${found}\n`;
}

/** A folder with the examples, where the package is this copy of it. */
function project(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatewright-guide-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(path.join(folder, 'gatewright.yaml'), block('yaml'));
  writeFileSync(path.join(folder, 'gatewright.test.yaml'), block('yaml tests'));
  writeFileSync(path.join(folder, 'orders.test.ts'), block('ts'));
  writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }');
  const home = path.join(folder, 'node_modules/gatewright');
  mkdirSync(home, { recursive: true });
  symlinkSync(path.join(ROOT, 'src'), path.join(home, 'src'));
  const exports = { './sdk/testing': './src/testing/index.ts' };
  writeFileSync(path.join(home, 'package.json'), JSON.stringify({ name: 'gatewright', type: 'module', exports }));
  return folder;
}

test('the tests in YAML pass, and print what the page shows', (t) => {
  const cwd = project(t);
  const run = spawnSync(process.execPath, [path.join(ROOT, 'src/main.ts'), 'test'], { cwd, encoding: 'utf8' });
  const shown = block('text').replace('$ gatewright test\n', '');
  assert.equal(run.stdout.replace(/\d+\.\d{3}/, '0.310'), shown, run.stderr);
  assert.equal(run.status, 0);
});

test('a failure is shown as it is', (t) => {
  const cwd = project(t);
  const file = path.join(cwd, 'gatewright.yaml');
  writeFileSync(file, readFileSync(file, 'utf8').replace('count: 2,', 'count: 5,'));
  const run = spawnSync(process.execPath, [path.join(ROOT, 'src/main.ts'), 'test'], { cwd, encoding: 'utf8' });
  const [, shown = ''] = /\n```text\n( {2}✖[^]*?\n)```\n/.exec(PAGE) ?? [];
  const [told = ''] = /^ {2}✖[^]*?\n(?= {2}✔)/m.exec(run.stdout) ?? [];
  assert.equal(told.slice(0, shown.length), shown);
});

test('the test in TypeScript passes', (t) => {
  const cwd = project(t);
  // A child of a test runner would report to it.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const run = spawnSync(process.execPath, ['--test', 'orders.test.ts'], { cwd, encoding: 'utf8', env });
  assert.equal(run.status, 0, run.stdout + run.stderr);
  assert.match(run.stdout, /pass 1\n/);
});
