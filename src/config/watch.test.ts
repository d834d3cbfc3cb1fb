import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { loadConfiguration, parseConfiguration } from './configuration.ts';
import type { Configuration } from './configuration.ts';
import { POLL_ms, QUIET_ms, watchConfiguration } from './watch.ts';

const routes = (uri: string): string => `routes: [{ id: r, uri: ${uri} }]\n`;

/** What a watch said: the path of the route, the code of the first problem, or why it held back. */
function summary({ objects, problems }: Configuration): string {
  return problems[0]?.code ?? String(objects.objects.routes[0]?.value['uri']);
}

/** A watch whose file, time and events are in the hands of the test. */
async function begin(text: string | null, hasEndMark = false) {
  const timers = new Set<{ readonly at: number; readonly callback: () => void }>();
  const file = { text, changes: 0 };
  let now = 0;
  let onEvent = (): void => undefined;
  const heard: string[] = [];
  const watch = watchConfiguration({
    path: 'FILE',
    env: {},
    current: { hasEndMark },
    schedule(delay_ms, callback) {
      const timer = { at: now + delay_ms, callback };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    onChange: (configuration) => heard.push(summary(configuration)),
    onHeldBack: (reason) => heard.push(reason),
    file: {
      signature: async () => (file.text === null ? '' : String(file.changes)),
      load: async () => parseConfiguration(file.text ?? '', { format: 'yaml', dialect: 'gatewright', env: {} }),
      listen(callback) {
        onEvent = callback;
        return () => void (onEvent = () => undefined);
      },
    },
  });
  await turn();
  /** Lets time pass; what is due comes to its end, since nothing in it takes more than promises. */
  const pass = async (delay_ms: number): Promise<void> => {
    now += delay_ms;
    for (const timer of Array.from(timers)) {
      if (timer.at > now || !timers.delete(timer)) continue;
      timer.callback();
    }
    await turn();
  };
  const save = (next: string | null): void => {
    file.text = next;
    file.changes++;
  };
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 4; i++) await pass(QUIET_ms);
  };
  return { watch, heard, pass, save, settle, event: () => onEvent(), timers };
}

test('a saved change is read once the file was left alone', async () => {
  const { heard, pass, save, settle, event } = await begin(routes('/a'));
  save('routes: [{ id: r,');
  event();
  await pass(QUIET_ms - 1);
  save(routes('/changed'));
  event();
  await pass(QUIET_ms - 1);
  assert.deepEqual(heard, [], 'the second event starts the quiet again');
  await settle();
  assert.deepEqual(heard, ['/changed']);
  event();
  await settle();
  assert.deepEqual(heard, ['/changed'], 'an event without a change is nothing');
});

test('a file that still grows without events is not read', async () => {
  const { heard, pass, save, settle, event } = await begin(routes('/a'));
  save('routes:');
  event();
  for (let i = 0; i < 5; i++) {
    await pass(QUIET_ms);
    save('routes: # more');
  }
  assert.deepEqual(heard, []);
  save(routes('/grown'));
  await settle();
  assert.deepEqual(heard, ['/grown']);
});

test('a change that makes no event is found by polling', async () => {
  const { heard, pass, save, settle } = await begin(routes('/a'));
  save(routes('/polled'));
  await pass(POLL_ms);
  await settle();
  assert.deepEqual(heard, ['/polled']);
});

test('#END once seen stays required', async () => {
  const { heard, save, settle, event } = await begin(`${routes('/a')}#END\n`, true);
  save(routes('/half'));
  event();
  await settle();
  assert.deepEqual(heard, ['FILE does not end with #END as it did before: it is taken for half-written']);
  save(`${routes('/whole')}#END\n`);
  event();
  await settle();
  assert.equal(heard[1], '/whole');
});

test('#END is required from the first file that has it', async () => {
  const { heard, save, settle, event } = await begin(routes('/a'));
  for (const text of [`${routes('/b')}#END\n`, routes('/c')]) {
    save(text);
    event();
    await settle();
  }
  assert.deepEqual(
    heard.map((line) => line.slice(0, 8)),
    ['/b', 'FILE doe'],
  );
});

test('a file that vanishes leaves what is in force, and is followed when it comes back', async () => {
  const { heard, save, settle, event } = await begin(routes('/a'));
  save(null);
  event();
  await settle();
  assert.deepEqual(heard, ['FILE is gone']);
  save(routes('/back'));
  event();
  await settle();
  assert.equal(heard[1], '/back');
});

test('a reload reads the file although it is the same; a broken one is handed over with its problems', async () => {
  const { watch, heard, save, settle, event } = await begin(routes('/a'));
  watch.reload();
  await settle();
  assert.deepEqual(heard, ['/a']);
  save('routes: [');
  event();
  await settle();
  assert.deepEqual(heard, ['/a', 'syntax']);
});

test('after close nothing is read and no timer is left', async () => {
  const { watch, heard, save, settle, event, timers } = await begin(routes('/a'));
  save(routes('/late'));
  event();
  watch.close();
  event();
  await settle();
  assert.deepEqual(heard, []);
  assert.equal(timers.size, 0);
});

const folder = mkdtempSync(join(tmpdir(), 'gatewright-watch-'));
after(() => rmSync(folder, { recursive: true }));

test('a real file is followed, written over and replaced by renaming', { timeout: 60_000 }, async () => {
  const path = join(folder, 'gatewright.yaml');
  writeFileSync(path, routes('/a'));
  let heard = (_: string): void => undefined;
  const next = (): Promise<string> => new Promise((resolve) => (heard = resolve));
  const current = await loadConfiguration(path, {});
  writeFileSync(path, routes('/meanwhile'));
  const watch = watchConfiguration({
    path,
    env: {},
    current,
    schedule(delay_ms, callback) {
      const timer = setTimeout(callback, delay_ms / 20);
      return () => clearTimeout(timer);
    },
    onChange: (configuration) => heard(summary(configuration)),
    onHeldBack: (reason) => heard(reason),
  });
  let change = next();
  assert.equal(await change, '/meanwhile', 'a change before the watch began is not lost');
  change = next();
  writeFileSync(path, routes('/written'));
  assert.equal(await change, '/written');
  change = next();
  writeFileSync(`${path}.tmp`, routes('/renamed'));
  renameSync(`${path}.tmp`, path);
  assert.equal(await change, '/renamed');
  watch.close();
});

test('a log beside the file, which never rests, does not keep a change from being read', async () => {
  const { heard, pass, save, event } = await begin(routes('/a'));
  save(routes('/b'));
  for (let passed = 0; passed < 4 * QUIET_ms; passed += QUIET_ms / 4) {
    event();
    await pass(QUIET_ms / 4);
  }
  assert.deepEqual(heard, ['/b']);
});
