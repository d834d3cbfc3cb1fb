/** What the README shows is what happens: its console blocks are run against the example that `npm start` starts. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { freePorts } from '../free-port.ts';
import { requireProgram } from '../require-program.ts';
import { consoleCommands } from './console-blocks.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const README = readFileSync(path.join(ROOT, 'README.md'), 'utf8');

/** The ports of gatewright.yaml and of the README: HTTP, control, demo upstream. */
const WRITTEN_PORTS: readonly number[] = [9080, 9090, 8081];

/** All at once: what was put in is not looked at again, and a port within another number is none. */
function exchange(text: string, from: readonly number[], to: readonly number[]): string {
  return text.replaceAll(/\b\d{4,5}\b/g, (number) => String(to[from.indexOf(Number(number))] ?? number));
}

/** Resolves once `pattern` stands in what a stream said. */
function said(stream: Readable, pattern: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (pattern.test(text)) resolve();
    });
    stream.on('end', () => reject(new Error(`it ended before it said ${pattern}: ${text}`)));
  });
}

describe('the README', () => {
  let home: string;
  let ports: number[];
  let started: ChildProcessByStdio<null, Readable, Readable> | undefined;

  /** The same text with the ports of this run, so that it can run beside a gateway that someone uses. */
  const here = (text: string): string => exchange(text, WRITTEN_PORTS, ports);
  const written = (text: string): string => exchange(text, ports, WRITTEN_PORTS);

  before(async () => {
    ports = await freePorts(WRITTEN_PORTS.length);
    home = mkdtempSync(path.join(tmpdir(), 'gatewright-readme-'));
    const configuration = readFileSync(path.join(ROOT, 'gatewright.yaml'), 'utf8');
    writeFileSync(path.join(home, 'gatewright.yaml'), here(configuration));
    started = spawn('sh', [path.join(ROOT, 'examples/first-route/start.sh')], {
      cwd: home,
      env: { ...process.env, DEMO_PORT: String(ports[2]) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    started.stdout.resume();
    await said(started.stderr, /serving/);
  });
  after(async () => {
    if (started?.exitCode === null) {
      started.kill('SIGTERM');
      await once(started, 'exit');
    }
    rmSync(home, { recursive: true, force: true });
  });

  for (const { line, command, output } of consoleCommands(README)) {
    it(`line ${line}: ${command}`, async (t) => {
      if (requireProgram(t, 'curl') === undefined) return;
      const { stdout } = await promisify(execFile)('sh', ['-c', here(command)], { timeout: 60_000 });
      assert.equal(written(stdout).trimEnd(), output.trimEnd());
    });
  }

  it('ends with exit code 0 when it is told to stop', async () => {
    assert.ok(started !== undefined);
    started.kill('SIGTERM');
    assert.deepEqual(await once(started, 'exit'), [0, null]);
  });

  it('shows at least the routes of gatewright.yaml', () => {
    const commands = consoleCommands(README).map(({ command }) => command);
    for (const route of ['/hello', '/anything/', '/events', '/download', '/upload']) {
      assert.ok(
        commands.some((command) => command.includes(route)),
        route,
      );
    }
  });
});
