/**
 * The trap: a loop that stood still finds its deadlines long past, though nobody had a chance. What came in meanwhile was read
 * by nobody; what was begun after the pause was timed by a clock that was read before it.
 */
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { inLab } from './lab.ts';
import { answering, ok } from './scripted-upstream.ts';

const TIMEOUT_MS = 300;
const PAUSE_MS = 900;
const timeouts = { connect_ms: TIMEOUT_MS, send_ms: 60_000, read_ms: TIMEOUT_MS };

/** In another thread, since this one stands still: writes to the first port, and then a request to the second. */
const WRITER = `
const net = require('node:net');
const { parentPort, workerData } = require('node:worker_threads');
const [first, second] = workerData.map((port) => net.connect(port, '127.0.0.1'));
let text = '';
second.setEncoding('latin1').on('data', (piece) => {
  text += piece;
  if (text.endsWith('ok') || text.includes(' 50')) parentPort.postMessage(text);
});
let open = 0;
for (const socket of [first, second]) socket.on('connect', () => ++open === 2 && parentPort.postMessage(''));
parentPort.on('message', () => {
  first.write('x');
  setTimeout(() => second.write('GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n'), 20);
});
`;

function standStill(duration_ms: number): void {
  const until_ms = performance.now() + duration_ms;
  while (performance.now() < until_ms);
}

describe('a loop that stands still', () => {
  it(
    'gives an attempt that begins after the pause all of its time, though its clock was read before',
    inLab({ upstreams: [answering(ok('ok'))], upstream: { timeouts } }, async (lab) => {
      const server = net.createServer((socket) => socket.on('data', () => standStill(PAUSE_MS)));
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const writer = new Worker(WRITER, { eval: true, workerData: [port, lab.port] });
      try {
        await once(writer, 'message');
        writer.postMessage('');
        // Both bytes are there when the loop looks: the first ones hold it up, and then it reads the request.
        standStill(300);
        const [text] = (await once(writer, 'message')) as [string];
        assert.match(text, /^HTTP\/1\.1 200 /);
      } finally {
        await writer.terminate();
        server.close();
      }
    }),
  );

  it(
    'takes an answer that came during the pause, however late it is looked at',
    inLab(
      {
        upstreams: [
          async (connection) => {
            await connection.take('\r\n\r\n');
            // The answer lies in the kernel while the gateway, which is this thread too, stands still.
            connection.write(ok('ok'));
            standStill(PAUSE_MS);
          },
        ],
        upstream: { timeouts },
      },
      async (lab) => {
        const { status } = await lab.ask('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
        assert.equal(status, 200);
      },
    ),
  );
});
