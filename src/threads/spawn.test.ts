import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ThreadData } from './messages.ts';
import { spawnThread } from './spawn.ts';

const TELL = `
import { getHeapSpaceStatistics } from 'node:v8';
import { parentPort, resourceLimits } from 'node:worker_threads';
const space = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
parentPort.postMessage({ mostMebibytes: resourceLimits.maxYoungGenerationSizeMb, room: space.space_available_size });
`;

interface Young {
  readonly mostMebibytes: number;
  readonly room: number;
}

test('what is young in the heap of a worker is bounded, so that collecting it is short; no other thread is', async () => {
  const young = async (role: ThreadData['role']): Promise<Young> => {
    const thread = spawnThread<Young, never>(new URL(`data:text/javascript,${encodeURIComponent(TELL)}`), {
      role,
    } as ThreadData);
    const told = Promise.withResolvers<Young>();
    thread.receive(told.resolve);
    thread.onExit((error) => told.reject(error ?? new Error('it ended')));
    return told.promise;
  };
  const control = await young('control');
  const worker = await young('worker');
  assert.equal(worker.mostMebibytes, 48);
  assert.ok(control.mostMebibytes > 48, `${control.mostMebibytes}`);
  assert.ok(worker.room > 12 * 1024 * 1024, `a worker collects after ${worker.room} bytes`);
});
