import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ThreadData } from './messages.ts';
import { spawnThread } from './spawn.ts';

const TELL = `
import { parentPort, resourceLimits } from 'node:worker_threads';
parentPort.postMessage(resourceLimits.maxYoungGenerationSizeMb);
`;

test('what is young in the heap of a worker is bounded, so that collecting it is short; no other thread is', async () => {
  const young = async (role: ThreadData['role']): Promise<number> => {
    const thread = spawnThread<number, never>(new URL(`data:text/javascript,${encodeURIComponent(TELL)}`), {
      role,
    } as ThreadData);
    const told = Promise.withResolvers<number>();
    thread.receive(told.resolve);
    thread.onExit((error) => told.reject(error ?? new Error('it ended')));
    return told.promise;
  };
  assert.equal(await young('worker'), 48);
  assert.ok((await young('control')) > 48);
});
