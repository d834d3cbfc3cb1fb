/** `limits.connections`: of all workers together. */
import assert from 'node:assert/strict';
import net from 'node:net';
import { it } from 'node:test';
import { RunningGateway } from '../gateway.ts';
import { eventually } from '../waiting.ts';

const MOST = 10;
const CLIENTS = 60;

/** How many of so many clients get an answer; the others are closed without one. They stay until `end`. */
async function connect(port: number): Promise<{ answered: number; closed: number; end(): void }> {
  const sockets = Array.from({ length: CLIENTS }, () => net.connect(port, '127.0.0.1').on('error', () => undefined));
  const outcomes = sockets.map((socket) => {
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    return new Promise<string>((resolve) => {
      socket.once('data', () => resolve('answered')).once('close', () => resolve('closed'));
    });
  });
  const got = await Promise.all(outcomes);
  const count = (outcome: string): number => got.filter((one) => one === outcome).length;
  return { answered: count('answered'), closed: count('closed'), end: () => sockets.forEach((one) => one.destroy()) };
}

it('are bounded for all workers together; what comes beyond is closed, counted and logged', async () => {
  const free = { address: '127.0.0.1', port: 0 };
  await using gateway = await RunningGateway.start({
    gateway: { workers: 3, limits: { connections: MOST }, metrics: free },
  });
  const first = await connect(gateway.port);
  assert.deepEqual([first.answered, first.closed], [MOST, CLIENTS - MOST]);
  await gateway.logged(/ warn +connections_full most=10\n/);
  first.end();
  await gateway.measured(new RegExp(`^gatewright_connections_refused_total ${CLIENTS - MOST}$`, 'm'));
  // Their places are free as soon as all workers have noticed.
  await eventually(
    async () => {
      const next = await connect(gateway.port);
      next.end();
      return next.answered === MOST;
    },
    () => 'places are not free again',
  );
});
