/** WebSocket through a gateway as its users run it: reloads do not touch connections, a stop takes leave of them. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { routeTo, RunningGateway } from '../e2e/gateway.ts';

test('a stop closes connections with 1001 on both sides after their time, and the process ends well', async (t) => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  t.after(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await using gateway = await RunningGateway.start({
    gateway: { workers: 2, access_log: { path: 'access.log', format: 'json' }, timeouts: { tunnel_drain_ms: 300 } },
    routes: [{ ...routeTo([port]), enable_websocket: true }],
  });
  const closed: Promise<unknown[]>[] = [];
  const clients: WebSocket[] = [];
  server.on('connection', (socket) => {
    closed.push(once(socket, 'close'));
    socket.on('message', (data) => socket.send(data));
  });
  for (let k = 0; k < 6; k++) {
    const client = new WebSocket(`ws://127.0.0.1:${gateway.port}/`);
    await once(client, 'open');
    clients.push(client);
    closed.push(once(client, 'close'));
  }
  gateway.signal('SIGHUP');
  for (const client of clients) {
    client.send('still there');
    await once(client, 'message');
  }
  gateway.signal('SIGTERM');
  const codes = (await Promise.all(closed)).map(([code]) => code);
  assert.deepEqual(codes, new Array(12).fill(1001));
  assert.deepEqual(await gateway.exited, { code: 0, signal: null });
  const lines = gateway.lines('access.log').map((line) => JSON.parse(line) as { status: number; error_code?: string });
  assert.deepEqual(
    lines.map(({ status }) => status),
    new Array(6).fill(101),
  );
});
