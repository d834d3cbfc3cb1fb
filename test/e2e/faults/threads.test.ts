/** A worker that dies under load: what it had is its loss, exactly, and nobody else's; another one takes its place. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { ask } from '../client.ts';
import { RunningGateway } from '../gateway.ts';
import { Load } from '../load.ts';
import { NodeProcess } from '../node-process.ts';
import { eventually } from '../waiting.ts';
import { descriptorsOf } from './accounts.ts';

const CLIENTS = 32;
const DEATHS = 3;

/** Ends the thread that it runs in, as a crash would. */
const DEADLY = `
import { definePlugin } from 'gatewright/sdk';
export default definePlugin({
  name: 'deadly',
  priority: 100,
  summary: 'Ends the worker.',
  schema: { type: 'object', properties: {} },
  create() {
    return { rewrite() { process.exit(1); } };
  },
});
`;

function pluginFile(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatewright-deadly-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'deadly.ts');
  writeFileSync(file, DEADLY);
  return file;
}

describe('a worker that dies under load', () => {
  it('fails what it had under way, no more, and has a successor', async (t) => {
    await using node = await NodeProcess.start();
    const upstream = { nodes: { [`127.0.0.1:${node.port}`]: 1 } };
    await using gateway = await RunningGateway.start({
      gateway: { workers: 2, plugin_files: [pluginFile(t)] },
      routes: [
        { id: 'everything', uri: '/*', upstream },
        { id: 'deadly', uri: '/die', plugins: { deadly: {} }, upstream },
      ],
    });
    gateway.expectsFaults = true;
    await using load = new Load(gateway.port, CLIENTS);
    await load.more(500);
    const before = descriptorsOf(gateway);
    for (let death = 1; death <= DEATHS; death++) {
      // Its own client is one of those that lose.
      await assert.rejects(ask(gateway.port, { path: '/die' }), /socket hang up|ECONNRESET/);
      await eventually(
        () => [...gateway.errorLog.matchAll(/worker_died/g)].length === death && workersReady(gateway) === 2 + death,
        () => `no successor: ${gateway.errorLog}`,
      );
      await load.more(500);
    }
    const { answered, failed } = await load.stop();
    assert.deepEqual(Object.keys(answered), ['200']);
    assert.ok(
      failed.every((message) => /socket hang up|ECONNRESET/.test(message)),
      failed.join(', '),
    );
    // A client has one request under way, and a dead worker had some of the clients.
    assert.ok(failed.length <= DEATHS * CLIENTS, `${failed.length}`);
    t.diagnostic(`${answered[200]} answered, ${failed.length} lost with ${DEATHS} workers`);
    await eventually(
      () => descriptorsOf(gateway) <= before,
      () => `${descriptorsOf(gateway)} descriptors are open, ${before} were before`,
    );
  });
});

function workersReady(gateway: RunningGateway): number {
  return [...gateway.errorLog.matchAll(/worker_ready/g)].length;
}
