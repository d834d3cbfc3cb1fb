/** A process that has no descriptors left: what it says, and that nodes are not blamed for it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { it } from 'node:test';
import { ask, valuesOf } from '../client.ts';
import { LAUNCHER, routeTo, RunningGateway } from '../gateway.ts';
import { eventually } from '../waiting.ts';
import { descriptorsOf } from './accounts.ts';

const MOST = 120;
/** One failure takes a node out, one success brings none back. */
const CHECKS = {
  active: {
    type: 'tcp',
    healthy: { interval: 1, successes: 10 },
    unhealthy: { interval: 1, tcp_failures: 1, timeouts: 1 },
  },
  passive: { type: 'tcp', unhealthy: { tcp_failures: 1 } },
};

it('says so with 503 where it cannot connect to a node for want of descriptors, and leaves the node in', async (t) => {
  // Each request takes a connection.
  const server = http.createServer((_, response) => {
    response.writeHead(200, { Connection: 'close' }).end('here');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const folder = mkdtempSync(path.join(tmpdir(), 'gatewright-descriptors-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const launcher = path.join(folder, 'launcher');
  writeFileSync(launcher, `#!/bin/sh\nulimit -n ${MOST}\nexec "${LAUNCHER}" "$@"\n`);
  chmodSync(launcher, 0o755);
  const { port } = server.address() as AddressInfo;
  await using gateway = await RunningGateway.start(
    { gateway: { workers: 1 }, routes: [routeTo([port], { checks: CHECKS })] },
    { launcher },
  );
  const clients: net.Socket[] = [];
  t.after(() => clients.forEach((client) => client.destroy()));
  // Each takes a descriptor, until the first of them is told that there are none for a node: what comes then is closed.
  let head = '';
  const asking = net.connect(gateway.port, '127.0.0.1').setEncoding('latin1');
  clients.push(asking);
  for (let i = 0; i < 2 * MOST && !head.startsWith('HTTP/1.1 503 '); i++) {
    const client = net.connect(gateway.port, '127.0.0.1').on('error', () => undefined);
    clients.push(client);
    await once(client, 'connect');
    asking.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    [head] = (await once(asking, 'data')) as [string];
  }
  assert.match(head, /^HTTP\/1\.1 503 [^]*\r\nX-Gatewright-Error: descriptors_exhausted\r\n/);
  for (const client of clients) client.destroy();
  await eventually(
    () => descriptorsOf(gateway) < MOST / 2,
    () => 'descriptors are not given back',
  );
  const answer = await ask(gateway.port, { path: '/' });
  assert.deepEqual([answer.status, valuesOf(answer, 'x-gatewright-error')], [200, []]);
  assert.doesNotMatch(gateway.errorLog, /node_down/);
});
