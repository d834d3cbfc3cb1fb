import assert from 'node:assert/strict';
import { once } from 'node:events';
import { getPriority } from 'node:os';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { letOthersFirst } from './thread-priority.ts';

const THREAD = `
const { readlinkSync } = require('node:fs');
const { parentPort } = require('node:worker_threads');
parentPort.postMessage(Number(readlinkSync('/proc/thread-self').split('/').at(-1)));
parentPort.on('message', () => undefined);
`;

test('one thread lets the others of its process go first', async (t) => {
  const worker = new Worker(THREAD, { eval: true });
  t.after(() => worker.terminate());
  const [systemId] = (await once(worker, 'message')) as [number];
  const before = getPriority(systemId);
  letOthersFirst(systemId);
  assert.equal(getPriority(systemId), Math.min(19, before + 5));
  assert.equal(getPriority(process.pid), before, 'the main thread has the priority that it had');
  for (let i = 0; i < 4; i++) letOthersFirst(systemId);
  assert.equal(getPriority(systemId), 19, 'there is no lower one');
  letOthersFirst(0);
  letOthersFirst(2 ** 22 + 1);
});
