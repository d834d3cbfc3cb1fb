import assert from 'node:assert/strict';
import { it } from 'node:test';
import { TimerWheel } from '../../src/clock/timer-wheel.ts';
import { KINDS } from '../../src/http1/fields.ts';
import { ServerConnection } from '../../src/http1/server-connection.ts';
import type { RequestHandler, RequestSink } from '../../src/http1/server-settings.ts';
import { DEFAULT_LIMITS } from './corpus.ts';
import { FakeSocket } from './fake-socket.ts';
import { Recorder, settingsOf } from './server-run.ts';

const onFault = (error: unknown): void => assert.fail(String(error));
const ignore = (): void => {};

function feed(connection: ServerConnection, text: string): void {
  connection.onBytes(Buffer.from(text), 0, text.length);
}

it('a drain that begins within a head lets that request be answered, and closes after it', () => {
  const recorder = new Recorder('prompt');
  const socket = new FakeSocket();
  const connection = new ServerConnection(
    socket.asSocket(),
    settingsOf(DEFAULT_LIMITS, new TimerWheel(50, onFault), recorder),
  );
  feed(connection, 'GET /1 HTTP/1.1\r\nHo');
  connection.drain();
  assert.equal(socket.hasEnded, false);
  feed(connection, 'st: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.deepEqual(recorder.events, ['GET /1']);
  assert.match(socket.written, /\r\nConnection: close\r\n/);
  assert.equal(socket.hasEnded, true);
});

it('a body that is dropped for one early answer is no leave to drop that of the next one', () => {
  const socket = new FakeSocket();
  const sink: RequestSink = {
    onRequestStart: ignore,
    onRequestBody: ignore,
    onRequestFault: ignore,
    onClientGone: ignore,
    onClientWritable: ignore,
  };
  let requests = 0;
  const handler: RequestHandler = {
    onRequest(connection) {
      if (++requests === 1) connection.discardBody();
      const response = {
        keepsStart: false,
        status: 200,
        reason: 'OK',
        fields: null,
        dropped: new Uint8Array(KINDS),
        added: '',
      };
      connection.respond(response, Buffer.alloc(0), 0, 0);
      connection.end();
      return sink;
    },
    onBadRequest: () => assert.fail('both requests are fine'),
    onClosed: ignore,
    onException: onFault,
  };
  const connection = new ServerConnection(
    socket.asSocket(),
    settingsOf(DEFAULT_LIMITS, new TimerWheel(50, onFault), handler),
  );
  const post = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n';
  feed(connection, post);
  feed(connection, 'hello');
  assert.equal(socket.written, 'HTTP/1.1 200 OK\r\n\r\n');
  feed(connection, post);
  assert.equal(socket.written, 'HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\nConnection: close\r\n\r\n');
  connection.abort(false);
});
