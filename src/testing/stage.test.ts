import assert from 'node:assert/strict';
import { test } from 'node:test';
import { definePlugin } from '../sdk/index.ts';
import { checkConfiguration } from './compiled-configuration.ts';
import type { TestResult } from './result.ts';
import { SeededRandom } from './seeded-random.ts';
import { Stage } from './stage.ts';
import { gatewayOn, type TestGatewayOptions } from './test-gateway.ts';

/** Keeps something where no memory of the gateway is. */
const counting = definePlugin({
  name: 'counting',
  priority: 1,
  summary: 'Counts in its own closure.',
  schema: { type: 'object' },
  create() {
    let count = 0;
    return {
      access: (exchange) => exchange.request.setHeader('X-Count', String(++count)),
    };
  },
});

const NODES = { '10.0.0.1:80': 2, '10.0.0.2:80': 1 };
const upstream = { nodes: NODES };
const CONFIG = {
  global_rules: [{ id: 'g', plugins: { 'limit-count': { count: 9, time_window: 60, rejected_code: 429 } } }],
  services: [
    { id: 's', upstream, plugins: { 'limit-req': { rate: 2, burst: 1, key: 'remote_addr', rejected_code: 503 } } },
  ],
  consumers: [
    {
      username: 'jack',
      plugins: { 'key-auth': { key: 'jacks' }, 'limit-count': { count: 3, time_window: 60, rejected_code: 429 } },
    },
    { username: 'jill', plugins: { 'key-auth': { key: 'jills' } } },
  ],
  routes: [
    {
      id: 'count',
      uri: '/count',
      upstream,
      plugins: { 'limit-count': { count: 2, time_window: 60, rejected_code: 429 } },
    },
    {
      id: 'a',
      uri: '/group/a',
      upstream,
      plugins: { 'limit-count': { count: 2, time_window: 60, rejected_code: 429, group: 'g' } },
    },
    {
      id: 'b',
      uri: '/group/b',
      upstream,
      plugins: { 'limit-count': { count: 2, time_window: 60, rejected_code: 429, group: 'g' } },
    },
    {
      id: 'break',
      uri: '/break',
      upstream: { nodes: { '10.0.0.3:80': 1 } },
      plugins: { 'api-breaker': { break_response_code: 503, unhealthy: { http_statuses: [500], failures: 2 } } },
    },
    {
      id: 'circuit',
      uri: '/circuit',
      upstream: { nodes: { '10.0.0.3:80': 1, '10.0.0.1:80': 1 } },
      plugins: { 'circuit-breaker': { consecutive_failures: 1 } },
    },
    { id: 'key', uri: '/key', upstream, plugins: { 'key-auth': {} } },
    { id: 'id', uri: '/id', upstream, plugins: { 'request-id': {} } },
    { id: 'own', uri: '/own', upstream, plugins: { counting: {} } },
    { id: 'served', uri: '/served', service_id: 's' },
  ],
};
const PATHS = ['/count', '/group/a', '/group/b', '/break', '/circuit', '/key', '/id', '/own', '/served', '/nowhere'];
const OPTIONS: TestGatewayOptions = {
  upstreams: {
    '10.0.0.1:80': { body: 'one' },
    '10.0.0.2:80': { body: 'two', delay: '30ms' },
    '10.0.0.3:80': [500, 500, 200],
  },
};

/** What a test of some random requests sees. */
async function course(stage: Stage, seed: number): Promise<readonly unknown[]> {
  const random = new SeededRandom();
  random.seed(seed);
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random.random() * of.length)] as T;
  const gateway = gatewayOn(stage, { ...OPTIONS, seed });
  gateway.keepsStage = true;
  const seen: unknown[] = [];
  for (let i = 0; i < 12; i++) {
    if (random.random() < 0.2) await gateway.clock.advance(pick([1, 500, 2_000, 61_000]));
    const headers = { apikey: pick(['jacks', 'jills', 'wrong']) };
    seen.push(seenOf(await gateway.request(pick(PATHS), { headers })));
  }
  seen.push(
    gateway.clock.elapsed_ms,
    gateway.log.map(({ event }) => event),
  );
  await gateway.close();
  return [seen, await stage.clean(gateway.touched)];
}

function seenOf({ json: _, explain: __, revision: ___, ...rest }: TestResult): unknown {
  return JSON.parse(JSON.stringify(rest));
}

test('a test on a stage that others had before sees what it sees on a new one', async () => {
  const configuration = await checkConfiguration(CONFIG, { env: {}, plugins: [counting] });
  const shared = new Stage(configuration);
  for (let seed = 1; seed <= 40; seed++) {
    const fresh = new Stage(configuration);
    assert.deepEqual(await course(shared, seed), await course(fresh, seed), `seed ${seed}`);
    await fresh.close();
  }
  await shared.close();
});

test('a stage whose configuration was changed serves no other test', async () => {
  const configuration = await checkConfiguration(CONFIG, { env: {}, plugins: [counting] });
  const stage = new Stage(configuration);
  const gateway = gatewayOn(stage, OPTIONS);
  gateway.keepsStage = true;
  await gateway.apply({ routes: [] });
  await gateway.close();
  assert.equal(await stage.clean(gateway.touched), false);
});
