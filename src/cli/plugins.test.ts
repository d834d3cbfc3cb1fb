import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ALL_PLUGINS } from '../plugins/all.ts';
import { UsageError } from './arguments.ts';
import { plugins } from './plugins.ts';

const folder = mkdtempSync(join(tmpdir(), 'gatewright-plugins-'));
const empty = mkdtempSync(join(tmpdir(), 'gatewright-plugins-'));
after(() => [folder, empty].forEach((one) => rmSync(one, { recursive: true })));

async function run(cwd: string, ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  let [stdout, stderr] = ['', ''];
  const io = {
    stdout: (text: string) => (stdout += text),
    stderr: (text: string) => (stderr += text),
    env: { HOME: cwd },
    cwd,
  };
  const code = await plugins(args, io);
  return { code, stdout, stderr };
}

const own = `export default { name: 'own', priority: 20000, summary: 'Mine.', schema: { type: 'object', required: ['a'] },
  effects: ['network'], create: () => ({ log() {} }) };`;

test('all plugins are listed in the order in which they run, with their phases', async () => {
  const { code, stdout, stderr } = await run(empty);
  assert.deepEqual([code, stderr], [0, '']);
  const lines = stdout.trimEnd().split('\n');
  assert.equal(lines.length, ALL_PLUGINS.length + 1);
  assert.match(lines[0] ?? '', /^NAME +PRIORITY +KIND +PHASES +SUMMARY$/);
  const priorities = lines.slice(1).map((line) => Number(line.split(/ {2,}/)[1]));
  assert.deepEqual(
    priorities,
    priorities.toSorted((a, b) => b - a),
  );
  assert.match(stdout, /^key-auth +2500 +auth +rewrite +Lets in callers/m);
  assert.doesNotMatch(stdout, /\?/, 'the phases of each are known');
});

test('people’s own are listed with their file, and those that the configuration leaves out are marked', async () => {
  writeFileSync(join(folder, 'own.mjs'), own);
  writeFileSync(join(folder, 'gatewright.yaml'), 'gateway: { plugin_files: [own.mjs] }\nplugins: [{ name: own }]\n');
  const { code, stdout } = await run(folder);
  assert.equal(code, 0);
  assert.match(stdout, new RegExp(`^own +20000 +\\? +Mine\\. \\(${join(folder, 'own.mjs')}\\)$`, 'm'));
  assert.match(stdout, /^cors .*\(not enabled\)$/m);
  const facts = JSON.parse((await run(folder, 'own', '--json')).stdout) as Record<string, unknown>;
  assert.deepEqual(
    [facts['name'], facts['phases'], facts['file'], facts['enabled'], facts['effects']],
    ['own', null, join(folder, 'own.mjs'), true, ['network']],
  );
});

test('one plugin is shown with its attributes, as text and as JSON Schema', async () => {
  const { stdout } = await run(empty, 'limit-count');
  assert.match(stdout, /^limit-count: Lets so many/);
  assert.match(stdout, /^phases +access, responseHead$/m);
  assert.match(stdout, /^ {2}count +.*$/m);
  assert.match(stdout, /^metadata:$/m);
  const { schema, examples, metadata_schema } = JSON.parse((await run(empty, 'limit-count', '--json')).stdout) as {
    schema: { properties: object };
    examples: unknown[];
    metadata_schema: object;
  };
  assert.ok('count' in schema.properties && examples.length > 0 && metadata_schema !== null);
  const all = JSON.parse((await run(empty, '--json')).stdout) as { name: string }[];
  assert.equal(all.length, ALL_PLUGINS.length);
});

test('a plugin that cannot be loaded is told, and the others are listed', async () => {
  writeFileSync(join(folder, 'broken.yaml'), 'gateway: { plugin_files: [none.ts] }\n');
  const { code, stdout, stderr } = await run(folder, '-c', 'broken.yaml');
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^gatewright plugins: gateway\.plugin_files\[0\]: cannot load .*none\.ts": there is no such file\n$/,
  );
  assert.match(stdout, /^cors /m);
});

test('a name that is none is refused with the nearest one', async () => {
  await assert.rejects(
    run(empty, 'keyauth'),
    (error) => error instanceof UsageError && /"key-auth"\?/.test(error.message),
  );
  await assert.rejects(run(empty, 'a', 'b'), UsageError);
  await assert.rejects(run(empty, '--nonsense'), UsageError);
});
