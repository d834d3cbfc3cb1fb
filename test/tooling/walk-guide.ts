/** Walks docs/first-project.md: its commands are run and its files saved, in their order, in a folder where nothing is. */
import assert from 'node:assert/strict';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { consoleCommands } from '../e2e/console-blocks.ts';
import { eventually } from '../e2e/waiting.ts';
import { freePorts } from '../free-port.ts';
import { pack, projectEnvironment } from './empty-project.ts';

const PAGE = readFileSync(path.resolve(import.meta.dirname, '../../docs/first-project.md'), 'utf8');

type Step =
  | { readonly line: number; readonly command: string; readonly output: string }
  | { readonly line: number; readonly file: string; readonly text: string };

/** Blocks whose first line names a file, and commands. */
function stepsOf(page: string): Step[] {
  const files = Array.from(page.matchAll(/^```(?:ts|yaml) (\S+)\n([^]*?)^```$/gm), (match) => ({
    line: page.slice(0, match.index).split('\n').length,
    file: match[1] ?? '',
    text: match[2] ?? '',
  }));
  return [...files, ...consoleCommands(page)].sort((a, b) => a.line - b.line);
}

/** @param program a Node.js */
export function walkGuide(program: string): void {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'gatewright-first-')));
  const shop = path.join(folder, 'shop');
  const steps = stepsOf(PAGE);
  const started: ChildProcess[] = [];
  let env: NodeJS.ProcessEnv = {};
  let tarball = '';
  let output = '';
  let ports: readonly number[] = [];

  const ported = (text: string): string =>
    text.replaceAll(/\b(?:9080|8081)\b/g, (port) => String(ports[port === '9080' ? 0 : 1]));

  /** In the background, as in a terminal of its own. */
  function start(command: string): ChildProcess {
    // A group of its own: npm and what it starts end together.
    const child = spawn('sh', ['-c', command], { cwd: shop, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += String(text)));
    started.push(child);
    return child;
  }

  async function stop(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    const exited = once(child, 'exit');
    process.kill(-child.pid, 'SIGTERM');
    await exited;
  }

  async function says(pattern: RegExp): Promise<void> {
    await eventually(
      () => pattern.test(output),
      () => `no ${String(pattern)} in:\n${output}`,
    );
  }

  async function sh(command: string, cwd = shop): Promise<string> {
    const shown = await promisify(execFile)('sh', ['-c', `${command} || true`], { cwd, env, timeout: 100_000 });
    return shown.stdout.replaceAll('\r', '').replaceAll(shop, '$PWD').trimEnd();
  }

  before(async () => {
    const node = path.join(folder, 'node');
    mkdirSync(node);
    symlinkSync(program, path.join(node, 'node'));
    env = projectEnvironment(node);
    ports = await freePorts(2);
    tarball = await pack(folder);
  });
  after(async () => {
    await Promise.all(started.map(stop));
    rmSync(folder, { recursive: true, force: true });
  });

  describe('every step of the guide does what the page says', () => {
    for (const step of steps) {
      if ('file' in step) {
        it(`line ${step.line}: ${step.file}`, async () => {
          output = '';
          writeFileSync(path.join(shop, step.file), ported(step.text));
          if (step.file === 'gatewright.yaml') await says(/applied/);
          if (step.file !== 'service.ts') return;
          start('exec node service.ts');
          await eventually(
            () => accepts(ports[1] ?? 0),
            () => output,
          );
        });
        continue;
      }
      it(`line ${step.line}: ${step.command}`, async () => {
        const isFirst = step.command.includes('npm install --silent gatewright');
        if (step.command.startsWith('curl') && started.length === 0) {
          start('exec npm run dev');
          await says(/listening on/);
        }
        const command = ported(step.command).replace('--silent gatewright', `--silent ${tarball}`);
        const printed = await sh(command, isFirst ? folder : shop);
        assert.equal(printed, ported(step.output).trimEnd());
        if (!isFirst) return;
        const file = path.join(shop, 'gatewright.yaml');
        writeFileSync(file, ported(readFileSync(file, 'utf8')));
      });
    }

    it('with that Node.js', async () => {
      const { stdout } = await promisify(execFile)(program, ['--version']);
      assert.match(await sh('npx gatewright version'), new RegExp(`Node\\.js ${stdout.trim().slice(1)}`));
    });

    it('and run serves it, too', async () => {
      const [dev] = started;
      if (dev !== undefined) await stop(dev);
      output = '';
      start('exec npm start');
      await says(/serving/);
      const asked = ported('curl -s -H "apikey: jacks-key" http://127.0.0.1:9080/orders/7');
      assert.equal(await sh(asked), 'your tier: premium');
    });
  });
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: '127.0.0.1', port });
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
