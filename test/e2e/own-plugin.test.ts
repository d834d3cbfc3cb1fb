/** docs/write-a-plugin.md, walked as it stands there: its files saved, its commands run. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { it } from 'node:test';
import { promisify } from 'node:util';
import { load } from 'js-yaml';
import { EchoUpstream } from '../plugins/echo-upstream.ts';
import { requireProgram } from '../require-program.ts';
import { consoleCommands } from './console-blocks.ts';
import { RunningGateway } from './gateway.ts';
import type { GatewayDocument } from './gateway.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const PAGE = readFileSync(path.join(ROOT, 'docs/write-a-plugin.md'), 'utf8');

function block(language: string): string {
  const start = PAGE.indexOf(`\`\`\`${language}\n`) + language.length + 4;
  return PAGE.slice(start, PAGE.indexOf('```\n', start));
}

it('every step of the guide to plugins does what the page says', async (t) => {
  if (requireProgram(t, 'curl') === undefined) return;
  const [code, yaml] = [block('ts'), block('yaml')];
  for (const [file, text] of Object.entries({ 'tenant.ts': code, 'gatewright.yaml': yaml })) {
    assert.equal(readFileSync(path.join(ROOT, 'examples/own-plugin', file), 'utf8'), text, file);
  }
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'gatewright-guide-')));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(path.join(folder, 'tenant.ts'), code);
  writeFileSync(path.join(folder, 'gatewright.yaml'), yaml);

  const upstream = await EchoUpstream.start();
  t.after(() => upstream.close());
  const document = load(yaml.replace('127.0.0.1:8081', `127.0.0.1:${upstream.port}`)) as GatewayDocument;
  const plugin_files = [path.join(folder, 'tenant.ts')];
  await using running = await RunningGateway.start({ ...document, gateway: { plugin_files } });

  const env = { PATH: [path.join(ROOT, 'bin'), process.env['PATH']].join(':'), HOME: folder };
  const commands = consoleCommands(PAGE);
  assert.equal(commands.length, 7);
  for (const { command, output } of commands) {
    const actual = command.replaceAll(':9080', `:${running.port}`);
    // `check` says by its exit code that it found something.
    const { stdout } = await promisify(execFile)('sh', ['-c', `${actual} || true`], {
      cwd: folder,
      env,
      timeout: 60_000,
    });
    assert.equal(stdout.replaceAll('\r', '').trimEnd(), output.replaceAll('$PWD', folder).trimEnd(), command);
  }
  assert.deepEqual(
    upstream.seen.map(({ headers }) => headers.find(([name]) => name === 'X-Tenant-Remaining')?.[1]),
    ['1', '0'],
  );

  writeFileSync(path.join(folder, 'tenant.ts'), code.replace('unknown tenant', 'who are you?'));
  running.signal('SIGHUP');
  await running.logged(/restart_needed .*plugins/);
});
