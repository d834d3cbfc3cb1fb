/** The folder that a gateway was started in is gone: threads can be replaced all the same. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { it } from 'node:test';
import { ask } from '../client.ts';
import { RunningGateway } from '../gateway.ts';
import { DEADLY } from './deadly.ts';

async function start(cwd: string): Promise<RunningGateway> {
  const gateway = await RunningGateway.start(
    {
      gateway: { workers: 1, plugin_files: ['deadly.mjs'] },
      routes: [{ id: 'deadly', uri: '/die', plugins: { deadly: {} }, upstream: { nodes: { '127.0.0.1:1': 1 } } }],
    },
    { cwd, files: { 'deadly.mjs': DEADLY } },
  );
  gateway.expectsFaults = true;
  return gateway;
}

for (const isBack of [false, true]) {
  it(`a worker that dies has a successor, where the folder is ${isBack ? 'another one now' : 'gone'}`, async (t) => {
    const cwd = mkdtempSync(path.join(tmpdir(), 'gatewright-release-'));
    t.after(() => rmSync(cwd, { recursive: true, force: true }));
    await using gateway = await start(cwd);
    rmdirSync(cwd);
    if (isBack) mkdirSync(cwd);
    await assert.rejects(ask(gateway.port, { path: '/die' }), /socket hang up|ECONNRESET/);
    await gateway.logged(/worker_ready[^]*worker_ready/);
    assert.equal((await ask(gateway.port, { path: '/' })).status, 404);
    assert.doesNotMatch(gateway.errorLog, /uv_cwd/);
  });
}
