/** Limits, on both transports: no test waits for real. */
import assert from 'node:assert/strict';
import { ONE, routeTo, scenario } from './scenario.ts';
import type { Ask } from './scenario.ts';

const statuses = async (ask: Ask, count: number, ...args: Parameters<Ask>): Promise<string> => {
  const got: number[] = [];
  for (let i = 0; i < count; i++) got.push((await ask(...args)).status);
  return got.join(' ');
};
const limit = (more: Readonly<Record<string, unknown>>) =>
  routeTo(ONE, { 'limit-count': { count: 2, time_window: 60, rejected_code: 429, ...more } });

// limit-count.

scenario(
  'a fixed window begins with its first request, and ends a window later',
  { config: limit({}) },
  async (ask, gateway) => {
    await gateway.clock.advance('30s');
    assert.equal(await statuses(ask, 3, '/'), '200 200 429');
    await gateway.clock.advance('59999ms');
    assert.equal(await statuses(ask, 1, '/'), '429');
    await gateway.clock.advance('1ms');
    assert.equal(await statuses(ask, 3, '/'), '200 200 429');
  },
);

scenario(
  'a sliding window lets in what the last one leaves room for',
  { config: limit({ count: 4, window_type: 'sliding' }) },
  async (ask, gateway) => {
    assert.equal(await statuses(ask, 5, '/'), '200 200 200 200 429');
    await gateway.clock.advance('90s');
    // Half of the last window still counts, at most: two of its four.
    assert.equal(await statuses(ask, 3, '/'), '200 200 429');
  },
);

scenario('the headers say what is left, and when there is more', { config: limit({}) }, async (ask, gateway) => {
  const headersOf = async (): Promise<string> => {
    const { headers } = await ask('/');
    return (
      ['limit', 'remaining', 'reset'].map((name) => headers[`x-ratelimit-${name}`]).join(' ') +
      ` ${headers['retry-after'] ?? '-'}`
    );
  };
  assert.equal(await headersOf(), '2 1 60 -');
  await gateway.clock.advance('20s');
  assert.equal(await headersOf(), '2 0 40 -');
  assert.equal(await headersOf(), '2 0 40 40');
});

scenario(
  'callers are counted by what the key says',
  { config: limit({ key: 'arg_user', key_type: 'var' }) },
  async (ask) => {
    assert.equal(await statuses(ask, 3, '/?user=a'), '200 200 429');
    assert.equal(await statuses(ask, 3, '/?user=b'), '200 200 429');
  },
);

scenario(
  'a caller without the key is counted by its address',
  { config: limit({ key: 'arg_user', key_type: 'var' }) },
  async (ask) => {
    assert.equal(await statuses(ask, 3, '/', { from: '127.0.0.2' }), '200 200 429');
    assert.equal(await statuses(ask, 1, '/', { from: '127.0.0.3' }), '200');
  },
);

scenario(
  'several variables make one key',
  { config: limit({ key: '$remote_addr $arg_user', key_type: 'var_combination' }) },
  async (ask) => {
    assert.equal(await statuses(ask, 3, '/?user=a'), '200 200 429');
    assert.equal(await statuses(ask, 2, '/?user=a', { from: '127.0.0.4' }), '200 200');
  },
);

scenario('one count for all', { config: limit({ key: 'all', key_type: 'constant' }) }, async (ask) => {
  assert.equal(await statuses(ask, 2, '/', { from: '127.0.0.2' }), '200 200');
  assert.equal(await statuses(ask, 1, '/', { from: '127.0.0.3' }), '429');
});

scenario(
  'the refusal is what the configuration says',
  { config: limit({ rejected_code: 503, rejected_msg: 'later' }) },
  async (ask) => {
    await statuses(ask, 2, '/');
    const { status, repliedBy, json } = await ask('/');
    assert.equal(`${status} ${repliedBy} ${JSON.stringify(json())}`, '503 limit-count {"error_msg":"later"}');
  },
);

scenario(
  'the headers are left out where that is asked for',
  { config: limit({ show_limit_quota_header: false }) },
  async (ask) => {
    const { headers } = await ask('/');
    assert.equal(headers['x-ratelimit-limit'], undefined);
  },
);

