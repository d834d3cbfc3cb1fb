/**
 * A worker that dies under load: what it had is its loss, exactly, and nobody else's; another one takes its place. One that
 * is only late loses nothing.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setPriority, tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from '../client.ts';
import { routeTo, RunningGateway } from '../gateway.ts';
import { Load } from '../load.ts';
import { requireProgram } from '../../require-program.ts';
import { NodeProcess } from '../node-process.ts';
import { eventually } from '../waiting.ts';
import { descriptorsOf } from './accounts.ts';

const CLIENTS = 32;
const DEATHS = 3;
/** What a client sees of it: the last one where it was about to write. */
const BROKEN = /socket hang up|ECONNRESET|EPIPE/;
/** How long a worker has to do without a core. */
const CROWDED_MS = 4_000;

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
      await assert.rejects(ask(gateway.port, { path: '/die' }), BROKEN);
      await eventually(
        () =>
          [...gateway.errorLog.matchAll(/worker_died .* plugin=deadly/g)].length === death &&
          workersReady(gateway) === 2 + death,
        () => `no successor: ${gateway.errorLog}`,
      );
      await load.more(500);
    }
    const { answered, failed } = await load.stop();
    assert.deepEqual(Object.keys(answered), ['200']);
    assert.ok(
      failed.every((message) => BROKEN.test(message)),
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

/** Programs that never rest, on one core. */
function crowd(core: number, size: number): Disposable {
  const programs = Array.from({ length: size }, () =>
    spawn('taskset', ['-c', String(core), 'sh', '-c', 'while :; do :; done'], { stdio: 'ignore' }),
  );
  return { [Symbol.dispose]: () => programs.forEach((program) => program.kill('SIGKILL')) };
}

describe('a worker that gets no core', () => {
  it('is left alone: it is late, but what it is replaced by would be as late, and its requests are answered', async (t) => {
    if (requireProgram(t, 'taskset') === undefined) return;
    await using node = await NodeProcess.start();
    const stall_ms = 500;
    await using gateway = await RunningGateway.start({
      gateway: { workers: 1, timeouts: { stall_ms } },
      routes: [routeTo([node.port])],
    });
    await using load = new Load(gateway.port, 8);
    await load.more(200);
    const core = allowedCore();
    // Not main: it looks in time, and finds no beat.
    for (const thread of readdirSync(`/proc/${gateway.pid}/task`)) {
      if (readFileSync(`/proc/${gateway.pid}/task/${thread}/comm`, 'latin1') !== 'worker\n') continue;
      execFileSync('taskset', ['-cp', String(core), thread]);
      setPriority(Number(thread), 19);
    }
    // With the lowest priority among so many, it gets a few milliseconds in some seconds.
    using programs = crowd(core, 12);
    const answers = Array.from({ length: 8 }, async () => {
      const asked_ms = performance.now();
      assert.equal((await ask(gateway.port, { path: '/' })).status, 200);
      return performance.now() - asked_ms;
    });
    await sleep(CROWDED_MS);
    programs[Symbol.dispose]();
    const late_ms = Math.max(...(await Promise.all(answers)));
    assert.ok(late_ms > 3 * stall_ms, `it had a core: ${late_ms} ms`);
    await load.more(200);
    const { answered, failed } = await load.stop();
    assert.deepEqual([failed, Object.keys(answered)], [[], ['200']]);
    assert.doesNotMatch(gateway.errorLog, /worker_stalled/);
    assert.equal(workersReady(gateway), 1);
    t.diagnostic(`${answered[200]} answered; the latest came after ${Math.round(late_ms)} ms`);
  });
});

/** One that this process may use. */
function allowedCore(): number {
  const list = /^Cpus_allowed_list:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return Number(list);
}

function workersReady(gateway: RunningGateway): number {
  return [...gateway.errorLog.matchAll(/worker_ready/g)].length;
}
