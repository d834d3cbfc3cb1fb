/** What an editor makes of a configuration in TypeScript: wrong attributes are errors, completion explains. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { compile } from '../../src/compile/compile.ts';
import { pluginRegistry } from '../../src/compile/plugin-registry.ts';
import { loadConfiguration } from '../../src/config/configuration.ts';
import { loadPlugins } from '../../src/config/plugin-files.ts';
import { ALL_PLUGINS } from '../../src/plugins/all.ts';
import { LanguageServer } from './language-server.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const TSCONFIG = {
  extends: path.join(ROOT, 'tsconfig.json'),
  compilerOptions: {
    incremental: false,
    tsBuildInfoFile: null,
    noUnusedLocals: false,
    noUncheckedIndexedAccess: false,
    typeRoots: [path.join(ROOT, 'node_modules/@types')],
    paths: {
      'gatewright/sdk': [path.join(ROOT, 'src/sdk/index.ts')],
      gatewright: [path.join(ROOT, 'src/index.ts')],
    },
  },
  include: ['*.ts'],
  exclude: [],
  references: [],
};

/** Each line that is followed by a mistake is expected to be an error; one that is not would be an error itself. */
const WRONG = `import { consumer, credential, defineConfig, keyAuth, keyAuthCredential, limitCount, limitCountMetadata, route, upstream, use } from 'gatewright';
import { definePlugin } from 'gatewright/sdk';

const tenant = definePlugin({
  name: 'tenant', priority: 1, summary: 'x',
  schema: { type: 'object', required: ['tenants'], properties: { tenants: { type: 'object', additionalProperties: { type: 'integer' } }, header: { type: 'string', default: 'X' } } },
  create: ({ tenants }) => { const all: Readonly<Record<string, number>> = tenants; return { log: () => void all }; },
});

// @ts-expect-error an attribute that does not exist
route({ uri: '/', method: ['GET'] });
// @ts-expect-error a method that does not exist
route({ uri: '/', methods: ['FETCH'] });
// @ts-expect-error a wrong type
route({ uri: 7 });
// @ts-expect-error a balancer that does not exist
upstream({ type: 'random', nodes: { 'a:1': 1 } });
// @ts-expect-error an attribute of an upstream inside of a route
route({ uri: '/', upstream: { node: {} } });
// @ts-expect-error a plugin that does not exist
route({ uri: '/', plugins: { 'key-aut': {} } });
// @ts-expect-error an attribute of a plugin
route({ uri: '/', plugins: { 'limit-count': { counts: 7 } } });
// @ts-expect-error an attribute of a plugin, by its builder
limitCount({ policy: 'redi' });
// @ts-expect-error the attributes of a consumer are others than those of a route
consumer({ username: 'jack', plugins: { 'key-auth': { header: 'k' } } });
// @ts-expect-error a consumer without its name
consumer({ plugins: { ...keyAuthCredential({ key: 'k' }) } });
// @ts-expect-error a key has to be given
keyAuthCredential({});
// @ts-expect-error an attribute of the metadata
limitCountMetadata({ limit: 'x' });
// @ts-expect-error what has no default has to be given
use(tenant, {});
// @ts-expect-error a wrong type in a plugin of one's own
use(tenant, { tenants: { acme: 'many' } });
// @ts-expect-error a setting that does not exist
defineConfig({ gateway: { worker: 4 } });
// @ts-expect-error a kind of object that does not exist
defineConfig({ route: [] });
// @ts-expect-error how the gateway treats a plugin
keyAuth({ _meta: { disabled: true } });

export default defineConfig({
  gateway: { http: [{ port: 9080 }], plugin_files: ['tenant.ts'] },
  routes: [
    route({ id: 'a', uri: '/*', plugins: { ...keyAuth(), ...use(tenant, { tenants: { acme: 1 }, _meta: { priority: 7 } }), 'limit-count': { count: 1, time_window: 60 } }, upstream: { nodes: { 'a:1': 1 } } }),
    { id: 'b', uris: ['/b'], upstream_id: 'u', status: 0 },
  ],
  upstreams: [upstream({ id: 'u', type: 'chash', nodes: [{ host: 'a', port: 1, weight: 1 }] })],
  consumers: [
    consumer({ username: 'jack', plugins: { ...keyAuthCredential({ key: 'k' }), ...limitCount({ count: 1, time_window: 1 }) } }),
    credential({ id: 'jack/credentials/one', plugins: { 'key-auth': { key: 'l' } } }),
  ],
  plugin_metadata: [limitCountMetadata({ limit_header: 'X-L' })],
});
`;

