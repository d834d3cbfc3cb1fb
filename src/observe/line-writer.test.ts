import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Destination, WriteDone } from './destination.ts';
import { LineWriter } from './line-writer.ts';
import type { LineWriterOptions, Schedule } from './line-writer.ts';

/** Time that stands still until a test moves it. */
class VirtualTime {
  private now = 0;
  private readonly due: { at: number; run: () => void }[] = [];

  readonly schedule: Schedule = (delay_ms, run) => {
    const entry = { at: this.now + delay_ms, run };
    this.due.push(entry);
    return () => {
      const index = this.due.indexOf(entry);
      if (index >= 0) this.due.splice(index, 1);
    };
  };

  get size(): number {
    return this.due.length;
  }

  advance(delay_ms: number): void {
    this.now += delay_ms;
    for (const entry of this.due.filter(({ at }) => at <= this.now)) {
      this.due.splice(this.due.indexOf(entry), 1);
      entry.run();
    }
  }
}

/** Holds each write until the test says what became of it. */
class Scripted implements Destination {
  readonly name = 'scripted';
  readonly isTerminal = false;
  readonly canRecover: boolean;
  readonly files: string[] = [''];
  isClosed = false;
  writes = 0;
  private pending: { bytes: Buffer; done: WriteDone; file: number } | null = null;

  constructor(canRecover = true) {
    this.canRecover = canRecover;
  }

  get written(): string {
    return this.files.join('');
  }

  /** Bytes of the write under way, -1 if there is none. */
  get size(): number {
    return this.pending?.bytes.length ?? -1;
  }

  write(bytes: Buffer, done: WriteDone): void {
    assert.equal(this.pending, null, 'a second write while one is under way');
    assert.ok(bytes.length > 0);
    this.writes++;
    this.pending = { bytes, done, file: this.files.length - 1 };
  }

  take(count = Infinity): void {
    const { bytes, done, file } = this.pending!;
    this.pending = null;
    const written = Math.min(count, bytes.length);
    this.files[file] += bytes.toString('utf8', 0, written);
    done(null, written);
  }

  takeAll(): void {
    while (this.pending !== null) this.take();
  }

  fail(code: string): void {
    const { done } = this.pending!;
    this.pending = null;
    done(Object.assign(new Error(code), { code }), 0);
  }

  reopen(): void {
    this.files.push('');
  }

  close(): void {
    this.isClosed = true;
  }
}

function writerOf(options: Partial<LineWriterOptions> = {}, destination = new Scripted()) {
  const time = new VirtualTime();
  const writer = new LineWriter({ destination, schedule: time.schedule, encoding: 'latin1', ...options });
  return { time, writer, destination };
}

test('lines wait for a second, or for 64 KiB', () => {
  const { time, writer, destination } = writerOf();
  writer.write('a\n');
  time.advance(999);
  writer.write('b\n');
  assert.equal(destination.writes, 0);
  time.advance(1);
  destination.take();
  assert.equal(destination.written, 'a\nb\n');
  const line = `${'x'.repeat(1023)}\n`;
  for (let i = 0; i < 64; i++) writer.write(line);
  assert.equal(destination.size, 65_536);
  assert.equal(time.size, 0, 'a timer outlives its batch');
});

test('a batch holds whole lines, and a longer line goes alone', () => {
  const { writer, destination, time } = writerOf({ batch_bytes: 10 });
  for (const line of ['1234\n', '12\n', '123456\n', '1234567890123\n', '1\n']) writer.write(line);
  const sizes: number[] = [];
  time.advance(1000);
  while (destination.size >= 0) {
    sizes.push(destination.size);
    destination.take();
  }
  assert.deepEqual(sizes, [8, 7, 14, 2]);
  assert.equal(destination.written, '1234\n12\n123456\n1234567890123\n1\n');
});

test('a write that takes a part goes on where it ended', () => {
  const { writer, destination } = writerOf({ flush_ms: 0 });
  writer.write('abcdef\n');
  writer.write('next\n');
  for (const count of [1, 2, 3, 1]) destination.take(count);
  destination.takeAll();
  assert.equal(destination.written, 'abcdef\nnext\n');
});

test('a full pipe is asked again, less and less often, and loses nothing', () => {
  const { writer, destination, time } = writerOf({ flush_ms: 0, onFailure: assert.fail });
  writer.write('one\n');
  destination.take(2);
  for (const [i, delay_ms] of [1, 2, 4, 8, 16, 32, 64, 64].entries()) {
    destination.fail('EAGAIN');
    writer.write(`${i}\n`);
    time.advance(delay_ms - 1);
    assert.equal(destination.size, -1, 'asked again too soon');
    time.advance(1);
    assert.ok(destination.size > 0, `not asked after ${delay_ms} ms`);
  }
  destination.take(1);
  destination.fail('EAGAIN');
  time.advance(1);
  destination.takeAll();
  assert.equal(destination.written, 'one\n0\n1\n2\n3\n4\n5\n6\n7\n');
  assert.equal(writer.dropped, 0);
});

test('memory is bounded: what comes then is dropped and counted, whole lines only', () => {
  const { writer, destination } = writerOf({ flush_ms: 0, maxPending_bytes: 20 });
  for (let i = 0; i < 10; i++) writer.write(`line${i}\n`);
  assert.ok(writer.pending_bytes <= 20);
  assert.equal(writer.dropped, 7);
  destination.takeAll();
  assert.equal(destination.written, 'line0\nline1\nline2\n');
  writer.write('again\n');
  destination.takeAll();
  assert.ok(destination.written.endsWith('line2\nagain\n'));
  assert.equal(writer.pending_bytes, 0);
});

