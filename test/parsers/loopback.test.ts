import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { describe, it } from 'node:test';
import { TimerWheel } from '../../src/clock/timer-wheel.ts';
import { ServerConnection } from '../../src/http1/server-connection.ts';
import { listen } from '../../src/http1/sockets.ts';
import { seededRandom } from '../fuzz/random.ts';
import { readCorpus } from './corpus.ts';
import { randomCuts } from './cuts.ts';
import { Recorder, runServer, settingsOf } from './server-run.ts';

const SEED = 20_260_803;
/** One in so many messages: with all of them this would take as long as the test without sockets, and show no more. */
const SAMPLE = 4;

async function send(port: number, bytes: Buffer, cuts: readonly number[]): Promise<string> {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  let answers = '';
  socket.setEncoding('latin1');
  socket.on('data', (text: string) => (answers += text));
  // A connection that is given up with input unread is reset; what was answered before that still counts.
  socket.on('error', () => {});
  await once(socket, 'connect');
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    if (!socket.destroyed) socket.write(bytes.subarray(from, to));
    from = to;
    await new Promise((resolve) => setImmediate(resolve));
  }
  socket.end();
  if (!socket.closed) await once(socket, 'close');
  return answers;
}

describe('over real sockets a cut message has the outcome of the whole one without', () => {
  for (const readPath of ['onread', 'data'] as const) {
    it(`read by ${readPath} (seed ${SEED})`, async () => {
      const random = seededRandom(SEED);
      const wheel = new TimerWheel(50, (error) => assert.fail(String(error)));
      const messages = readCorpus('requests').filter((_, index) => index % SAMPLE === 0);
      let recorder = new Recorder('prompt');
      let limits = messages[0]?.limits ?? assert.fail('the corpus is empty');
      const { server, port } = await listen({
        address: '127.0.0.1',
        port: 0,
        backlog: 16,
        readPath,
        onSocket: (socket) => void new ServerConnection(socket, settingsOf(limits, wheel, recorder)),
        onAcceptError: (error) => assert.fail(error),
      });
      try {
        for (const message of messages) {
          recorder = new Recorder('prompt');
          ({ limits } = message);
          const whole = runServer(message.bytes, [], limits, 'prompt');
          const answers = await send(port, message.bytes, randomCuts(message.bytes.length, random));
          const { events, problems } = recorder;
          assert.deepEqual(
            { name: message.name, events, problems },
            { name: message.name, events: whole.events, problems: [] },
          );
          assert.equal(answers, whole.written, message.name);
        }
      } finally {
        server.close();
      }
    });
  }
});
