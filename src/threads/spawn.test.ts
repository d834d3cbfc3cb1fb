import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { Thread } from './fleet.ts';
import type { ThreadData } from './messages.ts';
import { spawnThread } from './spawn.ts';

const TELL = `
import { parentPort, resourceLimits } from 'node:worker_threads';
parentPort.postMessage(resourceLimits.maxYoungGenerationSizeMb);
`;

const FOR_EVER = `
import { parentPort } from 'node:worker_threads';
let last;
const fill = () => {
  for (;;) last = new Array(1000).fill(1);
};
parentPort.postMessage(0);
fill();
`;
/** V8 has optimized the loop by then, or the test finds nothing. */
const OPTIMIZED_MS = 500;

function spawn(code: string, role: ThreadData['role']): Thread<number, never> {
  return spawnThread(new URL(`data:text/javascript,${encodeURIComponent(code)}`), { role } as ThreadData);
}

test('what is young in the heap of a worker is bounded, so that collecting it is short; no other thread is', async () => {
  const young = async (role: ThreadData['role']): Promise<number> => {
    const thread = spawn(TELL, role);
    const told = Promise.withResolvers<number>();
    thread.receive(told.resolve);
    thread.onExit((error) => told.reject(error ?? new Error('it ended')));
    return told.promise;
  };
  assert.equal(await young('worker'), 48);
  assert.ok((await young('control')) > 48);
});

test('a thread that makes arrays for ever can be ended', { timeout: 60_000 }, async () => {
  const thread = spawn(FOR_EVER, 'worker');
  const [looping, ended] = [Promise.withResolvers<number>(), Promise.withResolvers<void>()];
  thread.receive(looping.resolve);
  thread.onExit(() => ended.resolve());
  await looping.promise;
  await setTimeout(OPTIMIZED_MS);
  thread.terminate();
  await ended.promise;
});
