/** A gateway that is overloaded for good: its memory bound is one byte. */
import assert from 'node:assert/strict';
import http from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { it } from 'node:test';
import { RunningGateway, type GatewayDocument } from './gateway.ts';
import { eventually } from './waiting.ts';

it('sheds by priority, and never the status, the metrics, or what must be served', async (t) => {
  const server = http.createServer((_, response) => response.end('served')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const nodes = { [`127.0.0.1:${(server.address() as AddressInfo).port}`]: 1 };
  const document: GatewayDocument = {
    gateway: { load_shedding: { memory_bytes: 1, sustained_ms: 250 }, metrics: { port: 0 } },
    routes: [
      { uri: '/usual', plugins: { 'load-shedding': {} }, upstream: { nodes } },
      { uri: '/vital', plugins: { 'load-shedding': { priority: 9 } }, upstream: { nodes } },
    ],
  };
  await using gateway = await RunningGateway.start(document);
  const ask = async (path: string): Promise<Response> => {
    const response = await fetch(gateway.origin + path);
    await response.arrayBuffer();
    return response;
  };
  assert.equal((await ask('/usual')).status, 200, 'nothing is refused before the overload has lasted');
  let refused = 0;
  await eventually(
    async () => {
      const { status, headers } = await ask('/usual');
      refused = status === 503 ? refused + 1 : 0;
      if (status === 503)
        assert.deepEqual([headers.get('Retry-After'), headers.get('X-Gatewright-Error')], ['2', 'overloaded']);
      return refused >= 20;
    },
    () => 'the usual traffic is not refused',
  );
  assert.equal((await ask('/vital')).status, 200);
  assert.equal(await gateway.readiness(), 200);
  await gateway.measured(/gatewright_shed_total\{object="routes\/[^"]+",priority="5"\} \d+/);
  await gateway.logged(/load_shedding .*memory_percent=\d+/);
});
