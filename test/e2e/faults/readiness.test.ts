/** Readiness, while no worker is left. */
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { it } from 'node:test';
import { ask } from '../client.ts';
import { RunningGateway } from '../gateway.ts';
import { eventually } from '../waiting.ts';
import { DEADLY_AT_START } from './deadly.ts';

it('is withdrawn while workers die as soon as they begin, and is back with the first that listens', async () => {
  await using gateway = await RunningGateway.start(
    {
      gateway: { workers: 1, plugin_files: ['deadly.mjs'] },
      routes: [{ id: 'deadly', uri: '/die', plugins: { deadly: {} }, upstream: { nodes: { '127.0.0.1:1': 1 } } }],
    },
    { files: { 'deadly.mjs': DEADLY_AT_START } },
  );
  gateway.expectsFaults = true;
  assert.equal(await gateway.readiness(), 200);
  const file = path.join(gateway.folder, 'deadly');
  writeFileSync(file, '');
  await assert.rejects(ask(gateway.port, { path: '/die' }), /socket hang up|ECONNRESET/);
  await gateway.logged(/worker_died[^]*worker_died/);
  const answer = await fetch(`http://127.0.0.1:${gateway.statusPort}/status/ready`);
  assert.deepEqual([answer.status, await answer.json()], [503, { status: 'error', error: 'no worker serves' }]);
  rmSync(file);
  await eventually(
    async () => (await gateway.readiness()) === 200,
    () => 'it is not ready again',
  );
  assert.equal((await ask(gateway.port, { path: '/' })).status, 404);
});
