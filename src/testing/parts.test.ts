import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { scripted } from './answer.ts';
import { milliseconds, readDuration } from './duration.ts';
import { MemorySocket } from './memory-socket.ts';
import { MessageReader, type Message } from './message-reader.ts';
import { SeededRandom } from './seeded-random.ts';
import { VirtualClock } from './virtual-clock.ts';
import { Wire } from './wire.ts';

describe('durations', () => {
  for (const [text, expected] of [
    [0, 0],
    [250, 250],
    ['250ms', 250],
    ['61s', 61_000],
    ['1.5m', 90_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['1', null],
    ['1 s', null],
    ['-1s', null],
    [-1, null],
    [NaN, null],
    ['1e9d', null],
    ['999999d', null],
    [null, null],
  ] as const) {
    it(`${JSON.stringify(text)} is ${expected === null ? 'none' : `${expected} ms`}`, () => {
      assert.equal(readDuration(text), expected);
    });
  }

  it('say what would be right where they are wrong', () => {
    assert.throws(
      () => milliseconds('soon' as never),
      /"soon" is no duration: write milliseconds, or a number and its unit/,
    );
  });
});

describe('the virtual clock', () => {
  it('calls back in the order of time, then of starting, and not what was stopped', () => {
    const clock = new VirtualClock();
    const fired: string[] = [];
    clock.restart(1_000);
    clock.startTimer(20, () => fired.push('c'));
    clock.startTimer(10, () => fired.push('a'));
    clock.startTimer(10, () => fired.push('b'));
    clock.startTimer(15, () => fired.push('never')).stop();
    while (clock.next_ms < Infinity) {
      clock.moveTo(clock.next_ms);
      while (clock.fire());
    }
    assert.equal(fired.join(''), 'abc');
    assert.equal(`${clock.elapsed_ms} ${clock.wall_ms()}`, '20 1020');
    clock.restart(0);
    assert.equal(`${clock.elapsed_ms} ${clock.wall_ms()} ${clock.monotonic_ms()}`, '0 0 20');
  });
});

describe('seeded randomness', () => {
  it('is the same for the same seed, and even', () => {
    const [one, other] = [new SeededRandom(), new SeededRandom()];
    one.seed(5);
    other.seed(5);
    assert.deepEqual(one.randomBytes(7), other.randomBytes(7));
    let sum = 0;
    for (let i = 0; i < 10_000; i++) sum += one.random();
    assert.ok(Math.abs(sum / 10_000 - 0.5) < 0.02, `${sum}`);
  });
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a socket in memory', () => {
  function pair(): [MemorySocket, MemorySocket, string[]] {
    const [near, far] = MemorySocket.pair(
      new Wire((error) => assert.fail(String(error))),
      { address: '192.0.2.1', port: 1 },
      { address: '192.0.2.2', port: 2 },
    );
    const events: string[] = [];
    for (const [name, socket] of [
      ['near', near],
      ['far', far],
    ] as const) {
      for (const event of ['connect', 'end', 'close', 'error', 'drain'])
        socket.on(event, () => events.push(`${name} ${event}`));
    }
    return [near, far, events];
  }

  it('delivers what was written before it was connected, in order, and its end', async () => {
    const [near, far, events] = pair();
    let got = '';
    far.on('data', (bytes: Buffer) => (got += bytes.toString()));
    near.write('a');
    near.end('b');
    await turn();
    assert.equal(got, '');
    near.connected();
    for (let i = 0; i < 3; i++) await turn();
    assert.equal(`${got}: ${events.join(', ')}`, 'ab: near connect, far end, near drain');
    assert.equal(
      `${far.remoteAddress}:${far.remotePort} ${near.remoteAddress}:${near.remotePort}`,
      '192.0.2.1:1 192.0.2.2:2',
    );
  });

  it('makes who writes wait for who does not read', async () => {
    const [near, far, events] = pair();
    near.connected();
    far.pause();
    assert.equal(near.write(Buffer.alloc(65_536)), true);
    assert.equal(near.write(Buffer.alloc(1)), false);
    for (let i = 0; i < 3; i++) await turn();
    assert.deepEqual(events, ['near connect']);
    let got = 0;
    far.on('data', (bytes: Buffer) => (got += bytes.length));
    far.resume();
    for (let i = 0; i < 3; i++) await turn();
    assert.equal(`${got} ${events.at(-1)} ${near.writableLength}`, '65537 near drain 0');
  });

  it('answers by a reset where something was left unread, by an end where nothing was', async () => {
    for (const isUnread of [true, false]) {
      const [near, far, events] = pair();
      near.connected();
      if (isUnread) {
        far.pause();
        near.write('lost');
      }
      far.destroy();
      for (let i = 0; i < 3; i++) await turn();
      const expected = isUnread ? ['near error', 'near close'] : ['near end'];
      assert.deepEqual(
        events.filter((event) => event.startsWith('near') && event !== 'near connect'),
        expected,
      );
    }
  });

  it('gives what came before a reset, and then the reset', async () => {
    const [near, far, events] = pair();
    let got = '';
    near.on('data', (bytes: Buffer) => (got += bytes.toString()));
    near.connected();
    far.write('last words');
    far.resetAndDestroy();
    for (let i = 0; i < 3; i++) await turn();
    assert.equal(
      `${got}: ${events.filter((event) => event.startsWith('near')).join(', ')}`,
      'last words: near connect, near error, near close',
    );
  });
});

describe('messages', () => {
  it('are read alike however their bytes are cut', () => {
    const bytes = Buffer.from(
      'POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nPOST /b HTTP/1.1\r\nContent-Length: 2\r\n\r\nhiGET /c HTTP/1.1\r\nX: y\r\n\r\n',
    );
    for (let size = 1; size <= bytes.length; size++) {
      const read: string[] = [];
      const reader = new MessageReader(
        { onHead: () => {}, onMessage: ({ startLine, body }: Message) => read.push(`${startLine} ${body.toString()}`) },
        null,
      );
      for (let at = 0; at < bytes.length; at += size) reader.take(bytes.subarray(at, at + size));
      assert.deepEqual(read, ['POST /a HTTP/1.1 abc', 'POST /b HTTP/1.1 hi', 'GET /c HTTP/1.1 '], `pieces of ${size}`);
      assert.equal(reader.end(), true);
    }
  });
});

describe('answers', () => {
  for (const [answer, message] of [
    [{ stats: 200 }, 'here.stats: unknown attribute "stats", did you mean "status"?'],
    [{ status: 99 }, /^here\.status: /],
    [{ delay: 'soon' }, /^here\.delay: "soon" is no duration/],
    [{ body: 'a', json: 1 }, 'here: body and json exclude each other: an answer has one body'],
    [{ after_bytes: 3 }, 'here: after_bytes says when a fault comes: write fault, too'],
    [{ raw: 'x', status: 200 }, 'here: raw is the whole answer: leave out status and headers'],
    [{ headers: { 'X-A': 'a\r\nb' } }, /^here\.headers/],
  ] as const) {
    it(`${JSON.stringify(answer)} are refused with the reason`, () => {
      assert.throws(
        () => scripted(answer as never, 'here'),
        (error) => {
          const text = (error as Error).message;
          assert.ok(typeof message === 'string' ? text === message : message.test(text), text);
          return true;
        },
      );
    });
  }
});