test('a full disk is tried again each second, told once, and told again after it had worked', () => {
  const failures: (string | undefined)[] = [];
  const { writer, destination, time } = writerOf({ flush_ms: 0, onFailure: ({ code }) => failures.push(code) });
  writer.write('a\n');
  for (let i = 0; i < 3; i++) {
    destination.fail('ENOSPC');
    time.advance(999);
    assert.equal(destination.size, -1);
    time.advance(1);
  }
  assert.deepEqual(failures, ['ENOSPC']);
  destination.take();
  writer.write('b\n');
  destination.fail('EIO');
  assert.deepEqual(failures, ['ENOSPC', 'EIO']);
  time.advance(1000);
  destination.take();
  assert.equal(destination.written, 'a\nb\n');
});

test('a stream that broke is given up, with everything that waits', () => {
  const failures: (string | undefined)[] = [];
  const options: Partial<LineWriterOptions> = { flush_ms: 0, onFailure: ({ code }) => failures.push(code) };
  const { writer, destination, time } = writerOf(options, new Scripted(false));
  for (const line of ['a\n', 'b\n', 'c\n']) writer.write(line);
  destination.fail('EPIPE');
  writer.write('d\n');
  assert.deepEqual([writer.dropped, writer.pending_bytes, time.size, destination.size], [4, 0, 0, -1]);
  assert.deepEqual(failures, ['EPIPE']);
});

test('bytes are counted as they are encoded', () => {
  const { writer, destination } = writerOf({ flush_ms: 0, encoding: 'utf8', maxPending_bytes: 8 });
  writer.write('日本\n');
  writer.write('é\n');
  assert.equal(writer.dropped, 1);
  destination.takeAll();
  assert.equal(destination.written, '日本\n');
});

test('flush waits for what is under way and for what is collected', async () => {
  const { writer, destination } = writerOf();
  await writer.flush();
  writer.write('a\n');
  const flushed = writer.flush();
  writer.write('b\n');
  let isOut = false;
  void flushed.then(() => (isOut = true));
  await Promise.resolve();
  assert.equal(isOut, false);
  const second = writer.flush();
  destination.takeAll();
  await Promise.all([flushed, second]);
  assert.equal(destination.written, 'a\nb\n');
});

test('close writes everything, once, and drops what comes later', async () => {
  const { writer, destination, time } = writerOf();
  writer.write('a\n');
  const closed = writer.close();
  writer.write('late\n');
  destination.takeAll();
  await closed;
  await writer.close();
  assert.equal(destination.written, 'a\n');
  assert.deepEqual([destination.isClosed, writer.dropped, time.size], [true, 1, 0]);
});

test('close does not wait for ever for a reader that stopped', async () => {
  const { writer, destination, time } = writerOf({ closeGrace_ms: 500 });
  for (const line of ['a\n', 'b\n', 'c\n']) writer.write(line);
  const closed = writer.close();
  assert.equal(destination.size, 6);
  time.advance(500);
  await closed;
  assert.deepEqual([destination.isClosed, writer.dropped], [true, 3]);
});

test('after reopening, no line stands in two files', () => {
  const rows: [name: string, taken: number, isUnderWay: boolean, files: string[], dropped: number][] = [
    ['between lines', 4, false, ['one\n', 'two\nthree\n'], 0],
    ['within a line', 5, false, ['one\nt', 'three\n'], 1],
    ['within the last line', 9, false, ['one\ntwo\nt', ''], 1],
    ['between lines, during a write', 4, true, ['one\n', 'two\nthree\n'], 0],
    ['within a line, during a write', 6, true, ['one\ntw', 'three\n'], 1],
    ['during a write of everything', 14, true, ['one\ntwo\nthree\n', ''], 0],
  ];
  for (const [name, taken, isUnderWay, files, dropped] of rows) {
    const { writer, destination, time } = writerOf();
    for (const line of ['one\n', 'two\n', 'three\n']) writer.write(line);
    time.advance(1000);
    if (isUnderWay) writer.reopen();
    destination.take(taken);
    if (!isUnderWay) {
      destination.fail('ENOSPC');
      writer.reopen();
    }
    destination.takeAll();
    assert.deepEqual(destination.files, files, name);
    assert.equal(writer.dropped, dropped, name);
    assert.equal(writer.pending_bytes, 0, name);
  }
});

test('whatever the destination does, what comes out is whole lines in their order', () => {
  const seed = Number(process.env['SEED'] ?? 20_261_121);
  let state = seed;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  for (let round = 0; round < 200; round++) {
    const { writer, destination, time } = writerOf({ batch_bytes: 64, maxPending_bytes: 300 });
    const lines = 100;
    for (let i = 0; i < lines; i++) {
      writer.write(`${i}:${'x'.repeat(random(30))}\n`);
      const turn = random(5);
      if (turn === 0) time.advance(1000);
      else if (destination.size < 0) continue;
      else if (turn === 1) destination.fail(['EAGAIN', 'ENOSPC'][random(2)]!);
      else if (turn === 2) destination.take(random(80));
      else if (turn === 3) destination.take();
    }
    void writer.flush();
    for (let i = 0; i < 200; i++) {
      if (destination.size >= 0) destination.take();
      else time.advance(1000);
    }
    const numbers = destination.written.split('\n').map((line) => /^(\d+):x*$/.exec(line)?.[1]);
    assert.equal(numbers.pop(), undefined);
    const order = numbers.map(Number);
    assert.ok(!order.includes(Number.NaN), `seed ${seed}, round ${round}: torn line in ${destination.written}`);
    assert.deepEqual(
      order,
      order.toSorted((a, b) => a - b),
      `seed ${seed}, round ${round}`,
    );
    assert.equal(order.length + writer.dropped, lines, `seed ${seed}, round ${round}`);
  }
});
