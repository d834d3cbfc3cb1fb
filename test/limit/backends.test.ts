import assert from 'node:assert/strict';
import { hash, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { clientSource } from '../../src/clients/clients.ts';
import { systemClock } from '../../src/clock/clock.ts';
import { allocateLimits, SharedLimits } from '../../src/limit/shared-limits.ts';
import { SpaceCounters } from '../../src/limit/space-counters.ts';
import { RedisLimits } from '../../src/plugins/limit-redis.ts';
import type { RedisClient, RedisClientOptions, RedisServers } from '../../src/sdk/index.ts';
import { requireProgram } from '../require-program.ts';
import { eventually } from '../e2e/waiting.ts';
import { RedisServer, startCluster, startSentinels } from './redis.ts';
import { agreesWithModel } from './suite.ts';

const SEED = Math.floor(performance.timeOrigin) % 1_000_000;
const START_MS = 1_800_000_000_000;
const owner = { plugin: 'limit-count', object: 'routes/1', configHash: 'h' };

function clientOf(t: TestContext, servers: RedisServers, more: Partial<RedisClientOptions> = {}): RedisClient {
  const connect = clientSource((delay_ms, onExpired) => systemClock.startTimer(delay_ms, onExpired));
  const { client, close } = connect('redis', { servers, timeout_ms: 10_000, ...more });
  t.after(close);
  return client;
}

async function redisAgrees(t: TestContext, servers: RedisServers): Promise<void> {
  const clock = { now_ms: START_MS };
  const now_ms = (): number => clock.now_ms;
  const backends = [1, 2].map(() => new RedisLimits({ client: clientOf(t, servers), owner, now_ms }));
  await agreesWithModel(backends, clock, SEED);
}

describe('limits count what the model counts', () => {
  it('in the memory of one worker, and of four', async () => {
    for (const workers of [1, 4]) {
      const clock = { now_ms: START_MS };
      const sizes = { counters: { maxKeys: 1000 }, cells: { threads: 1 }, kv: { max_bytes: 0 } };
      const memory = allocateLimits(randomBytes(8), sizes);
      const digest = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer');
      const backends = Array.from({ length: workers }, (_, at) => {
        const { counters } = new SharedLimits(memory, { now_ms: () => clock.now_ms, digest, generation: at + 1 });
        return new SpaceCounters(counters, (space) => space);
      });
      await agreesWithModel(backends, clock, SEED);
    }
  });

  it('in a server of Redis', async (t) => {
    const program = requireProgram(t, 'redis-server');
    if (program === undefined) return;
    const server = await RedisServer.start(program);
    t.after(() => server.end());
    await redisAgrees(t, { kind: 'single', host: '127.0.0.1', port: server.port });
    assert.ok(Number(server.ask('DBSIZE')) > 20);
    for (const key of server.ask('KEYS', '*').split('\n')) assert.match(key, /^gatewright:limit-count:/);
  });

  it('in a cluster of three', async (t) => {
    const program = requireProgram(t, 'redis-server');
    if (program === undefined) return;
    const nodes = await startCluster(program);
    t.after(async () => {
      for (const node of nodes) await node.end();
    });
    await redisAgrees(t, { kind: 'cluster', nodes: [{ host: '127.0.0.1', port: nodes[0]!.port }] });
    for (const node of nodes) assert.ok(Number(node.ask('DBSIZE')) > 3, 'every node has counts');
  });

  it('in the master that a sentinel names, and in the one that takes its place', async (t) => {
    const program = requireProgram(t, 'redis-server');
    if (program === undefined) return;
    const { master, replica, sentinels, hasten } = await startSentinels(program);
    t.after(async () => {
      for (const server of [master, replica, ...sentinels]) await server.end();
    });
    const addresses = sentinels.map(({ port }) => ({ host: '127.0.0.1', port }));
    const servers = { kind: 'sentinel', sentinels: addresses, master_name: 'shop', role: 'master' } as const;
    await redisAgrees(t, servers);
    const limits = new RedisLimits({ client: clientOf(t, servers, { timeout_ms: 1000 }), owner });
    const query = { key: 'k', limit: 5, window_ms: 60_000, cost: 1 };
    assert.equal((await limits.fixedWindow('s', query)).remaining, 4);
    hasten();
    await master.kill();
    await eventually(
      async () => {
        const decision = await limits.fixedWindow('s', query).catch(() => null);
        // The replica had what was counted before.
        return decision !== null && decision.remaining <= 3;
      },
      () => 'nobody takes the place of the master',
    );
  });
});

describe('places in Redis', () => {
  it('are as many as there are, free when they are left, and when their time is up', async (t) => {
    const program = requireProgram(t, 'redis-server');
    if (program === undefined) return;
    const server = await RedisServer.start(program);
    t.after(() => server.end());
    const clock = { now_ms: START_MS };
    const client = clientOf(t, { kind: 'single', host: '127.0.0.1', port: server.port });
    const limits = new RedisLimits({ client, owner, now_ms: () => clock.now_ms });
    const place = (member: string) => ({ member, ttl_ms: 60_000 });
    const enter = (member: string, most = 2) => limits.enter('s', 'k', most, place(member));
    assert.deepEqual([await enter('a'), await enter('b'), await enter('c')], [1, 2, 0]);
    await limits.leave('s', 'k', place('a'));
    await limits.leave('s', 'k', place('a'));
    assert.deepEqual([await enter('c'), await enter('d')], [2, 0]);
    clock.now_ms += 60_000;
    assert.deepEqual([await enter('d'), await enter('e')], [1, 2]);
    const many = await Promise.all(
      Array.from({ length: 60 }, (_, at) => limits.enter('s', 'other', 25, place(`m${at}`))),
    );
    assert.deepEqual(
      many.filter((taken) => taken > 0).toSorted((a, b) => a - b),
      Array.from({ length: 25 }, (_, at) => at + 1),
    );
  });
});
