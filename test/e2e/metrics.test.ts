/** The metrics of a running gateway, all threads together, against the page that lists them. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { it } from 'node:test';
import { ask } from './client.ts';
import { routeTo, RunningGateway } from './gateway.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');

it('a running gateway tells its metrics under the names that their page has', async () => {
  const broken = `export default { name: 'broken', priority: 1, summary: 's', schema: { type: 'object' },
    create: () => ({ access() { throw new Error('its fault'); } }) };`;
  const plugin = path.join(mkdtempSync(path.join(tmpdir(), 'gatewright-metrics-')), 'broken.mjs');
  writeFileSync(plugin, broken);
  await using gateway = await RunningGateway.start({
    gateway: { metrics: { port: 0 }, plugin_files: [plugin] },
    routes: [
      { ...routeTo([1]), id: 1, uri: '/broken', plugins: { broken: {} } },
      { ...routeTo([1]), id: 2, uri: '/counted', plugins: { prometheus: {} } },
    ],
  });
  gateway.expectsFaults = true;
  for (const target of ['/broken', '/counted', '/nothing']) await ask(gateway.port, { path: target });
  const text = await gateway.measured(
    /^apisix_http_requests_total 3$/m,
    /^apisix_nginx_http_current_connections\{state="accepted"\} \d+$/m,
    new RegExp(`^apisix_node_info\\{hostname="${hostname()}",version="[^"]+"\\} 1$`, 'm'),
    /^gatewright_plugin_faults_total\{plugin="broken",phase="access"\} 1$/m,
    /^apisix_http_status\{code="502",route="2"/m,
  );
  const page = readFileSync(path.join(ROOT, 'docs/reference/metrics.md'), 'utf8');
  const told = [...text.matchAll(/^# HELP (\S+) (.*)$/gm)].map(([, name, help]) => ({ name, help }));
  assert.ok(told.length > 20);
  for (const { name, help } of told) {
    assert.match(page, new RegExp(`^\\| \`${name}\` \\|`, 'm'), 'the page has it');
    assert.ok(page.includes(help ?? ''), `the page says of ${name}: ${help}`);
  }
});
