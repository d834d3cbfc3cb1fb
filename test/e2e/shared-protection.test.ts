/** Breakers and bounds of a gateway with two workers: each connection may come to another one, and all know the same. */
import assert from 'node:assert/strict';
import http, { type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { RunningGateway } from './gateway.ts';
import { eventually } from './waiting.ts';

describe('protection with two workers', () => {
  const seen = new Map<string, number>();
  const held: ServerResponse[] = [];
  const server = http.createServer((request, response) => {
    const path = request.url ?? '';
    seen.set(path, (seen.get(path) ?? 0) + 1);
    if (path === '/held') held.push(response);
    else response.writeHead(500).end();
  });
  let gateway: RunningGateway;
  before(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const upstream = { nodes: { [`127.0.0.1:${(server.address() as AddressInfo).port}`]: 1 } };
    const route = (uri: string, plugins: object): object => ({ id: uri.slice(1), uri, plugins, upstream });
    gateway = await RunningGateway.start({
      gateway: { workers: 2 },
      routes: [
        route('/breaker', {
          'api-breaker': { break_response_code: 599, max_breaker_sec: 300, unhealthy: { failures: 5 } },
        }),
        route('/circuit', { 'circuit-breaker': { consecutive_failures: 5, open_ms: 300_000 } }),
        route('/held', { bulkhead: { max_concurrent: 6 } }),
      ],
    });
  });
  after(async () => {
    for (const response of held) response.end();
    await gateway[Symbol.asyncDispose]();
    server.close();
    server.closeAllConnections();
  });

  /** The status, on a connection of its own. */
  function ask(path: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const request = http.get({ host: '127.0.0.1', port: gateway.port, path, agent: false }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode ?? 0));
      });
      request.on('error', reject);
    });
  }

  for (const [path, refusal] of [
    ['/circuit', 503],
    ['/breaker', 599],
  ] as const) {
    it(`${path} lets five failures through, whoever had them, and no request more`, async () => {
      const failures: number[] = [];
      let fifth_ms = 0;
      while (failures.length < 5) {
        fifth_ms = performance.now();
        failures.push(await ask(path));
      }
      assert.deepEqual(failures, Array(5).fill(500));
      // For 2 s api-breaker breaks at first: what is answered so soon after the fifth was sent was asked while it did.
      const refusals: number[] = [];
      let isBroken = true;
      while (isBroken && refusals.length < 35) {
        const status = await ask(path);
        isBroken = performance.now() - fifth_ms < 2_000;
        if (isBroken) refusals.push(status);
      }
      assert.ok(refusals.length > 0, 'the machine stood still');
      assert.ok(
        refusals.every((status) => status === refusal),
        refusals.join(),
      );
      if (isBroken) assert.equal(seen.get(path), 5);
    });
  }

  it('as many requests as allowed are under way, of both workers together', async () => {
    const answers = Array.from({ length: 30 }, () => ask('/held'));
    const refused: number[] = [];
    for (const answer of answers) void answer.then((status) => refused.push(status));
    await eventually(
      () => refused.length === 24 && held.length === 6,
      () => `${refused.length} refused, ${held.length} under way`,
    );
    assert.ok(refused.every((status) => status === 503));
    for (const response of held.splice(0)) response.end();
    const statuses = await Promise.all(answers);
    assert.equal(statuses.filter((status) => status === 200).length, 6);
  });
});
