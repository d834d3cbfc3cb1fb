import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { ALL_PLUGINS } from '../plugins/all.ts';
import { ERRORS } from '../sdk/errors.ts';
import { loadConfiguration } from './configuration.ts';
import { loadPlugins, pluginSignature } from './plugin-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'gatewright-plugin-files-'));
after(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  const file = join(folder, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

const plugin = (name: string, more = ''): string =>
  `{ name: '${name}', priority: 1, summary: 's', schema: { type: 'object' }, create: () => ({}), ${more} }`;
const defined = (name: string): string => `definePlugin(${plugin(name)})`;
const IMPORT = `import { definePlugin, ERRORS } from 'gatewright/sdk';\n`;

async function problemOf(file: string): Promise<string> {
  const { plugins, problems } = await loadPlugins([], [file], 300);
  assert.deepEqual(plugins, []);
  assert.equal(problems[0]?.path, 'gateway.plugin_files[0]');
  return problems.map(({ message }) => message.replaceAll(folder, '')).join('\n');
}

test('TypeScript and JavaScript from anywhere import the running copy, one plugin or several to a file', async () => {
  const files = [
    write(
      'a/one.ts',
      `${IMPORT}const typed: string = 'x';\nexport const errors = ERRORS;\nexport default ${defined('one')};`,
    ),
    write('b/two.mjs', `${IMPORT}export default [${defined('two')}, ${defined('three')}];`),
    write('c/four.js', `module.exports = ${plugin('four')};`),
    write('c/five.mts', `${IMPORT}import { part } from './part.ts';\nexport default ${defined('five')};\nvoid part;`),
  ];
  write('c/part.ts', 'export const part: number = 1;');
  const { plugins, problems, files: origins } = await loadPlugins(ALL_PLUGINS, files);
  assert.deepEqual(problems, []);
  const names = plugins.map(({ name }) => name);
  assert.deepEqual(names, [...ALL_PLUGINS.map(({ name }) => name), 'one', 'two', 'three', 'four', 'five']);
  assert.equal(origins.get('three'), files[1]);
  assert.equal(origins.has('cors'), false);
  const { errors } = (await import(files[0] ?? '')) as { errors: unknown };
  assert.equal(errors, ERRORS, 'the very module that the gateway runs');
});

test('what is no plugin is refused with its file and what would be right', async () => {
  const cases: [file: string, text: string, message: RegExp][] = [
    ['none.ts', 'export const a = 1;', /^"\/none.ts" exports no plugin: its default export is missing: .*definePlugin/],
    ['number.ts', 'export default 7;', /exports no plugin: a plugin is an object/],
    ['name.ts', `export default ${plugin('No Name')};`, /"No Name" is no plugin name: use lower case/],
    ['priority.ts', `export default ${plugin('a', "priority: '1'")};`, /the priority of a is no number/],
    ['create.ts', `export default ${plugin('a', 'create: 1')};`, /create of a is missing: a function/],
    ['check.ts', `export default ${plugin('a', 'check: true')};`, /check of a is no function/],
    ['effects.ts', `export default ${plugin('a', "effects: ['disk']")};`, /effects of a is not \['network'\]/],
    ['kind.ts', `export default ${plugin('a', "kind: 'magic'")};`, /the kind of a is none of auth, /],
    ['buffers.ts', `export default ${plugin('a', 'buffers: true')};`, /buffers of a is none of request, /],
    [
      'auth.ts',
      `${IMPORT}export default definePlugin(${plugin('a', "kind: 'auth', consumerSchema: {}")});`,
      /^cannot load .*consumerSchema and consumerKey go together.* \(line 2\)$/,
    ],
    ['schema.ts', `export default ${plugin('a', "schema: { type: 'obect' }")};`, /the schema of a is no JSON Schema: /],
    [
      'list.ts',
      `export default [${plugin('a', 'create: 1')}, null];`,
      /create of a is missing.*\n.*a plugin is an object/,
    ],
    ['throws.ts', `\n\nthrow new Error('no luck');`, /^cannot load "\/throws.ts": no luck \(line 3\)$/],
    ['throws-text.ts', `throw 'no luck';`, /it threw no luck/],
    ['syntax.ts', 'export default {', /^cannot load "\/syntax.ts": /],
    ['enum.ts', 'enum A { B }\nexport default A;', /only TypeScript that can be erased runs, so no enum/],
    ['import.ts', `import 'no-such-package';`, /^cannot load .*'no-such-package'/],
    [
      'late.ts',
      'await new Promise((resolve) => setTimeout(resolve, 600_000).unref());',
      /not evaluated within 300 ms: await nothing/,
    ],
    ['text.txt', '', /a plugin is a \.ts, \.mts, \.js or \.mjs file/],
    [
      'node_modules/pack/a.ts',
      `export default ${plugin('a')};`,
      /packages under node_modules must ship JavaScript: build/,
    ],
  ];
  for (const [file, text, message] of cases) assert.match(await problemOf(write(file, text)), message, file);
  assert.match(await problemOf(join(folder, 'missing.ts')), /^cannot load "\/missing.ts": there is no such file$/);
  assert.match(await problemOf(folder), /it is no file/);
});

test('a name that there is already is refused, and the other plugins are there all the same', async () => {
  const files = [
    write('d/cors.ts', `export default ${plugin('cors')};`),
    write('d/first.ts', `export default ${plugin('mine')};`),
    write('d/second.ts', `export default [${plugin('mine')}, ${plugin('other')}];`),
  ];
  const { plugins, problems } = await loadPlugins(ALL_PLUGINS, files);
  assert.deepEqual(
    plugins.slice(ALL_PLUGINS.length).map(({ name }) => name),
    ['mine', 'other'],
  );
  assert.deepEqual(
    problems.map(({ path, message }) => [path, message.replaceAll(folder, '')]),
    [
      ['gateway.plugin_files[0]', '"/d/cors.ts" defines "cors", which Gatewright itself does: give it another name'],
      ['gateway.plugin_files[2]', '"/d/second.ts" defines "mine", which /d/first.ts does: give it another name'],
    ],
  );
});

test('paths begin where the configuration lies, and a changed file changes the signature', async () => {
  const file = write('e/plugins/x.ts', 'export default 1;');
  const configuration = write(
    'e/gatewright.yaml',
    'gateway: { plugin_files: [plugins/x.ts, /opt/y.ts], pid_file: run/g.pid }\n',
  );
  const { settings, problems } = await loadConfiguration(configuration, {});
  assert.deepEqual(problems, []);
  assert.deepEqual(settings.plugin_files, [file, '/opt/y.ts']);
  assert.equal(settings.pid_file, join(folder, 'e/run/g.pid'));
  const before = await pluginSignature([file]);
  write('e/plugins/x.ts', 'export default 22;');
  assert.notEqual(await pluginSignature([file]), before);
});
