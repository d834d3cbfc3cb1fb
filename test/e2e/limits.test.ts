/** Limits of a gateway as its users run it, with four workers: as exact as with one. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { it } from 'node:test';
import type { TestContext } from 'node:test';
import { newAgent } from '../client/speaking.ts';
import { RedisServer } from '../limit/redis.ts';
import { requireProgram } from '../require-program.ts';
import { RunningGateway } from './gateway.ts';
import { eventually } from './waiting.ts';

const WORKERS = 4;
const CLIENTS = 48;

/** Answers at once, and requests to `/hold` when it is told to. */
class Upstream {
  readonly held: (() => void)[] = [];
  private readonly server = http.createServer((request, response) => {
    if (request.url === '/hold') this.held.push(() => response.end('held'));
    else response.end('at once');
  });

  static async start(t: TestContext): Promise<Upstream> {
    const upstream = new Upstream();
    await once(upstream.server.listen(0, '127.0.0.1'), 'listening');
    t.after(() => {
      upstream.server.closeAllConnections();
      upstream.server.close();
    });
    return upstream;
  }

  get node(): object {
    const address = this.server.address();
    return { [`127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`]: 1 };
  }
}

/** @param routes plugins by path */
async function start(upstream: Upstream, routes: Readonly<Record<string, object>>): Promise<RunningGateway> {
  const all = Object.entries(routes).map(([uri, plugins]) => ({ uri, plugins, upstream: { nodes: upstream.node } }));
  return RunningGateway.start({ gateway: { workers: WORKERS }, routes: all });
}

/** So many requests over connections that go to all workers; how many got each status. */
async function flood(port: number, path: string, requests: number): Promise<Record<number, number>> {
  const agent = newAgent({ keepAlive: true, maxSockets: CLIENTS });
  const counts: Record<number, number> = {};
  const all = Array.from({ length: requests }, async () => {
    const status = await statusOf(port, agent, path);
    counts[status] = (counts[status] ?? 0) + 1;
  });
  await Promise.all(all);
  agent.destroy();
  return counts;
}

function statusOf(port: number, agent: http.Agent, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: '127.0.0.1', port, agent, path }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    });
    request.on('error', reject);
  });
}

it('counts, buckets and places are exact across four workers under load', async (t) => {
  const upstream = await Upstream.start(t);
  const count = { count: 200, time_window: 3600, rejected_code: 429 };
  await using gateway = await start(upstream, {
    '/fixed': { 'limit-count': count },
    '/sliding': { 'limit-count': { ...count, window_type: 'sliding' } },
    '/tokens': { 'limit-token-bucket': { rate: 0.000_1, capacity: 200 } },
    '/leaky': { 'limit-req': { rate: 0.000_1, burst: 199, nodelay: true, key: 'remote_addr', rejected_code: 429 } },
    '/hold': { 'limit-conn': { conn: 10, burst: 0, default_conn_delay: 1, rejected_code: 429 } },
  });
  for (const path of ['/fixed', '/sliding', '/tokens', '/leaky']) {
    assert.deepEqual(await flood(gateway.port, path, 900), { 200: 200, 429: 700 }, path);
  }
  for (let round = 0; round < 2; round++) {
    const agent = newAgent({ maxSockets: Infinity });
    let refused = 0;
    const all = Array.from({ length: CLIENTS }, async () => {
      const status = await statusOf(gateway.port, agent, '/hold');
      if (status === 429) refused++;
      return status;
    });
    await eventually(
      () => refused === CLIENTS - 10 && upstream.held.length === 10,
      () => `${refused} refused, ${upstream.held.length} under way`,
    );
    for (const answer of upstream.held.splice(0)) answer();
    assert.equal((await Promise.all(all)).filter((status) => status === 200).length, 10);
    // The last place is left when the exchange is over, which is a moment after its last byte has come.
    await eventually(
      async () => (await statusOf(gateway.port, agent, '/hold?at-once')) === 200,
      () => 'the places are not free',
    );
  }
});

it('and counts in Redis, for two gateways together', async (t) => {
  const program = requireProgram(t, 'redis-server');
  if (program === undefined) return;
  const server = await RedisServer.start(program);
  t.after(() => server.end());
  const upstream = await Upstream.start(t);
  const redis = { policy: 'redis', redis_host: '127.0.0.1', redis_port: server.port, redis_timeout: 10_000 };
  const limit = { 'limit-count': { count: 300, time_window: 3600, rejected_code: 429, ...redis } };
  await using one = await start(upstream, { '/*': limit });
  await using other = await start(upstream, { '/*': limit });
  const [first, second] = await Promise.all([flood(one.port, '/', 400), flood(other.port, '/', 400)]);
  assert.equal((first[200] ?? 0) + (second[200] ?? 0), 300);
  assert.equal((first[429] ?? 0) + (second[429] ?? 0), 500);
});

it('while Redis stands still or is gone, no request waits longer than its timeout, and none is lost', async (t) => {
  const program = requireProgram(t, 'redis-server');
  if (program === undefined) return;
  const server = await RedisServer.start(program);
  t.after(() => server.end());
  const upstream = await Upstream.start(t);
  const timeout_ms = 400;
  const redis = { policy: 'redis', redis_host: '127.0.0.1', redis_port: server.port, redis_timeout: timeout_ms };
  const limit = { 'limit-count': { count: 1_000_000_000, time_window: 3600, rejected_code: 429, ...redis } };
  await using gateway = await start(upstream, { '/*': limit });
  // Its log tells of Redis.
  gateway.expectsFaults = true;
  const agent = newAgent({ keepAlive: true, maxSockets: CLIENTS });
  t.after(() => agent.destroy());
  let isOver = false;
  let sent = 0;
  const answers: { readonly status: number; readonly waited_ms: number }[] = [];
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (!isOver) {
      sent++;
      const sentAt_ms = performance.now();
      const status = await statusOf(gateway.port, agent, '/');
      answers.push({ status, waited_ms: performance.now() - sentAt_ms });
    }
  });
  const see = (status: number): Promise<void> => {
    const from = answers.length;
    return eventually(
      () => answers.slice(from).filter((answer) => answer.status === status).length >= CLIENTS,
      () => `no answers with ${status}`,
    );
  };
  await see(200);
  server.pause();
  await see(503);
  server.resume();
  await see(200);
  await server.kill();
  await see(503);
  await server.run();
  await see(200);
  isOver = true;
  await Promise.all(clients);
  assert.equal(answers.length, sent, 'each request has an answer');
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200, 503]));
  const longest_ms = Math.max(...answers.map(({ waited_ms }) => waited_ms));
  // What a busy machine adds: without a bound, those that met Redis standing still would have waited until it went on.
  assert.ok(longest_ms < timeout_ms + 5_000, `${Math.round(longest_ms)} ms`);
  const refusals = gateway.errorLog.match(/limit_unavailable/g)?.length ?? 0;
  assert.ok(refusals >= 1 && refusals <= 20, `${refusals} lines of the log`);
});