describe('a configuration in TypeScript', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'gatewright-types-'));
    writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(TSCONFIG));
    writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('has an error for each mistake, and takes what is right, with every documented example of every plugin', () => {
    writeFileSync(path.join(folder, 'wrong.ts'), WRONG);
    writeFileSync(path.join(folder, 'examples.ts'), examples());
    writeFileSync(path.join(folder, 'gatewright.config.ts'), guide());
    copyFileSync(path.join(ROOT, 'examples/own-plugin/tenant.ts'), path.join(folder, 'tenant.ts'));
    const { stdout, status } = spawnSync(
      path.join(ROOT, 'node_modules/.bin/tsc'),
      ['-p', folder, '--pretty', 'false'],
      {
        encoding: 'utf8',
        cwd: folder,
        timeout: 100_000,
      },
    );
    assert.equal(stdout, '');
    assert.equal(status, 0);
  });

  it('is read as the guide has it, builders and own plugin included', async () => {
    const { settings, objects, problems } = await loadConfiguration(path.join(folder, 'gatewright.config.ts'), {});
    const { plugins } = await loadPlugins(ALL_PLUGINS, settings.plugin_files);
    const compiled = compile(objects, { settings, revision: 1, plugins: pluginRegistry(plugins) });
    assert.deepEqual([...problems, ...compiled.problems], []);
    assert.deepEqual(
      objects.objects.routes.map(({ id, value }) => [id, value['plugins']]),
      [
        ...['orders', 'users'].map((id) => [
          id,
          { 'key-auth': {}, 'limit-count': { count: 100, time_window: 60, rejected_code: 429 } },
        ]),
        ['shared', { tenant: { tenants: { acme: 100 } } }],
      ],
    );
  });

  it('is explained by completion, in the words of the schemas', async (t) => {
    const text = `import { limitCount, route } from 'gatewright';
route({ uri: '/', me });
limitCount({ wi });
route({ uri: '/', plugins: { k } });
`;
    writeFileSync(path.join(folder, 'asked.ts'), text);
    const server = new LanguageServer(folder);
    t.after(() => server.close());
    await server.open(folder, 'asked.ts', text);
    const ask = (line: number, character: number, label: string) =>
      server.documentation(folder, 'asked.ts', { line, character }, label);
    assert.match(await ask(1, 20, 'methods'), /Methods to match; all if empty or absent/);
    assert.match(await ask(2, 15, 'window_type'), /sliding: the last window counts by .*Default: `"fixed"`/s);
    assert.match(await ask(3, 30, 'key-auth'), /Lets in callers that send a key of a consumer/);
  });
});

/** The configuration of the guide. */
function guide(): string {
  const page = readFileSync(path.join(ROOT, 'docs/typescript.md'), 'utf8');
  return /```ts\n(import \{ consumer[^]*?)```/.exec(page)?.[1] ?? '';
}

/** Routes with the examples of all plugins, as people would write them. */
function examples(): string {
  const routes = ALL_PLUGINS.flatMap(({ name, examples = [] }) =>
    examples.map(({ config }) => `  { uri: '/', plugins: { '${name}': ${JSON.stringify(config)} } },\n`),
  );
  return `import { defineConfig } from 'gatewright';\nexport default defineConfig({ routes: [\n${routes.join('')}] });\n`;
}
