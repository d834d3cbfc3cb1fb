import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { it } from 'node:test';
import { promisify } from 'node:util';

const SCRIPT = resolve(import.meta.dirname, 'changes.ts');
const MOST_GROWTH_MIB = 8;

it('changes lose no probe, end no stream, and leave the heaps of all threads as they were', async (t) => {
  const args = [SCRIPT, '--routes', '300', '--changes', '200', '--rate', '200'];
  // It fails where a probe got no answer, or the stream ended.
  const { stdout } = await promisify(execFile)(process.execPath, args);
  for (const line of stdout.trim().split('\n')) t.diagnostic(line);
  assert.match(stdout, /^probes: [1-9]\d* while changes, [1-9]\d* else, 0 failed$/m);
  assert.match(stdout, /^added(?: +-?\d+\.\d\d){5}$/m);
  const heaps = [
    ...stdout.matchAll(/^heap of thread \d+ after collection: ([\d.]+) MiB before, ([\d.]+) MiB after$/gm),
  ];
  // Control, and a worker at least.
  assert.ok(heaps.length >= 2, stdout);
  for (const [line, before, after] of heaps) assert.ok(Number(after) - Number(before) < MOST_GROWTH_MIB, line);
});

it('a number that is none ends it at once', async () => {
  const run = promisify(execFile)(process.execPath, [SCRIPT, '--routes', 'many']);
  await assert.rejects(run, { code: 64, stderr: /--routes is 'many'/ });
});
