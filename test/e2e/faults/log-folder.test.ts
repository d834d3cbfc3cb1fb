/** The folder of the logs is gone: a worker that dies has a successor all the same, and lines are written again once it is back. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { it } from 'node:test';
import { ask } from '../client.ts';
import { RunningGateway } from '../gateway.ts';
import { eventually } from '../waiting.ts';
import { DEADLY } from './deadly.ts';

it('a worker that cannot open its log serves, says so, and writes once it can', async () => {
  await using gateway = await RunningGateway.start(
    {
      gateway: { workers: 1, plugin_files: ['deadly.mjs'], access_log: { path: 'logs/access.log' } },
      routes: [{ id: 'deadly', uri: '/die', plugins: { deadly: {} }, upstream: { nodes: { '127.0.0.1:1': 1 } } }],
    },
    { files: { 'deadly.mjs': DEADLY }, folders: ['logs'] },
  );
  gateway.expectsFaults = true;
  const logs = path.join(gateway.folder, 'logs');
  rmSync(logs, { recursive: true });
  await assert.rejects(ask(gateway.port, { path: '/die' }), /socket hang up|ECONNRESET/);
  await gateway.logged(/worker_ready[^]*worker_ready/);
  assert.equal((await ask(gateway.port, { path: '/lost' })).status, 404);
  await gateway.logged(/ warn +access_log_write_failed path=logs\/access\.log .*ENOENT/);
  mkdirSync(logs);
  const file = path.join(logs, 'access.log');
  await eventually(
    async () => {
      assert.equal((await ask(gateway.port, { path: '/kept' })).status, 404);
      return existsSync(file) && readFileSync(file, 'utf8').includes(' /kept ');
    },
    () => 'nothing is written',
  );
});
