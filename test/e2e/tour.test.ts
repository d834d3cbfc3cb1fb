/** The tour of docs/tour.md, walked as it stands there: each configuration put in force, each command run. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { it } from 'node:test';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { load } from 'js-yaml';
import { requireProgram } from '../require-program.ts';
import { consoleCommands } from './console-blocks.ts';
import { RunningGateway } from './gateway.ts';
import type { GatewayDocument } from './gateway.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const TOUR = readFileSync(path.join(ROOT, 'docs/tour.md'), 'utf8');

/** One configuration, and what is asked while it is in force. */
interface Step {
  readonly yaml: string;
  /** What follows it on the page, up to the next one. */
  readonly rest: string;
}

function stepsOf(page: string): Step[] {
  return page
    .split('```yaml\n')
    .slice(1)
    .map((part) => {
      const end = part.indexOf('```\n');
      return { yaml: part.slice(0, end), rest: part.slice(end + 4) };
    });
}

/** The demo upstream on a free port, which it names. */
async function startUpstream(t: TestContext): Promise<number> {
  const child = spawn(process.execPath, [path.join(ROOT, 'examples/first-route/upstream.ts')], {
    env: { ...process.env, DEMO_PORT: '0' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(async () => {
    child.stdin.end();
    if (child.exitCode === null) await once(child, 'exit');
  });
  const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
  return Number(/port (\d+)/.exec(line)?.[1]);
}

it('every step of the tour does what the page says', async (t) => {
  if (requireProgram(t, 'curl') === undefined) return;
  const upstreams = [await startUpstream(t), await startUpstream(t)].sort((a, b) => a - b);
  const ports = new Map<string, string>(upstreams.map((port, i) => [String(8081 + i), String(port)]));
  const here = (text: string): string => text.replaceAll(/\b(?:9080|8081|8082)\b/g, (port) => ports.get(port) ?? port);
  const written = (text: string): string =>
    [...ports].reduce((changed, [port, actual]) => changed.replaceAll(`:${actual}`, `:${port}`), text);

  const steps = stepsOf(TOUR);
  const documents = steps.map(({ yaml }) => load(here(yaml)) as GatewayDocument);
  assert.equal(steps.length, 5);
  const free = { address: '127.0.0.1', port: 0 };
  // Several workers take their turns each by itself: the halves would be exact only give or take one.
  const gateway = { http: [free], control: free, workers: 1 };
  await using running = await RunningGateway.start({ ...documents[0], gateway });
  ports.set('9080', String(running.port));

  for (const [index, { yaml, rest }] of steps.entries()) {
    if (index > 0) {
      writeFileSync(path.join(running.folder, 'gatewright.json'), JSON.stringify({ ...documents[index], gateway }));
      await running.logged(new RegExp(`serving revision=${index + 1} `));
    }
    const commands = consoleCommands(rest);
    assert.ok(commands.length > 0, yaml);
    for (const { command, output } of commands) {
      const { stdout } = await promisify(execFile)('sh', ['-c', here(command)], { timeout: 60_000 });
      assert.equal(written(stdout).replaceAll('\r', '').trimEnd(), output.trimEnd(), command);
    }
  }
});
