/** docs/admin-api.md, followed as it stands there. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { it } from 'node:test';
import { promisify } from 'node:util';
import { load } from 'js-yaml';
import { requireProgram } from '../require-program.ts';
import { consoleCommands } from './console-blocks.ts';
import { RunningGateway } from './gateway.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const PAGE = readFileSync(path.join(ROOT, 'docs/admin-api.md'), 'utf8');

interface Document {
  readonly gateway: { readonly admin: { readonly keys: readonly { readonly key: string }[] } };
}

it('every command of the page does what the page says', async (t) => {
  if (requireProgram(t, 'curl') === undefined) return;
  const yaml = PAGE.slice(PAGE.indexOf('```yaml\n') + 8);
  const { gateway } = load(yaml.slice(0, yaml.indexOf('```\n'))) as Document;
  const upstream = spawn(process.execPath, [path.join(ROOT, 'examples/first-route/upstream.ts')], {
    env: { ...process.env, DEMO_PORT: '0' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(async () => {
    upstream.stdin.end();
    if (upstream.exitCode === null) await once(upstream, 'exit');
  });
  const [line] = (await once(upstream.stdout.setEncoding('utf8'), 'data')) as [string];
  const free = { address: '127.0.0.1', port: 0 };
  await using running = await RunningGateway.start({
    gateway: { workers: 1, ...gateway, http: [free], control: free, admin: { ...gateway.admin, port: 0 } },
  });
  const ports: Readonly<Record<string, string | undefined>> = {
    9080: String(running.port),
    8081: /port (\d+)/.exec(line)?.[1],
    9180: /listening protocol=admin .*port=([0-9]+)/.exec(running.errorLog)?.[1],
  };
  const commands = consoleCommands(PAGE);
  assert.ok(commands.length >= 9);
  for (const { command, output } of commands) {
    const script = command.replaceAll(/\b(?:9080|8081|9180)\b/g, (port) => ports[port] ?? port);
    const { stdout } = await promisify(execFile)('sh', ['-c', script], {
      timeout: 60_000,
      cwd: running.folder,
      env: { ...process.env, PATH: `${ROOT}/bin:${process.env['PATH']}`, admin_key: gateway.admin.keys[0]?.key },
    });
    assert.equal(stdout.replaceAll('\r', '').trimEnd(), output.trimEnd(), command);
  }
});
