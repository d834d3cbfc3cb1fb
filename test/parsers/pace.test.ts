import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TimerWheel } from '../../src/clock/timer-wheel.ts';
import { ClientConnection } from '../../src/http1/client-connection.ts';
import { plainDialer } from '../../src/http1/plain-dialer.ts';
import type { ResponseFault, ResponseSink } from '../../src/http1/client-settings.ts';
import { ServerConnection } from '../../src/http1/server-connection.ts';
import { DEFAULT_LIMITS } from './corpus.ts';
import { FakeSocket } from './fake-socket.ts';
import { Recorder, settingsOf, TIMEOUTS } from './server-run.ts';

const onFault = (error: unknown): void => assert.fail(String(error));

/** Feeds the pieces and lets a time go by. */
function serverAfter(pieces: readonly string[], elapsed_ms: number): { recorder: Recorder; socket: FakeSocket } {
  const wheel = new TimerWheel(50, onFault);
  wheel.advance(0);
  const recorder = new Recorder('prompt');
  const socket = new FakeSocket();
  const connection = new ServerConnection(socket.asSocket(), settingsOf(DEFAULT_LIMITS, wheel, recorder));
  for (const piece of pieces) connection.onBytes(Buffer.from(piece), 0, piece.length);
  wheel.advance(elapsed_ms);
  return { recorder, socket };
}

describe('when the time for a head is up', () => {
  const after_ms = TIMEOUTS.head_ms + 1_000;

  it('one that is only incomplete timed out', () => {
    assert.deepEqual(serverAfter(['GET / HT', 'TP/1.1'], after_ms).recorder.events, ['request_timeout']);
  });

  it('one that came in pieces and is malformed by now is malformed', () => {
    // The second piece is too small to have the head parsed again, and its end will never come.
    const pieces = ['GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n', 'Y : z\n\n'];
    assert.deepEqual(serverAfter(pieces, 1_000).recorder.events, []);
    assert.deepEqual(serverAfter(pieces, after_ms).recorder.events, ['bad_header']);
  });

  it('an empty line alone was no request: its connection ends without an answer', () => {
    const { recorder, socket } = serverAfter(['\r\n'], after_ms);
    assert.deepEqual([recorder.events, socket.written, socket.isDestroyed], [[], '', true]);
  });
});

describe('when the time for a response is up', () => {
  function faultAfter(pieces: readonly string[]): ResponseFault | '' {
    const wheel = new TimerWheel(50, onFault);
    wheel.advance(0);
    let found: ResponseFault | '' = '';
    const ignore = (): void => {};
    const sink: ResponseSink = {
      onResponseInterim: ignore,
      onResponseHead: () => 'data',
      onResponseStart: ignore,
      onResponseBody: ignore,
      onUpstreamWritable: ignore,
      onResponseFault: (fault) => (found = fault),
    };
    const owner = { onReusable: ignore, onClosed: ignore, onException: onFault };
    const limits = { line_bytes: 8_192, head_bytes: 32_768, fields: 100 };
    const timeouts = { connect_ms: 1_000, send_ms: 1_000, read_ms: 1_000 };
    const connection = new ClientConnection(plainDialer('127.0.0.1', 9), { limits, wheel }, owner, timeouts);
    connection.isConnected = true;
    connection.begin(sink, false, timeouts);
    connection.write(Buffer.alloc(0), 0, 0, true);
    for (const piece of pieces) connection.onBytes(Buffer.from(piece), 0, piece.length);
    wheel.advance(2_000);
    connection.abort();
    return found;
  }

  it('one that is only incomplete timed out', () => {
    assert.equal(faultAfter(['HTTP/1.1 200 OK\r\n', 'X: ']), 'read_timeout');
  });

  it('one that came in pieces and is malformed by now is malformed', () => {
    assert.equal(faultAfter(['HTTP/1.1 200 OK\r\nX: y\r\n', 'Y : z\n\n']), 'malformed');
  });
});
