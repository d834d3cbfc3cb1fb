import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Destination, WriteDone } from './destination.ts';
import { ErrorLog } from './error-log.ts';
import type { ErrorLogOptions } from './error-log.ts';

process.env['TZ'] = 'UTC';

class Collected implements Destination {
  readonly name = 'collected';
  readonly isTerminal = false;
  readonly canRecover = true;
  isStuck = false;
  text = '';
  private release: (() => void) | null = null;

  write(bytes: Buffer, done: WriteDone): void {
    this.text += bytes.toString();
    const finish = (): void => done(null, bytes.length);
    if (this.isStuck) this.release = finish;
    else finish();
  }

  unstick(): void {
    this.isStuck = false;
    this.release?.();
  }

  reopen(): void {
    throw Object.assign(new Error('no such folder'), { code: 'ENOENT' });
  }

  close(): void {}
}

function logOf(options: Partial<ErrorLogOptions> = {}) {
  const destination = new Collected();
  let second = (): void => {};
  const log = new ErrorLog({
    destination,
    level: 'debug',
    clock: { wall_ms: () => Date.UTC(2026, 10, 21, 9, 8, 7, 6), monotonic_ms: () => 0 },
    schedule(_delay_ms, run) {
      second = run;
      return () => (second = () => {});
    },
    ...options,
  });
  const takeLines = (): string[] => {
    const lines = destination.text.split('\n').slice(0, -1);
    destination.text = '';
    return lines.map((line) => line.replace('2026-11-21T09:08:07.006+00:00 ', ''));
  };
  return { destination, log, takeLines, nextSecond: () => second() };
}

test('a line has the time, the level, the event and its details', () => {
  const { destination, log } = logOf();
  log.info('listening', {
    protocol: 'http',
    address: '0.0.0.0',
    port: 9080,
    tls: false,
    note: 'two words',
    none: undefined,
  });
  assert.equal(
    destination.text,
    '2026-11-21T09:08:07.006+00:00 info  listening protocol=http address=0.0.0.0 port=9080 tls=false note="two words"\n',
  );
});

test('lines below the level are left out', () => {
  const rows: [level: ErrorLogOptions['level'], written: string[]][] = [
    ['debug', ['debug', 'info', 'warn', 'error']],
    ['info', ['info', 'warn', 'error']],
    ['warn', ['warn', 'error']],
    ['error', ['error']],
  ];
  for (const [level, written] of rows) {
    const { log, takeLines } = logOf({ level });
    for (const each of ['debug', 'info', 'warn', 'error'] as const) log[each]('x');
    assert.deepEqual(
      takeLines().map((line) => line.split(' ')[0]),
      written,
    );
  }
});

test('an error is shown with its stack and its causes, on one line', () => {
  const { log, takeLines } = logOf();
  const cause = Object.assign(new Error('connect failed'), { code: 'ECONNREFUSED' });
  log.error('exception', { error: new TypeError('outer', { cause }) });
  const [line = '', ...rest] = takeLines();
  assert.deepEqual(rest, []);
  assert.match(
    line,
    /^error exception error="TypeError: outer\\n {4}at .*\\ncaused by Error: connect failed\\n {4}at .* \[ECONNREFUSED\]"$/,
  );
});

test('a value can neither begin a line nor break the log', () => {
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;
  const loop = new Error('loop');
  loop.cause = loop;
  const rows: [value: unknown, expected: RegExp][] = [
    ['a\nforged', /^info {2}x v="a\\nforged"$/],
    ['\u001b[31m\u009b\u2028\u202e\ud800', /^info {2}x v="\\u001b\[31m\\u009b\\u2028\\u202e\\ud800"$/],
    ['"\\', /^info {2}x v="\\"\\\\"$/],
    ['für 日本', /^info {2}x v="für 日本"$/],
    ['', /^info {2}x v=""$/],
    [{ a: [1, 'b\n'], e: new Error('in') }, /^info {2}x v="\{\\"a\\":\[1,\\"b\\\\n\\"\],\\"e\\":\\"Error: in.*"$/],
    [circle, /^info {2}x v="\(unprintable\)"$/],
    [{ n: 1n }, /^info {2}x v="\{\\"n\\":\\"1\\"\}"$/],
    [loop, /^info {2}x v="Error: loop.*"$/],
    [new Error('top', { cause: 'text' }), /caused by text"$/],
    ['y'.repeat(9000), /^info {2}x v=y{8192}… \(808 more characters\)$/],
    [null, /^info {2}x v=null$/],
    [Symbol('s'), /^info {2}x v=\(symbol\)$/],
    [() => 1, /^info {2}x v=\(function\)$/],
  ];
  for (const [value, expected] of rows) {
    const { log, takeLines } = logOf();
    log.info('x', { v: value });
    const lines = takeLines();
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', expected);
  }
});

test('a flood of one event is cut to a few lines a second and summed up; others are not', async () => {
  const { log, takeLines, nextSecond } = logOf({ burst: 5, maxPerSecond: 2 });
  for (let i = 0; i < 20; i++) log.warn('flood', { i });
  log.warn('other');
  assert.equal(takeLines().length, 6);
  nextSecond();
  assert.deepEqual(takeLines(), ['warn  lines_suppressed event=flood lines=15']);
  for (let i = 0; i < 20; i++) log.warn('flood', { i });
  assert.equal(takeLines().length, 2);
  await log.close();
  assert.deepEqual(takeLines(), ['warn  lines_suppressed event=flood lines=18']);
});

test('after a quiet time an event has its burst again', () => {
  const { log, takeLines, nextSecond } = logOf({ burst: 3, maxPerSecond: 2 });
  for (let i = 0; i < 3; i++) log.warn('x');
  for (let i = 0; i < 3; i++) nextSecond();
  for (let i = 0; i < 5; i++) log.warn('x');
  assert.equal(takeLines().length, 6);
});

test('ever new events share one count', () => {
  const { log, takeLines, nextSecond } = logOf({ burst: 1 });
  for (let i = 0; i < 1000; i++) log.error(`event${i}`);
  assert.equal(takeLines().length, 257);
  nextSecond();
  assert.deepEqual(takeLines(), ['error lines_suppressed event="other events" lines=743']);
});

test('lines that could not be kept are told once there is room', () => {
  const { destination, log, takeLines } = logOf({ burst: 10_000 });
  destination.isStuck = true;
  const large = 'y'.repeat(8000);
  for (let i = 0; i < 1100; i++) log.info('x', { large });
  const { dropped } = log;
  assert.ok(dropped > 20, `dropped ${dropped}`);
  destination.unstick();
  takeLines();
  log.info('after');
  assert.deepEqual(takeLines(), [`warn  error_log_lines_dropped lines=${log.dropped}`, 'info  after']);
});

test('a path that cannot be reopened is told in the old file', () => {
  const { log, takeLines } = logOf();
  log.reopen();
  assert.match(takeLines()[0] ?? '', /^warn {2}error_log_reopen_failed path=collected error=".*ENOENT/);
});