scenario(
  'routes of a group count together, others apart',
  {
    config: {
      routes: ['/a', '/b', '/c'].map((uri) => ({
        id: uri.slice(1),
        uri,
        plugins: {
          'limit-count': { count: 2, time_window: 60, rejected_code: 429, ...(uri === '/c' ? {} : { group: 'g' }) },
        },
        upstream: { nodes: ONE },
      })),
    },
  },
  async (ask) => {
    assert.equal(await statuses(ask, 2, '/a'), '200 200');
    assert.equal(await statuses(ask, 1, '/b'), '429');
    assert.equal(await statuses(ask, 1, '/c'), '200');
  },
);

scenario(
  'of several rules each counts, and one that refuses keeps the later ones from counting',
  {
    config: routeTo(ONE, {
      'limit-count': {
        rejected_code: 429,
        rules: [
          { count: 1, time_window: 1, key: '$remote_addr', header_prefix: 'Burst' },
          { count: 3, time_window: 60, key: '$remote_addr', header_prefix: 'Minute' },
        ],
      },
    }),
  },
  async (ask, gateway) => {
    const got: string[] = [];
    for (let i = 0; i < 6; i++) {
      const { status, headers } = await ask('/');
      got.push(`${status} ${headers['x-minute-ratelimit-remaining'] ?? '-'}`);
      if (i % 2 === 1) await gateway.clock.advance('1s');
    }
    assert.deepEqual(got, ['200 2', '429 -', '200 1', '429 -', '200 0', '429 -']);
    assert.equal(await statuses(ask, 1, '/'), '429');
    await gateway.clock.advance('57s');
    assert.equal(await statuses(ask, 1, '/'), '200');
  },
);

scenario(
  'an edit of something else keeps the count, an edit of the limit begins anew',
  { config: limit({}) },
  async (ask, gateway) => {
    await statuses(ask, 2, '/');
    await gateway.apply({ ...limit({}), consumers: [{ username: 'new' }] });
    assert.equal(await statuses(ask, 1, '/'), '429');
    await gateway.apply(limit({ count: 1 }));
    assert.equal(await statuses(ask, 2, '/'), '200 429');
  },
);

// The others.

scenario(
  'limit-req holds back what comes too fast, and refuses what comes faster still',
  {
    config: routeTo(ONE, {
      'limit-req': { rate: 1, burst: 1, key_type: 'var', key: 'remote_addr', rejected_code: 429 },
    }),
  },
  async (ask, gateway) => {
    const [first, second, third] = await Promise.all([ask('/'), ask('/'), ask('/')]);
    const spent = [first, second, third].map((one) => `${one?.status} ${one?.elapsed_ms}`).toSorted();
    assert.deepEqual(spent, ['200 0', '200 1000', '429 0']);
    await gateway.clock.advance('5s');
    assert.equal((await ask('/')).elapsed_ms, 0);
  },
);

scenario(
  'limit-conn counts requests that are under way',
  {
    config: routeTo(ONE, {
      'limit-conn': {
        conn: 1,
        burst: 0,
        default_conn_delay: 1,
        key_type: 'var',
        key: 'remote_addr',
        rejected_code: 503,
      },
    }),
    upstreams: { '10.0.0.1:80': { delay: '5s' } },
  },
  async (ask, gateway) => {
    const running = gateway.request('/');
    await gateway.clock.advance('1s');
    assert.equal((await ask('/')).status, 503);
    assert.equal((await running).status, 200);
    assert.equal((await ask('/')).status, 200);
  },
);

scenario(
  'limit-token-bucket fills up as time passes',
  {
    config: routeTo(ONE, {
      'limit-token-bucket': { rate: 1, capacity: 2, key_type: 'var', key: 'remote_addr', rejected_code: 429 },
    }),
  },
  async (ask, gateway) => {
    assert.equal(await statuses(ask, 3, '/'), '200 200 429');
    await gateway.clock.advance('1s');
    assert.equal(await statuses(ask, 2, '/'), '200 429');
    await gateway.clock.advance('10s');
    assert.equal(await statuses(ask, 3, '/'), '200 200 429');
  },
);
