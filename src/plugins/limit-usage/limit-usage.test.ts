import assert from 'node:assert/strict';
import { it } from 'node:test';
import { RedisServer } from '../../../test/limit/redis.ts';
import { HandClock, openLab, type Lab, type LabOptions } from '../../../test/plugins/lab.ts';
import { requireProgram } from '../../../test/require-program.ts';

const CONSUMERS = ['jack', 'jill'].map((username) => ({
  username,
  plugins: { 'key-auth': { key: `${username}-key` } },
}));

function configured(more: object = {}): string {
  const limit = { key: 'consumer_name', group: 'plan', rejected_code: 429, ...more };
  const plan = { ...limit, count: 5, time_window: 60 };
  const upstream = { nodes: { $UPSTREAM: 1 } };
  return JSON.stringify({
    consumers: CONSUMERS,
    routes: [
      { id: 'api', uri: '/api/*', plugins: { 'key-auth': {}, 'limit-count': plan }, upstream },
      {
        id: 'usage',
        uri: '/usage',
        plugins: { 'key-auth': {}, 'limit-count': { ...plan, cost: 0 }, 'limit-usage': {} },
      },
    ],
  });
}

const as = (lab: Lab, name: string, path: string) => lab.request(path, { headers: { apikey: `${name}-key` } });
const usageOf = async (lab: Lab, name: string): Promise<unknown> => {
  const { status, text, headers } = await as(lab, name, '/usage');
  assert.deepEqual([status, headers['cache-control']], [200, 'no-store']);
  return JSON.parse(text);
};
const usage = (consumer: string, used: number, reset_s: number): object => ({
  consumer,
  limits: [{ plugin: 'limit-count', policy: 'default', limit: 5, used, remaining: 5 - used, window_s: 60, reset_s }],
});

async function follow(lab: Lab): Promise<void> {
  assert.equal((await lab.request('/usage')).status, 401);
  assert.deepEqual(await usageOf(lab, 'jack'), usage('jack', 0, 60));
  for (let i = 0; i < 3; i++) assert.equal((await as(lab, 'jack', '/api/x')).status, 200);
  for (let i = 0; i < 3; i++)
    assert.deepEqual(await usageOf(lab, 'jack'), usage('jack', 3, 60), 'asking costs nothing');
  assert.deepEqual(await usageOf(lab, 'jill'), usage('jill', 0, 60), 'each consumer sees its own');
  for (let i = 0; i < 4; i++) await as(lab, 'jack', '/api/x');
  assert.equal((await as(lab, 'jack', '/api/x')).status, 429);
  assert.deepEqual(await usageOf(lab, 'jack'), usage('jack', 5, 60), 'also when nothing is left');
  assert.equal(lab.seen.length, 5);
}

it('consumers see what limits leave them, and asking costs nothing', async (t) => {
  const clock = new HandClock();
  const options: LabOptions = { clock };
  const lab = await openLab(t, configured(), options);
  await follow(lab);
  clock.pass(20_000);
  assert.deepEqual(await usageOf(lab, 'jack'), usage('jack', 5, 40));
  clock.pass(41_000);
  assert.deepEqual(await usageOf(lab, 'jack'), usage('jack', 0, 60));
});

it('in Redis, too', async (t) => {
  const program = requireProgram(t, 'redis-server');
  if (program === undefined) return;
  const server = await RedisServer.start(program);
  t.after(() => server.end());
  const redis = { policy: 'redis', redis_host: '127.0.0.1', redis_port: server.port, redis_timeout: 20_000 };
  const lab = await openLab(t, configured({ ...redis, time_window: 60 }));
  await as(lab, 'jack', '/api/x');
  const told = (await usageOf(lab, 'jack')) as { readonly limits: readonly { readonly used: number }[] };
  assert.equal(told.limits[0]?.used, 1);
});

it('all limits of the route are told, and none where there is none', async (t) => {
  const rules = [
    { count: 5, time_window: 1, key: '$remote_addr', header_prefix: 'Burst' },
    { count: 100, time_window: 3600, key: '$remote_addr', header_prefix: 'Hour' },
  ];
  const plugins = {
    'limit-count': { rules, cost: 0 },
    'limit-token-bucket': { rate: 1, capacity: 10, cost: 0 },
    'limit-usage': {},
  };
  const lab = await openLab(
    t,
    JSON.stringify({
      routes: [
        { id: 'all', uri: '/usage', plugins },
        { id: 'none', uri: '/none', plugins: { 'limit-usage': {} } },
      ],
    }),
  );
  const { limits } = JSON.parse((await lab.request('/usage')).text) as {
    readonly limits: readonly Readonly<Record<string, unknown>>[];
  };
  assert.deepEqual(
    limits.map((limit) => Object.values<unknown>(limit).slice(0, 5)),
    [
      ['limit-count', 'Burst', 5, 0, 5],
      ['limit-count', 'Hour', 100, 0, 100],
      ['limit-token-bucket', 'default', 10, 0, 10],
    ],
  );
  assert.deepEqual(JSON.parse((await lab.request('/none')).text), { consumer: null, limits: [] });
});
