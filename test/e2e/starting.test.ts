/** Starting: what is said where it fails, and that it works from wherever it is called. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ask } from './client.ts';
import { LAUNCHER, routeTo, RunningGateway } from './gateway.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');

describe('a start that is to be given up', () => {
  // It says that it begins, and never ends to.
  const PLUGIN = `import { writeSync } from 'node:fs';
    writeSync(2, 'begun');
    await new Promise((resolve) => setTimeout(resolve, 600_000));`;
  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'gatewright-start-'));
    writeFileSync(path.join(folder, 'endless.mjs'), PLUGIN);
    writeFileSync(path.join(folder, 'gatewright.yaml'), 'gateway: { pid_file: pid, plugin_files: [endless.mjs] }\n');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('ends with exit code 0, as any that is told to stop', async () => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const) {
      const child = spawn(LAUNCHER, ['run'], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
      const ended = once(child, 'close');
      await once(child.stderr, 'data');
      child.kill(signal);
      assert.deepEqual(await ended, [0, null], signal);
      assert.equal(existsSync(path.join(folder, 'pid')), false);
    }
  });
});

describe('a start that fails', () => {
  let folder: string;
  before(() => (folder = mkdtempSync(path.join(tmpdir(), 'gatewright-start-'))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  function gatewright(...args: string[]): { code: number | null; stdout: string; stderr: string } {
    // No configuration of whoever runs the test is found.
    const env = { PATH: process.env['PATH'], HOME: folder, XDG_CONFIG_HOME: path.join(folder, 'xdg') };
    const { status, stdout, stderr } = spawnSync(LAUNCHER, args, {
      encoding: 'utf8',
      cwd: folder,
      env,
      timeout: 60_000,
    });
    return { code: status, stdout, stderr };
  }

  function write(name: string, text: string): string {
    const file = path.join(folder, name);
    writeFileSync(file, text);
    return file;
  }

  const listeners = (http: object, control: object): string =>
    write('listeners.json', JSON.stringify({ gateway: { http: [http], control } }));

  it('names the address that another process has, for traffic and for status', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const taken = { address: '127.0.0.1', port };
    const free = { address: '127.0.0.1', port: 0 };
    for (const file of [listeners(taken, free), listeners(free, taken)]) {
      // The server lives in this process, which spawnSync blocks: the kernel alone knows that the port is taken.
      const { code, stderr } = gatewright('run', '-c', file);
      assert.equal(code, 1, stderr);
      assert.match(
        stderr,
        new RegExp(`gatewright: cannot listen on 127\\.0\\.0\\.1 port ${port}: another process does\n$`),
      );
    }
    server.close();
  });

  it('names the address that the machine does not have', () => {
    const file = listeners({ address: '192.0.2.1', port: 8080 }, { address: '127.0.0.1', port: 0 });
    const { code, stderr } = gatewright('run', '-c', file);
    assert.equal(code, 1);
    assert.match(stderr, /cannot listen on 192\.0\.2\.1 port 8080: this machine does not have the address\n$/);
  });

  it('names the folder that is gone', () => {
    const gone = path.join(folder, 'gone');
    mkdirSync(gone);
    const script = 'rmdir "$PWD"; exec "$0" run -c /no/matter.yaml';
    const { status, stderr } = spawnSync('sh', ['-c', script, LAUNCHER], { encoding: 'utf8', cwd: gone });
    assert.equal(status, 1);
    assert.match(stderr, /gatewright run: the folder that it is started in is gone: start it in another one\n$/);
  });

  it('names the file that cannot be read', () => {
    for (const [file, reason] of [
      ['missing.yaml', 'ENOENT'],
      ['.', 'EISDIR'],
    ] as const) {
      const { code, stdout, stderr } = gatewright('run', '-c', file);
      assert.deepEqual([code, stdout], [1, '']);
      assert.match(stderr, new RegExp(`^gatewright: .*cannot read ${path.resolve(folder, file)}: .*${reason}`, 's'));
    }
  });

  it('says where it looked for a configuration', () => {
    const { code, stderr } = gatewright('run');
    assert.equal(code, 1);
    for (const place of [folder, path.join(folder, 'xdg/gatewright'), '/etc/gatewright', '-c FILE']) {
      assert.ok(stderr.startsWith('gatewright: no configuration found') && stderr.includes(place), stderr);
    }
  });

  it('names every problem of a configuration with its line', () => {
    const file = write(
      'problems.yaml',
      `gateway:
  http: [{ address: localhost, port: 80800 }]
  wrokers: 2
routes:
  - id: a
    uri: no-slash
    upstream: { type: roundrobin, nodes: { '127.0.0.1:80': 1 } }
  - id: b
    upstream_id: missing
    methods: [GTE]
`,
    );
    const { code, stdout, stderr } = gatewright('run', '-c', file);
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, new RegExp(`^gatewright: ${file} has \\d+ problems\n`));
    assert.match(stderr, /[^\n]\n$/);
    for (const [line, what] of [
      [2, 'gateway.http'],
      [3, 'wrokers'],
      [6, 'routes'],
      [8, 'routes'],
      [10, 'methods'],
    ] as const) {
      assert.match(stderr, new RegExp(`\n {2}line ${line}, .*${what}`), `line ${line}: ${stderr}`);
    }
  });

  it('names a log file that cannot be opened', () => {
    for (const log of ['access_log', 'error_log']) {
      const document = { gateway: { [log]: { path: 'no/such/folder/file.log' } } };
      const { code, stderr } = gatewright('run', '-c', write('log.json', JSON.stringify(document)));
      assert.equal(code, 1, stderr);
      assert.match(
        stderr,
        new RegExp(`gatewright: gateway\\.${log}\\.path: cannot open "no/such/folder/file\\.log": ENOENT`),
      );
    }
  });

  it('takes an unknown verb or option for a mistake, and says what there is', () => {
    for (const [args, said] of [
      [[], /^usage: gatewright VERB/],
      [['strat'], /^gatewright: there is no verb "strat"\n\nusage:/],
      [['run', '--config-file', 'x'], /^gatewright run: .*--config-file/],
      [['run', 'x.yaml'], /^gatewright run: .*x\.yaml/],
      [['run', '-c'], /^gatewright run: .*-c/],
      [['check', '--jsno'], /^gatewright check: .*--jsno/],
      [['version', '--verbose'], /^gatewright version: .*--verbose/],
    ] as const) {
      const { code, stdout, stderr } = gatewright(...args);
      assert.deepEqual([code, stdout], [64, ''], args.join(' '));
      assert.match(stderr, said);
      assert.doesNotMatch(stderr, /\n {4}at /);
    }
  });

  it('prints its version and the Node.js it runs on', () => {
    const { version } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { version: string };
    for (const name of ['version', '--version']) {
      const { code, stdout, stderr } = gatewright(name);
      assert.deepEqual([code, stderr], [0, '']);
      assert.match(
        stdout,
        new RegExp(`^gatewright ${version.replaceAll('.', '\\.')} \\(Node\\.js \\d+\\.\\d+\\.\\d+, \\w+ \\w+\\)\n$`),
      );
    }
  });
});

describe('a start from elsewhere', () => {
  it('works with an old Node.js on the PATH, from a folder, a package and through a link whose names have spaces', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'gatewright with spaces '));
    const home = path.join(folder, 'the package');
    for (const part of ['bin', 'src', 'package.json']) {
      cpSync(path.join(ROOT, part), path.join(home, part), { recursive: true });
    }
    symlinkSync(path.join(ROOT, 'node_modules'), path.join(home, 'node_modules'));
    const old = path.join(folder, 'old node');
    mkdirSync(old);
    writeFileSync(path.join(old, 'node'), '#!/bin/sh\necho v12.22.12\n');
    chmodSync(path.join(old, 'node'), 0o755);
    const launcher = path.join(folder, 'a link');
    symlinkSync('the package/bin/gatewright', launcher);
    const env = { PATH: `${old}:/usr/bin:/bin`, HOME: folder };
    {
      await using gateway = await RunningGateway.start({ routes: [routeTo([1])] }, { launcher, cwd: folder, env });
      assert.equal((await ask(gateway.port, { path: '/' })).status, 502);
    }
    rmSync(folder, { recursive: true });
  });
});
