/** The old process's side of an upgrade, with new processes that do what a test says. */
import assert from 'node:assert/strict';
import process from 'node:process';
import { test } from 'node:test';
import { Succession } from './upgrade.ts';

/** @param script what the new process does */
function upgrade(script: string, timeout_ms = 30_000) {
  const events: string[] = [];
  const succession = new Succession({
    release: () => {
      events.push('released');
      return Promise.resolve();
    },
    resume: (hasReleased) => void events.push(hasReleased ? 'ports back' : 'places back'),
    errorLog: { info: () => undefined, error: (event) => void events.push(event) },
    drain_ms: 60_000,
    timeout_ms,
    command: [process.execPath, '--eval', script],
  });
  return { events, succession };
}

/** Says so when it listens, and does this once it may have the ports. */
const listens = (then: string): string => `
  process.on('message', () => { ${then} });
  process.send('listening');`;

test('a new process that serves takes over; a second upgrade meanwhile takes nothing back from it', async () => {
  const { events, succession } = upgrade(listens(`process.send('serving'); process.disconnect();`));
  const first = succession.start();
  assert.equal(await succession.start(), false);
  assert.equal(await first, true);
  assert.deepEqual([succession.hasSuccessor, events], [true, ['released']]);
});

test('a new process that fails leaves the ports at once, and may answer what it accepted', async () => {
  const { events, succession } = upgrade(
    listens(
      `process.on('SIGTERM', () => process.exit(3)); process.send('failed'); process.disconnect(); setTimeout(() => 0, 500);`,
    ),
  );
  assert.equal(await succession.start(), false);
  assert.deepEqual([succession.isReleased, events], [false, ['released', 'upgrade_failed', 'ports back']]);
});

test('a new process that takes too long is ended, and another one can be started', async () => {
  const { events, succession } = upgrade('setTimeout(() => 0, 600_000)', 100);
  for (let time = 1; time <= 2; time++) {
    assert.equal(await succession.start(), false);
    assert.equal(events.length, 2 * time);
  }
  assert.deepEqual(events.slice(0, 2), ['upgrade_failed', 'places back']);
});

test('a new process is ended with the old one, which takes nothing back', async () => {
  const { events, succession } = upgrade(listens(''));
  const started = succession.start();
  await succession.cancel();
  assert.equal(await started, false);
  assert.equal(await succession.start(), false);
  assert.deepEqual(
    events.filter((event) => event !== 'released'),
    ['upgrade_failed'],
  );
});
