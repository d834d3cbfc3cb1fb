import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import { eventually } from '../../test/e2e/waiting.ts';
import { HandTimers } from '../../test/hand-timers.ts';
import { RedisServer } from '../../test/limit/redis.ts';
import { requireProgram } from '../../test/require-program.ts';
import { RedisConnections } from './redis-client.ts';

const IDLE_MS = 10_000;
const ECHO = { name: 'echoed', lua: 'return ARGV[1]' };

interface Bench {
  readonly server: RedisServer;
  readonly timers: HandTimers;
  readonly client: RedisConnections;
  /** Connections that the server has, its inspector's own left out. */
  connections(): number;
}

async function open(t: TestContext, idle_ms: number): Promise<Bench | null> {
  const program = requireProgram(t, 'redis-server');
  if (program === undefined) return null;
  const server = await RedisServer.start(program);
  t.after(() => server.end());
  const timers = new HandTimers();
  const servers = { kind: 'single', host: '127.0.0.1', port: server.port } as const;
  const client = new RedisConnections({ servers, timeout_ms: 30_000, idle_ms }, timers.start);
  t.after(() => client.close());
  const connections = (): number => server.ask('CLIENT', 'LIST').split('\n').length - 1;
  return { server, timers, client, connections };
}

const closes = ({ connections }: Bench): Promise<void> =>
  eventually(
    () => connections() === 0,
    () => 'the connection stays open',
  );

it('a connection that no call needed for a while is closed, and the next call makes another one', async (t) => {
  const bench = await open(t, IDLE_MS);
  if (bench === null) return;
  const { client, timers, connections } = bench;
  for (let round = 0; round < 3; round++) {
    assert.equal(await client.run(ECHO, ['k'], [round]), String(round));
    timers.pass(IDLE_MS - 1);
    assert.equal(connections(), 1);
    assert.equal(await client.command('GET', 'nothing'), null);
    timers.pass(IDLE_MS - 1);
    assert.equal(connections(), 1, 'the time begins anew with each call');
    timers.pass(1);
    await closes(bench);
  }
  assert.equal(timers.pending, 0);
});

it('a call that waits for its answer keeps the connection', async (t) => {
  const bench = await open(t, IDLE_MS);
  if (bench === null) return;
  const { client, timers, server } = bench;
  await client.command('GET', 'k');
  const waiting = client.command('BLPOP', 'list', 0);
  timers.pass(IDLE_MS * 2);
  server.ask('LPUSH', 'list', 'late');
  assert.deepEqual(await waiting, ['list', 'late']);
  timers.pass(IDLE_MS);
  await closes(bench);
});

it('a server that went away is looked for by no call, however long there was none', async (t) => {
  const bench = await open(t, IDLE_MS);
  if (bench === null) return;
  const { client, timers, server } = bench;
  await client.command('GET', 'k');
  await server.kill();
  await eventually(
    () =>
      client.command('GET', 'k').then(
        () => false,
        () => true,
      ),
    () => 'nobody notices that the server is gone',
  );
  timers.pass(IDLE_MS * 3);
  await assert.rejects(client.command('GET', 'k'), { name: 'ClientError' });
  await server.run();
  await eventually(
    () =>
      client.command('GET', 'k').then(
        () => true,
        () => false,
      ),
    () => 'the server is not found again',
  );
});

it('without such a time it stays open, and a closed client leaves no timer', async (t) => {
  const bench = await open(t, 0);
  if (bench === null) return;
  await bench.client.command('GET', 'k');
  bench.timers.pass(86_400_000);
  assert.equal(bench.connections(), 1);
  const other = await open(t, IDLE_MS);
  await other?.client.command('GET', 'k');
  other?.client.close();
  assert.equal(other?.timers.pending, 0);
});

it('times that are none are refused', () => {
  const servers = { kind: 'single', host: '127.0.0.1', port: 6379 } as const;
  for (const idle_ms of [-1, 1.5, Number.NaN, 86_400_001]) {
    assert.throws(
      () => new RedisConnections({ servers, idle_ms }, new HandTimers().start),
      /idle_ms of a client of Redis/,
    );
  }
});

it('a client that nobody used is closed without a word', async () => {
  const servers = { kind: 'single', host: '127.0.0.1', port: 1 } as const;
  const client = new RedisConnections({ servers, timeout_ms: 1000, idle_ms: IDLE_MS }, new HandTimers().start);
  // A rejection that nobody handles fails the test, and ends a worker.
  client.close();
  await new Promise((resolve) => setImmediate(resolve));
});
