import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { AccessLog } from './access-log.ts';
import type { AccessRecord } from './access-record.ts';
import { openDestination } from './destination.ts';
import type { Schedule } from './line-writer.ts';

const RECORD = {
  hostHeader: 'h',
  method: 'GET',
  protocol: 'HTTP/1.1',
  startedAt_ms: 0,
  duration_ms: 0,
  status: 200,
} as Partial<AccessRecord> as AccessRecord;

const record = (target: string): AccessRecord => ({ ...RECORD, target });

const realTime: Schedule = (delay_ms, run) => {
  const timer = setTimeout(run, delay_ms);
  return () => clearTimeout(timer);
};

function directory(t: TestContext): string {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'gatewright-log-'));
  t.after(() => fs.rmSync(made, { recursive: true }));
  return made;
}

interface Opened {
  readonly log: AccessLog;
  readonly events: [event: string, detail: Record<string, unknown>][];
  /** Timers of the log that were not cancelled, by their delay. */
  readonly timers: Map<number, () => void>;
}

function open(file: string, maxPending_bytes?: number): Opened {
  const events: Opened['events'] = [];
  const timers: Opened['timers'] = new Map();
  const log = new AccessLog({
    destination: openDestination(file),
    format: '$request_uri',
    schedule(delay_ms, run) {
      const fire = (): void => {
        timers.delete(delay_ms);
        run();
      };
      timers.set(delay_ms, fire);
      return () => timers.delete(delay_ms);
    },
    errorLog: { warn: (event, detail) => events.push([event, detail]) },
    ...(maxPending_bytes === undefined ? {} : { maxPending_bytes }),
  });
  return { log, events, timers };
}

test('lines are appended to what the file has', async (t) => {
  const file = path.join(directory(t), 'access.log');
  fs.writeFileSync(file, 'before\n');
  const { log } = open(file);
  log.write(record('/1'));
  log.write(record('/2'));
  await log.flush();
  assert.equal(fs.readFileSync(file, 'utf8'), 'before\n/1\n/2\n');
  log.write(record('/3'));
  await log.close();
  assert.equal(fs.readFileSync(file, 'utf8'), 'before\n/1\n/2\n/3\n');
});

test('after a rename and reopen, pending and later lines are in the new file', async (t) => {
  const file = path.join(directory(t), 'access.log');
  const { log, events } = open(file);
  log.write(record('/old'));
  await log.flush();
  fs.renameSync(file, `${file}.1`);
  log.write(record('/pending'));
  log.reopen();
  log.write(record('/new'));
  await log.close();
  assert.equal(fs.readFileSync(`${file}.1`, 'utf8'), '/old\n');
  assert.equal(fs.readFileSync(file, 'utf8'), '/pending\n/new\n');
  assert.deepEqual(events, []);
});

test('a path that cannot be reopened is told, and the old file goes on', async (t) => {
  const folder = path.join(directory(t), 'logs');
  fs.mkdirSync(folder);
  const { log, events } = open(path.join(folder, 'access.log'));
  fs.renameSync(folder, `${folder}.old`);
  log.reopen();
  log.write(record('/1'));
  await log.close();
  assert.equal(fs.readFileSync(path.join(`${folder}.old`, 'access.log'), 'utf8'), '/1\n');
  assert.deepEqual(
    events.map(([event]) => event),
    ['access_log_reopen_failed'],
  );
});

test('a path that cannot be opened throws the error of the system', (t) => {
  const folder = directory(t);
  assert.throws(() => openDestination(folder), { code: 'EISDIR' });
  assert.throws(() => openDestination(path.join(folder, 'missing', 'a.log')), { code: 'ENOENT' });
});

test('writers of one file do not interleave their lines', async (t) => {
  const file = path.join(directory(t), 'access.log');
  const logs = ['a', 'b', 'c'].map((letter) => ({ letter, ...open(file) }));
  const lines = 3000;
  for (let i = 0; i < lines; i++) {
    for (const { log, letter } of logs) log.write(record(`/${letter}/${i}/${letter.repeat(i % 200)}`));
    if (i % 500 === 0) await nextTurn();
  }
  await Promise.all(logs.map(({ log }) => log.close()));
  const next = new Map<string, number>();
  for (const line of fs.readFileSync(file, 'utf8').split('\n').slice(0, -1)) {
    const [, letter = '', number, rest] = /^\/(.)\/(\d+)\/(.*)$/.exec(line) ?? [];
    assert.equal(Number(number), next.get(letter) ?? 0, line);
    assert.equal(rest, letter.repeat(Number(number) % 200));
    next.set(letter, Number(number) + 1);
  }
  assert.deepEqual([...next.values()], [lines, lines, lines]);
});

