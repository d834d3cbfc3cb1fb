/** What `gatewright init` writes: small files that are complete, and that their owner is to change. */

const PLUGIN = `import { definePlugin } from 'gatewright/sdk';

export default definePlugin({
  name: 'greeting',
  priority: 1000,
  summary: 'Greets callers in a header of the response.',
  schema: {
    type: 'object',
    properties: {
      text: { type: 'string', minLength: 1, default: 'hello', description: 'What the header X-Greeting says.' },
    },
  },
  create({ text }) {
    return {
      responseHead(exchange) {
        exchange.response.setHeader('X-Greeting', text);
      },
    };
  },
});
`;

const CONFIGURATION = `# What may stand here: gatewright schema, and gatewright plugins for each plugin.
gateway:
  http: [{ address: 127.0.0.1, port: 9080 }]
  plugin_files: [plugins/greeting.ts]

routes:
  - id: hello
    uri: /hello
    methods: [GET]
    plugins:
      greeting: { text: welcome }
      # Answers in the place of a service. Remove it and name one: upstream: { nodes: { "127.0.0.1:8081": 1 } }
      mocking: { content_type: application/json, response_example: '{"message":"hello"}' }
`;

const YAML_TESTS = `# Run by gatewright test: no port is opened, and no time passes.
tests:
  - name: a caller is greeted
    request: GET /hello
    expect: { status: 200, route: hello, headers: { x-greeting: welcome }, json: { message: hello } }

  - name: what has no route is not found
    request: GET /nowhere
    expect: 404
`;

const TYPESCRIPT_TEST = `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testGateway } from 'gatewright/sdk/testing';

test('a caller is greeted, whatever the text is', async () => {
  const gateway = await testGateway('gatewright.yaml');
  const { status, headers } = await gateway.request('/hello');
  assert.equal(status, 200);
  assert.equal(headers['x-greeting'], 'welcome');
  await gateway.close();
});
`;

const TSCONFIG = `{
  "compilerOptions": {
    "target": "es2024",
    "module": "nodenext",
    "types": ["node"],
    "strict": true,
    "noEmit": true,
    "skipLibCheck": true,
    "erasableSyntaxOnly": true,
    "verbatimModuleSyntax": true,
    "allowImportingTsExtensions": true
  },
  "include": ["**/*.ts"]
}
`;

const GITIGNORE = `node_modules/
*.log
.env
`;

/** By name, all but package.json. */
export const PROJECT_FILES: Readonly<Record<string, string>> = {
  'gatewright.yaml': CONFIGURATION,
  'gatewright.test.yaml': YAML_TESTS,
  'plugins/greeting.ts': PLUGIN,
  'test/greeting.test.ts': TYPESCRIPT_TEST,
  'tsconfig.json': TSCONFIG,
  '.gitignore': GITIGNORE,
};

const SCRIPTS: Readonly<Record<string, string>> = {
  dev: 'gatewright dev',
  check: 'gatewright check',
  types: 'tsc',
  test: 'gatewright test && node --test "test/**/*.test.ts"',
  start: 'gatewright run',
};

interface PackageJson {
  readonly type?: unknown;
  readonly scripts?: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, unknown>>;
  readonly devDependencies?: Readonly<Record<string, unknown>>;
  readonly [name: string]: unknown;
}

/** Scripts that npm init puts there, which only fail. */
const PLACEHOLDER = 'echo "Error: no test specified" && exit 1';

/** One that is there is completed: nothing of it changes but what npm init put in as a placeholder. */
export function packageJson(existing: PackageJson | null, name: string, version: string): string {
  const before = existing ?? { name, version: '0.0.0', private: true };
  const { scripts = {}, dependencies = {}, devDependencies = {} } = before;
  const own = Object.entries(scripts).filter(([, command]) => command !== PLACEHOLDER);
  const isThere = Object.hasOwn(dependencies, 'gatewright') || Object.hasOwn(devDependencies, 'gatewright');
  const made = {
    ...before,
    type: 'module',
    scripts: { ...SCRIPTS, ...Object.fromEntries(own) },
    dependencies: { ...(isThere ? {} : { gatewright: `^${version}` }), ...dependencies },
    devDependencies: { '@types/node': '^26.0.0', typescript: '^7.0.0', ...devDependencies },
  };
  return `${JSON.stringify(made, null, 2)}\n`;
}
