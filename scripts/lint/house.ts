/**
 * Who may import whom under src/, as a table. docs/contributing.md explains it; the rule `gatewright/layers` enforces it.
 * Tests may import anything.
 */

export interface Layer {
  /** Folders of src/ that this one may import, besides itself. */
  readonly imports: readonly string[];
  /** Packages that it may import; `any` where packages are allowed at all, as docs/dependencies.md lists them. */
  readonly packages: 'none' | 'any';
  /** `types`: only types of node: modules; `pure`: none that does input or output; `any`: all of them. */
  readonly node: 'types' | 'pure' | 'any';
}

export const HOUSE: Readonly<Record<string, Layer>> = {
  // `router` for what plugins share with routes: the regular expressions in linear time, and conditions on variables.
  sdk: { imports: ['router'], packages: 'none', node: 'types' },
  clock: { imports: [], packages: 'none', node: 'pure' },
  router: { imports: [], packages: 'none', node: 'pure' },
  balance: { imports: [], packages: 'none', node: 'pure' },
  // The algorithms of limits, and the bounded tables of their counts.
  limit: { imports: ['sdk'], packages: 'none', node: 'pure' },
  http1: { imports: ['clock'], packages: 'none', node: 'any' },
  // `http1` for what both protocols share: heads as text and offsets, the kinds of fields, sockets.
  http2: { imports: ['clock', 'http1'], packages: 'none', node: 'any' },
  // What plugins reach out with.
  clients: { imports: ['sdk'], packages: 'any', node: 'any' },
  model: { imports: ['sdk'], packages: 'any', node: 'pure' },
  plugins: { imports: ['sdk'], packages: 'any', node: 'any' },
  compile: { imports: ['model', 'sdk', 'router', 'balance'], packages: 'any', node: 'pure' },
  // Made from the schemas: what configurations in TypeScript are typed with.
  builders: { imports: ['sdk'], packages: 'none', node: 'types' },
  config: { imports: ['model', 'sdk'], packages: 'any', node: 'any' },
  // `config` for the file that is a store, and for the settings of the others.
  store: { imports: ['model', 'sdk', 'config'], packages: 'any', node: 'any' },
  observe: { imports: ['sdk', 'clock'], packages: 'none', node: 'any' },
  // `compile` for the types of the Snapshot's upstreams, which the pools are attached to.
  'proxy-protocol': { imports: [], packages: 'none', node: 'any' },
  // TLS around connections: who is asked for by name decides by which certificate and rules.
  tls: { imports: ['clock', 'compile', 'http1'], packages: 'none', node: 'any' },
  upstream: {
    imports: ['tls', 'compile', 'http1', 'http2', 'balance', 'model', 'sdk', 'clock'],
    packages: 'none',
    node: 'any',
  },
  proxy: {
    imports: [
      'proxy-protocol',
      'tls',
      'sdk',
      'compile',
      'router',
      'upstream',
      'observe',
      'http1',
      'http2',
      'balance',
      'clock',
    ],
    packages: 'none',
    node: 'any',
  },
  admin: { imports: ['model', 'store', 'config', 'compile', 'router', 'sdk'], packages: 'any', node: 'any' },
  // Where everything is put together: it knows the parts so that they need not know each other.
  threads: {
    imports: [
      'proxy',
      'compile',
      'store',
      'admin',
      'config',
      'model',
      'observe',
      'sdk',
      'clock',
      'http1',
      'http2',
      'tls',
      'upstream',
      'router',
      'balance',
      'limit',
      'clients',
    ],
    packages: 'none',
    node: 'any',
  },
  // A gateway put together for tests, as `threads` does it for service.
  testing: {
    imports: [
      'sdk',
      'clock',
      'http1',
      'tls',
      'model',
      'plugins',
      'compile',
      'config',
      'limit',
      'clients',
      'observe',
      'upstream',
      'proxy',
      'threads',
      'builders',
    ],
    packages: 'any',
    node: 'any',
  },
  // What would become of a request: a gateway of `testing`, looked into.
  explain: {
    imports: ['testing', 'compile', 'proxy', 'router', 'sdk'],
    packages: 'none',
    node: 'pure',
  },
  // A gateway in the thread of its caller: `createGateway`, and what `dev` runs.
  embed: {
    imports: [
      'builders',
      'sdk',
      'clock',
      'http1',
      'model',
      'plugins',
      'compile',
      'config',
      'observe',
      'upstream',
      'threads',
    ],
    packages: 'none',
    node: 'any',
  },
  // What `gatewright dev` runs: a gateway that follows its files.
  dev: {
    imports: ['embed', 'config', 'model', 'plugins', 'threads', 'sdk'],
    packages: 'none',
    node: 'any',
  },
  cli: {
    imports: [
      'dev',
      'embed',
      'explain',
      'sdk',
      'clock',
      'router',
      'balance',
      'http1',
      'http2',
      'model',
      'plugins',
      'compile',
      'config',
      'store',
      'observe',
      'upstream',
      'clients',
      'proxy',
      'testing',
      'admin',
      'threads',
    ],
    packages: 'any',
    node: 'any',
  },
};

/** Files directly in src/. `main.ts` finds the verb; `index.ts` is what the package exports. */
export const ROOT_FILES: Readonly<Record<string, Layer>> = {
  'main.ts': { imports: ['cli'], packages: 'none', node: 'any' },
  'index.ts': { imports: ['builders', 'embed', 'model', 'config'], packages: 'none', node: 'types' },
};

/** Modules of Node.js that read or write something outside the process, or wait. */
export const IMPURE_NODE_MODULES: readonly string[] = [
  'child_process',
  'cluster',
  'dgram',
  'dns',
  'fs',
  'http',
  'http2',
  'https',
  'inspector',
  'net',
  'os',
  'process',
  'readline',
  'repl',
  'sqlite',
  'timers',
  'tls',
  'tty',
  'worker_threads',
];

/** What such a module offers besides, that only computes. */
export const PURE_NAMES: Readonly<Record<string, readonly string[]>> = {
  net: ['BlockList', 'SocketAddress', 'isIP', 'isIPv4', 'isIPv6'],
};

/** The only folders that may read the clock or draw random numbers; everyone else is given them. */
export const TIME_SOURCES: readonly string[] = ['threads', 'cli', 'clock'];

/** Folders whose modules may hold scratch memory that never outlives a call. */
export const SCRATCH_FOLDERS: readonly string[] = ['http1', 'http2', 'router'];
