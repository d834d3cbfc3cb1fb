/** `gatewright dev` as people use it: files change, requests come, and its output says what became of both. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { LAUNCHER } from './gateway.ts';
import { eventually } from './waiting.ts';

const upstream = http.createServer((request, response) =>
  response.end(`saw ${String(request.headers['x-made'] ?? 'nothing')}`),
);
let node = '';
before(async () => {
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  node = `127.0.0.1:${(upstream.address() as AddressInfo).port}`;
});
after(() => {
  upstream.close();
  upstream.closeAllConnections();
});

/** A folder with files, and `gatewright dev` in it. */
class Dev {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'gatewright-dev-'));
  output = '';
  private origin = '';
  readonly exited: Promise<unknown[]>;
  private readonly child;

  constructor(files: Readonly<Record<string, string>>, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}) {
    for (const [name, text] of Object.entries(files)) this.write(name, text);
    this.child = spawn(LAUNCHER, ['dev', ...args], {
      cwd: this.folder,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    // `close` and not `exit`: by then everything that was said has arrived.
    this.exited = once(this.child, 'close');
  }

  write(name: string, text: string): void {
    const file = path.join(this.folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  /** Waits for it; what was said before is forgotten with the next one. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    let found: RegExpExecArray | null = null;
    await eventually(
      () => (found = pattern.exec(this.output)) !== null,
      () => `no ${String(pattern)} in:\n${this.output}`,
    );
    return found as unknown as RegExpExecArray;
  }

  forget(): void {
    this.output = '';
  }

  async ask(target: string, method = 'GET'): Promise<string> {
    if (this.origin === '')
      this.origin = `http://127.0.0.1:${(await this.says(/listening on http:\/\/[^:]+:(\d+)/))[1]}`;
    const response = await fetch(this.origin + target, { method, headers: { Connection: 'close' } });
    return `${response.status} ${await response.text()}`;
  }

  async stop(): Promise<void> {
    this.child.kill('SIGTERM');
    await this.exited;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const HEAD = 'gateway: { http: [{ address: 127.0.0.1, port: 0 }], plugin_files: [made.ts] }\n';
const yaml = (uri: string): string =>
  `${HEAD}routes:\n  - id: r\n    uri: ${uri}\n    methods: [GET]\n    plugins: { made: {} }\n    upstream: { nodes: { '${node}': 1 } }\n`;
const plugin = (value: string): string => `import { definePlugin } from 'gatewright/sdk';
import { value } from './value.ts';
export default definePlugin({
  name: 'made', priority: 1, summary: 'x', schema: { type: 'object' },
  create: () => ({ access: (exchange) => exchange.request.setHeader('X-Made', value + ${JSON.stringify(value)}) }),
});
`;
const project = (): Record<string, string> => ({
  'gatewright.yaml': yaml('/a'),
  'made.ts': plugin('one'),
  'value.ts': `export const value: string = 'v';\n`,
});

describe('gatewright dev', () => {
  // One process for many tests: it takes a second to start.
  let dev: Dev;
  before(async () => {
    dev = new Dev(project());
    await dev.says(/listening on .*:\d+/);
    assert.equal(await dev.ask('/a'), '200 saw vone');
  });
  after(() => dev.stop());

  it('shows each request with its verdict on one line', async () => {
    assert.match((await dev.ask('/a', 'DELETE')).slice(0, 3), /404/);
    const served = /^\d\d:\d\d:\d\d GET \/a → 200 {2}route r, from 127\.0\.0\.1:\d+ {2}[\d.]+ ms$/m;
    await dev.says(served);
    await dev.says(
      /^\S+ DELETE \/a → 404 {2}no route; near: r: method DELETE is not GET, by the gateway \(route_not_found\) {2}[\d.]+ ms$/m,
    );
    assert.doesNotMatch(dev.output, /\u001b/, 'no colours where nobody looks at a terminal');
  });

  it('applies a changed configuration in well under a second', async () => {
    let best_ms = Infinity;
    for (const uri of ['/b', '/c', '/d', '/a']) {
      dev.forget();
      const began = performance.now();
      dev.write('gatewright.yaml', yaml(uri));
      await dev.says(/applied gatewright\.yaml is in force after \d+ ms/);
      best_ms = Math.min(best_ms, performance.now() - began);
      assert.equal(await dev.ask(uri), '200 saw vone');
    }
    assert.ok(best_ms < 1_000, `${best_ms} ms`);
  });

  it('keeps what is right when a change is broken, and says what is wrong as a compiler does', async () => {
    dev.forget();
    dev.write('gatewright.yaml', yaml('/e').replace('methods: [GET]', 'methods: [GET, FETCH]'));
    await dev.says(/what was right before still serves/);
    assert.match(dev.output, /^gatewright\.yaml:5:20: error: routes\[0\]\.methods\[1\]: .*"FETCH"/m);
    assert.match(dev.output, /^ {2}5 \| {5}methods: \[GET, FETCH\]\n {4}\| {20}\^$/m);
    assert.equal(await dev.ask('/a'), '200 saw vone');
    dev.forget();
    dev.write('gatewright.yaml', 'routes:\n  - id: [\n');
    await dev.says(/gatewright\.yaml:\d+:\d+: error: not valid YAML/);
    await dev.says(/what was right before still serves/);
    dev.forget();
    dev.write('gatewright.yaml', yaml('/a'));
    await dev.says(/applied/);
    assert.equal(await dev.ask('/a'), '200 saw vone');
  });

  it('loads changed plugins and what they import, without losing a request', async () => {
    let isOver = false;
    const seen = new Set<string>();
    const load = (async () => {
      while (!isOver) seen.add(await dev.ask('/a'));
    })();
    for (const [file, text, made] of [
      ['made.ts', plugin('two'), 'vtwo'],
      ['value.ts', `export const value: string = 'w';\n`, 'wtwo'],
    ] as const) {
      dev.forget();
      dev.write(file, text);
      await dev.says(/applied the changed code is in force after \d+ ms/);
      await eventually(
        () => seen.has(`200 saw ${made}`),
        () => [...seen].join(),
      );
    }
    isOver = true;
    await load;
    assert.deepEqual([...seen].sort(), ['200 saw vone', '200 saw vtwo', '200 saw wtwo']);
  });

  it('keeps the code that works when a change of it is broken', async () => {
    dev.forget();
    dev.write('made.ts', plugin('three').replace('create: () =>', 'create: () =='));
    await dev.says(/what was right before still serves/);
    assert.match(dev.output, /^made\.ts:5:\d+: error: cannot load /m);
    assert.equal(await dev.ask('/a'), '200 saw wtwo');
    dev.forget();
    dev.write('made.ts', plugin('four'));
    await dev.says(/applied the changed code/);
    assert.equal(await dev.ask('/a'), '200 saw wfour');
  });
});

describe('gatewright dev, with', () => {
  it('a configuration that cannot be served waits for one that can, and ends with the first signal', async (t) => {
    const dev = new Dev({ 'gatewright.yaml': 'routes: [{ uri: /a }]\n' });
    t.after(() => dev.stop());
    await dev.says(/gatewright\.yaml:1:10: error: routes\[0\]\.upstream: a route needs "upstream"/);
    await dev.says(/nothing is served until this is repaired/);
    for (const [name, text] of Object.entries(project()).toReversed()) dev.write(name, text);
    assert.equal(await dev.ask('/a'), '200 saw vone');
    await dev.stop();
    assert.deepEqual(await dev.exited, [0, null]);
  });

  it('a configuration in TypeScript follows what it imports, and changed settings', async (t) => {
    const config = (port: string): string => `import { defineConfig } from 'gatewright';
import { uri } from './uri.ts';
export default defineConfig({
  gateway: { http: [{ address: '127.0.0.1', port: 0 }], ${port} },
  routes: [{ id: 'r', uri, upstream: { nodes: { '${node}': 1 } } }],
});
`;
    const files = { 'gatewright.config.ts': config(''), 'uri.ts': `export const uri = '/a';\n` };
    const dev = new Dev(files);
    t.after(() => dev.stop());
    assert.equal(await dev.ask('/a'), '200 saw nothing');
    dev.forget();
    dev.write('uri.ts', `export const uri = '/b';\n`);
    await dev.says(/applied gatewright\.config\.ts/);
    assert.equal(await dev.ask('/b'), '200 saw nothing');
    dev.forget();
    dev.write('gatewright.config.ts', config(`via: 'changed'`));
    await dev.says(/applied the changed code/);
    assert.equal(await dev.ask('/b'), '200 saw nothing');
    dev.forget();
    dev.write('uri.ts', 'export const uri = /;\n');
    await dev.says(/error: cannot read .*gatewright\.config\.ts/);
    assert.equal(await dev.ask('/b'), '200 saw nothing');
  });

  it('no configuration says how to make one', async () => {
    const none = new Dev({}, [], { HOME: '/nonexistent', XDG_CONFIG_HOME: '/nonexistent' });
    assert.equal((await none.exited)[0], 64);
    assert.match(none.output, /no configuration found.*gatewright init makes a project/);
    await none.stop();
  });
});