test('a slow reader of a named pipe gets every line whole', async (t) => {
  const pipe = path.join(directory(t), 'pipe');
  assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
  assert.throws(() => openDestination(pipe), { code: 'ENXIO' }, 'nobody reads it yet');
  const reader = fs.openSync(pipe, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  t.after(() => fs.closeSync(reader));
  const log = new AccessLog({
    destination: openDestination(pipe),
    format: '$request_uri',
    schedule: realTime,
    errorLog: { warn: assert.fail },
  });
  const lines = 4000;
  for (let i = 0; i < lines; i++) log.write(record(`/${i}/${'x'.repeat(i % 150)}`));
  let isFlushed = false;
  const flushed = log.flush().then(() => (isFlushed = true));
  let text = '';
  const chunk = Buffer.alloc(5000);
  while (!isFlushed || text.split('\n').length <= lines) {
    await nextTurn();
    try {
      text += chunk.toString('latin1', 0, fs.readSync(reader, chunk));
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'EAGAIN');
    }
  }
  await flushed;
  await log.close();
  const expected = Array.from({ length: lines }, (_, i) => `/${i}/${'x'.repeat(i % 150)}\n`).join('');
  assert.ok(text === expected);
  assert.equal(log.dropped, 0);
});

test('a full device never stops traffic: drops are counted and told, first soon and then each minute', async () => {
  if (!fs.existsSync('/dev/full')) return;
  const { log, events, timers } = open('/dev/full', 100_000);
  const line = record(`/${'x'.repeat(998)}`);
  for (let i = 0; i < 150; i++) log.write(line);
  assert.equal(log.dropped, 50);
  timers.get(1000)?.();
  while (events.length < 2) await nextTurn();
  const failure = events.find(([event]) => event === 'access_log_write_failed')?.[1];
  assert.equal((failure?.['error'] as NodeJS.ErrnoException | undefined)?.code, 'ENOSPC');
  assert.deepEqual(
    events.find(([event]) => event === 'access_log_lines_dropped'),
    ['access_log_lines_dropped', { path: '/dev/full', lines: 50 }],
  );
  for (let i = 0; i < 7; i++) log.write(line);
  assert.equal(events.length, 2, 'told again within the minute');
  timers.get(60_000)?.();
  assert.deepEqual(events[2], ['access_log_lines_dropped', { path: '/dev/full', lines: 7 }]);
  const closed = log.close();
  timers.get(2000)?.();
  await closed;
  assert.deepEqual(events.at(-1), ['access_log_lines_dropped', { path: '/dev/full', lines: 100 }]);
  assert.equal(log.dropped, 157);
});

const CHILD = `
  import { AccessLog } from '${new URL('./access-log.ts', import.meta.url).href}';
  import { openDestination } from '${new URL('./destination.ts', import.meta.url).href}';
  const schedule = (ms, run) => { const timer = setTimeout(run, ms); return () => clearTimeout(timer); };
  const log = new AccessLog({ destination: openDestination('stdout'), format: '$request_uri', schedule,
    errorLog: { warn: (event) => process.send({ event }) }, maxPending_bytes: 1_000_000 });
  for (let i = 0; i < 3000; i++) log.write({ target: '/' + i + '/' + 'x'.repeat(990) });
  setImmediate(() => process.send({ dropped: log.dropped }));
  process.on('message', async () => { await log.close(); process.disconnect(); });
`;

/** A process of its own whose standard output is a pipe that nobody reads yet. */
function startChild(t: TestContext) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', CHILD], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  t.after(() => child.kill());
  return child;
}

test('a standard output that nobody reads neither blocks nor grows, and comes out whole', async (t) => {
  const child = startChild(t);
  child.stdout!.pause();
  const [{ dropped }] = (await once(child, 'message')) as [{ dropped: number }];
  assert.ok(dropped > 1000, `dropped ${dropped}`);
  let text = '';
  child
    .stdout!.setEncoding('latin1')
    .on('data', (chunk: string) => (text += chunk))
    .resume();
  child.send('close');
  await once(child, 'close');
  const lines = text.split('\n');
  assert.equal(lines.pop(), '');
  assert.equal(lines.length + dropped, 3000);
  for (const [i, line] of lines.entries()) assert.equal(line, `/${i}/${'x'.repeat(990)}`);
});

test('a reader of standard output that goes away does not end the process', async (t) => {
  const child = startChild(t);
  const events: unknown[] = [];
  child.on('message', (message) => {
    const { event, dropped } = message as { event?: string; dropped?: number };
    if (event !== undefined) events.push(event);
    if (dropped !== undefined) child.stdout!.destroy();
    if (event === 'access_log_write_failed') child.send('close');
  });
  // Its last words may come after its end.
  const [[code]] = (await Promise.all([once(child, 'exit'), once(child, 'disconnect')])) as [[number], unknown];
  assert.equal(code, 0);
  assert.deepEqual(events, ['access_log_write_failed', 'access_log_lines_dropped']);
});
