/** Every YAML example of the documentation is a configuration that works. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { compile } from '../../src/compile/compile.ts';
import { pluginRegistry } from '../../src/compile/plugin-registry.ts';
import { parseConfiguration } from '../../src/config/configuration.ts';
import { loadPlugins } from '../../src/config/plugin-files.ts';
import { checkFormat } from '../../src/observe/format.ts';
import { ALL_PLUGINS } from '../../src/plugins/all.ts';
import { trackedFiles } from '../../scripts/tracked-files.ts';

/** The pages name plugins of this folder. */
const EXAMPLE = path.resolve(import.meta.dirname, '../../examples/own-plugin/tenant.ts');
const { plugins } = await loadPlugins(ALL_PLUGINS, [EXAMPLE]);
/** Variables that examples refer to by `$env://`. */
const ENV = { JACK_KEY: 'auth-one' };
const PLUGINS = pluginRegistry(plugins, ENV);

interface Block {
  readonly page: string;
  readonly line: number;
  readonly text: string;
}

function yamlBlocks(page: string): Block[] {
  const blocks: Block[] = [];
  const lines = readFileSync(page, 'utf8').split('\n');
  for (let start = lines.indexOf('```yaml'); start !== -1; start = lines.indexOf('```yaml', start + 1)) {
    const end = lines.indexOf('```', start);
    blocks.push({ page, line: start + 1, text: lines.slice(start + 1, end).join('\n') });
  }
  return blocks;
}

/** Everything that is wrong with an example, by path. */
function problemsOf(text: string): string[] {
  const { objects, settings, problems, warnings } = parseConfiguration(text, {
    format: 'yaml',
    dialect: 'gatewright',
    env: {},
  });
  const compiled = compile(objects, { settings, revision: 1, plugins: PLUGINS });
  const formats = settings.access_log === false ? [] : checkFormat(settings.access_log.format);
  const found = [...problems, ...warnings, ...compiled.problems, ...compiled.warnings];
  return [...found.map(({ path, message }) => `${path}: ${message}`), ...formats];
}

describe('the YAML examples of the documentation', () => {
  const blocks = trackedFiles()
    .filter((file) => file.endsWith('.md'))
    .flatMap(yamlBlocks);

  it('are found', () => {
    assert.ok(blocks.length >= 8, `only ${blocks.length}`);
  });

  for (const { page, line, text } of blocks) {
    it(`${page}:${line} is a configuration without a problem`, () => {
      assert.deepEqual(problemsOf(text), []);
    });
  }

  it('would not pass with a mistake', () => {
    assert.deepEqual(problemsOf('routes: [{ uri: /a, upstrem_id: 1 }]').length > 0, true);
  });
});
